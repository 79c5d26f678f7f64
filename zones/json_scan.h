/*
 * Looks at JSON bytes of other zones without building a tree: is it exactly one object, well formed, not too deep? And: where is a
 * member of it? Accepts what jansson accepts (but for numbers out of range and keys that come twice), in constant memory.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* One JSON object from the first to the last byte, no blanks around it, depth ≤ JSON_MAX_DEPTH, valid UTF-8. */
bool json_scan_object(const char *bytes, size_t length);

/* The same by one reader of blocks (zones/json_masks.h), which this processor must be able to run: all of them say the same. */
struct json_masker;
bool json_scan_object_by(const struct json_masker *masker, const char *bytes, size_t length);
/* The same, and fills an index on the way (zones/json_index.h); NULL: none. */
struct json_index;
bool json_scan_index_by(const struct json_masker *masker, const char *bytes, size_t length, struct json_index *index);

/* A string member at the top of an object that passed the scan: its raw bytes between the quotes. False: none, or no string, or it
 * contains escapes. For ids, names of projects and times, which never do. */
bool json_scan_string(const char *bytes, size_t length, const char *name, const char **out, size_t *out_length);

/* The nesting of JSON that passes in pieces: only brackets and strings are looked at. Empty is `{0}`. */
struct json_depth {
    int depth;
    bool in_string;
    bool escaped;
};

/* The next bytes. False: deeper than JSON_MAX_DEPTH; then nothing more is to be asked. */
bool json_depth_scan(struct json_depth *depth, const char *bytes, size_t length);

/* application/json, whatever its parameters; NULL is not. */
bool json_is_content_type(const char *type);
