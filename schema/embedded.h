/* Files that are part of the binary (schema/embed.cmake). Each table is closed by a row with name NULL; a NUL stands behind each
 * file. */
#pragma once

#include <stddef.h>

struct embedded_file {
    const char *name;
    const unsigned char *bytes;
    size_t length;
};

extern const struct embedded_file embedded_migrations[];
extern const struct embedded_file embedded_schemas[];
extern const struct embedded_file standard_names[]; /* resource_classes.txt, traits.txt */
