/*
 * Who lives below: one row per zone of this zone's subtree, itself included (DESIGN section 5, spec link.md section 6).
 *
 * A child's directory is checked row by row (shape, tag, path), put below the child's name and merged with the others'. The digest
 * says whether two directories are equal. A zone that is reached by two ways has two rows. Pure but for memory; nothing is asked
 * here.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "gateway/base/arena.h"
#include "gateway/base/err.h"
#include "gateway/base/id.h"

#define DIRECTORY_ZONES_MAX   16384      /* of one child */
#define DIRECTORY_PATH_MAX    703        /* ten names and their slashes */
#define DIRECTORY_DIGEST_SIZE 33         /* hex and NUL */
#define DIRECTORY_UNLINKED    "unlinked" /* the state of a child that says that it has no link of its parent's */

struct directory_row {
    struct uuid zone;
    uint32_t tag;
    int64_t next_hop; /* the child's id (struct zone_row); 0: this zone itself */
    const char *path; /* from this zone: "east/east-1"; "." itself */
    const char *state;
    bool untagged; /* owns servers whose ids carry other tags */
};

struct directory {
    const struct directory_row *rows; /* sorted by tag, zone, path */
    size_t count;
    char digest[DIRECTORY_DIGEST_SIZE];
};

/* What one child contributes. `rows` as directory_read gave them, paths from the child. */
struct directory_part {
    int64_t child;
    const char *name;
    const char *state;
    const struct directory_row *rows;
    size_t count;
};

/* Reads `{"digest","zones":[…]}` as a child wrote it. Rows whose tag is not that of their uuid, or whose path or state is not of
 * the form, are E_INVALID, as is a list that lacks the child itself ("."). */
MUST_CHECK enum err directory_read(struct arena *arena, const json_t *value, const struct directory_row **out, size_t *out_count);
/* Merges this zone (`own`, path ".") and its children's parts; sorts; makes the digest. A child's own row takes the state as this
 * zone sees it, and what lies below a child that is down, disabled or unlinked takes that state too. */
void directory_merge(struct arena *arena, const struct directory_row *own, const struct directory_part *parts, size_t count,
                     struct directory *out);
/* `{"digest","zones":[{"uuid","tag","path","state","untagged"}]}`; without `zones` when `known_digest` is the current one. The
 * caller's to decref. */
json_t *directory_json(const struct directory *directory, const char *known_digest);
/* The rows with that tag, next to each other; NULL and 0 when there is none. */
const struct directory_row *directory_find_tag(const struct directory *directory, uint32_t tag, size_t *out_count);
/* A row of that zone which leads to it by another child than `but`, and by links that work; NULL. */
const struct directory_row *directory_find_zone(const struct directory *directory, const struct uuid *zone, int64_t but);
/* By path from this zone; NULL. */
const struct directory_row *directory_find_path(const struct directory *directory, const char *path);
/* May this child speak for the id (first claim wins, DESIGN section 5)? True when the child has a zone with that tag or with
 * untagged ids, or no zone of the tree is known to have that tag. */
bool directory_may_answer(const struct directory *directory, int64_t child, const struct uuid *id);
