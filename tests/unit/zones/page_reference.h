/*
 * A page of a plain Nova's list as rows, made in as many walks as there are questions: what nova_page_read must give, by any
 * instruction set. For the unit test and the fuzzer.
 */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "zones/json_scan.h"
#include "zones/nova_frames.h"
#include "zones/row_key.h"

static enum err reference_row(struct arena *arena, const struct nova_page_options *options, const struct nova_piece *piece,
                              struct nova_page *page)
{
    CLEANUP(text_clear) struct text key = {0};
    CLEANUP(text_clear) struct text body = {0};
    struct nova_rewrite rules = *options->rules;
    const struct nova_list *list = options->list;
    const char *project = NULL;
    size_t length = 0;
    struct row row;
    TRY(nova_row_key(list, piece->bytes, piece->length, rules.project_here, &key, &row.uuid));
    page->last = row.uuid;
    page->has_last = true;
    if (!json_scan_string(piece->bytes, piece->length, "tenant_id", &project, &length) || length != strlen(rules.project_there) ||
        memcmp(project, rules.project_there, length) != 0)
        return OK;
    if (list->after && row_key_compare(key.bytes, key.length, list->after, list->after_length) <= 0)
        return OK;
    rules.brief = list->brief;
    nova_rewrite(&rules, piece->bytes, piece->length, &body);
    if (body.length > ROW_BODY_MAX)
        return fail(E_INVALID, "too long");
    row.key = arena_copy(arena, key.bytes, key.length);
    row.key_length = key.length;
    row.body = arena_strndup(arena, text_str(&body), body.length);
    row.body_length = body.length;
    page->rows[page->count++] = row;
    return OK;
}

static enum err reference_page(struct arena *arena, const struct nova_page_options *options, const char *bytes, size_t length,
                               struct nova_page *out)
{
    const struct nova_piece *pieces = NULL;
    struct nova_piece next;
    struct nova_page page = {0};
    size_t count = 0;
    if (!json_scan_object(bytes, length) || !nova_split(arena, bytes, length, "servers", &pieces, &count))
        return fail(E_INVALID, "no list of servers");
    page.rows = arena_alloc(arena, (count + 1) * sizeof(*page.rows));
    for (size_t i = 0; i < count; i++)
        TRY(reference_row(arena, options, &pieces[i], &page));
    page.more = count > 0 && nova_member(bytes, length, "servers_links", &next);
    *out = page;
    return OK;
}

static bool same_rows(const struct nova_page *a, const struct nova_page *b)
{
    if (a->count != b->count || a->more != b->more || a->has_last != b->has_last ||
        (a->has_last && !uuid_equal(&a->last, &b->last)))
        return false;
    for (size_t i = 0; i < a->count; i++) {
        const struct row *left = &a->rows[i];
        const struct row *right = &b->rows[i];
        if (!uuid_equal(&left->uuid, &right->uuid) || left->key_length != right->key_length ||
            left->body_length != right->body_length || memcmp(left->key, right->key, left->key_length) != 0 ||
            memcmp(left->body, right->body, left->body_length) != 0)
            return false;
    }
    return true;
}

/* Is it so of every reader of blocks that can run here? The text is copied to the end of a heap block: a read behind it is seen. */
static bool pages_agree(const struct nova_page_options *options, const char *bytes, size_t length)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct nova_page wanted = {0};
    size_t count = 0;
    const struct json_masker *maskers = json_maskers(&count);
    char *copy = malloc(length ? length : 1);
    if (!copy)
        abort();
    if (length)
        memcpy(copy, bytes, length);
    const enum err result = reference_page(&arena, options, copy, length, &wanted);
    bool same = true;
    for (size_t i = 0; i < count; i++) {
        struct nova_page_options by = *options;
        struct nova_page page = {0};
        by.masker = &maskers[i];
        if (!maskers[i].can_run())
            continue;
        const enum err found = nova_page_read(&arena, &by, copy, length, &page);
        same = same && found == result && (found != OK || same_rows(&page, &wanted));
    }
    free(copy);
    return same;
}
