/*
 * What a delegation says (spec link.md section 3), member by member. The usual form, one flat object of plain ASCII, is read in one
 * pass; whatever else is JSON goes through schema/json, and what that refuses is refused. Not here: what the members mean.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/arena.h"
#include "gateway/base/err.h"

enum claim_kind { CLAIM_OTHER, CLAIM_TEXT, CLAIM_NUMBER, CLAIM_LIST };

struct claim {
    const char *name;
    enum claim_kind kind;
    const char *text;
    int64_t number;
    const char *const *items; /* of a list; NULL: an item that is no text */
    size_t count;
};

struct claims {
    struct claim *items;
    size_t count;
};

/* In the arena. E_INVALID: no JSON; E_NOT_FOUND: no object. */
MUST_CHECK enum err delegation_read(struct arena *arena, const char *text, size_t length, struct claims *out);
/* NULL: there is none of that name and kind. */
const struct claim *delegation_get(const struct claims *claims, const char *name, enum claim_kind kind);
const char *delegation_text(const struct claims *claims, const char *name);
