/*
 * libFuzzer on what other zones send as lists: the rows reader, whole and in pieces, the structural scanner, the merge.
 * Besides crashes it finds contradictions: pieces must give what the whole gives, a row that was accepted must be accepted again,
 * and of each text the scanner says by every instruction set what a scanner of single bytes says, and its index has the same notes
 * and the same blanks.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/zones/merge_lists.h"
#include "tests/unit/zones/scan_reference.h"
#include "zones/json_index.h"
#include "zones/json_masks.h"
#include "zones/json_scan.h"
#include "zones/row_key.h"
#include "zones/rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
    if (!condition)
        abort();
}

/* In pieces whose lengths the input chooses: the same rows, the same end. */
static void read_pieces(const uint8_t *data, size_t size, const struct row_list *whole, int good)
{
    struct arena arena = {0};
    struct row_list list = {0};
    struct row_reader reader;
    struct row row;
    size_t start = 0;
    size_t end = 0;
    size_t count = 0;
    enum err result = OK;
    row_reader_init(&reader, NULL, 0);
    while (result == OK && !reader.ended && (end < size || start < end)) {
        enum row_step step = ROW_STEP_MORE_BYTES;
        size_t used = 0;
        result = row_reader_next(&reader, &arena, data + start, end - start, &used, &step, &row, &list);
        must(used <= end - start);
        start += used;
        if (result == OK && step == ROW_STEP_ROW && good)
            must(count < whole->count && memcmp(&row.uuid, &whole->rows[count].uuid, sizeof(row.uuid)) == 0);
        count += result == OK && step == ROW_STEP_ROW ? 1 : 0;
        if (result == OK && step == ROW_STEP_MORE_BYTES) {
            if (end == size)
                break;
            end += 1 + (size_t)data[end] % 7;
            end = end < size ? end : size;
        }
    }
    must(!good || (reader.ended && count == whole->count && start == size));
    arena_clear(&arena);
}

static void write_again(const struct row_list *list)
{
    struct arena arena = {0};
    struct text out = {0};
    struct row_list again = {0};
    for (size_t i = 0; i < list->count; i++)
        rows_write(&out, &list->rows[i]);
    rows_write_trailer(&out, (uint32_t)list->count, list->more, &list->missing);
    must(rows_read(&arena, out.bytes, out.length, NULL, 0, &again) == OK && again.count == list->count && again.more == list->more);
    text_clear(&out);
    arena_clear(&arena);
}

/* Twice the same list is one list. */
static void merge_twice(struct arena *arena, const struct row_list *list)
{
    const struct row_list lists[] = {*list, *list};
    struct merged_rows merged;
    rows_merge(arena, lists, 2, list->count + 1, &merged);
    must(merged.count <= list->count);
    for (size_t i = 1; i < merged.count; i++)
        must(row_key_compare(merged.rows[i - 1].key, merged.rows[i - 1].key_length, merged.rows[i].key, merged.rows[i].key_length) <
             0);
}

static const struct json_names names = {{"\"id\"", "\"a\"", "\"href\""}};

static void copy_all(const struct json_index *index, struct text *out)
{
    text_reserve(out, index->length + JSON_INDEX_MORE);
    out->length = (size_t)(json_index_copy(index, 0, index->length, out->bytes) - out->bytes);
}

/* Every note stands where it says, and a copy of the whole has the same notes and no blanks that could be left out. */
static void check_index(const struct json_index *index)
{
    CLEANUP(text_clear) struct text once = {0};
    CLEANUP(text_clear) struct text twice = {0};
    CLEANUP(json_index_clear) struct json_index again = {0};
    for (size_t i = 0; i < index->count; i++) {
        const struct json_note *note = &index->notes[i];
        const char *at = index->bytes + note->at;
        must(i == 0 || index->notes[i - 1].at < note->at);
        must(*at == (note->kind == NOTE_OPEN ? '{' : note->kind == NOTE_CLOSE ? '}' : '"'));
        must(note->kind != NOTE_NAME || memcmp(at, names.quoted[note->name], strlen(names.quoted[note->name])) == 0);
    }
    copy_all(index, &once);
    must(json_index_make(&again, NULL, &names, once.bytes, once.length) && again.count == index->count);
    copy_all(&again, &twice);
    must(once.length == twice.length && memcmp(once.bytes, twice.bytes, once.length) == 0);
}

static void must_be_same(const struct json_index *a, const struct json_index *b)
{
    must(a->count == b->count);
    must(memcmp(a->kept, b->kept, (a->length + JSON_BLOCK - 1) / JSON_BLOCK * sizeof(*a->kept)) == 0);
    for (size_t i = 0; i < a->count; i++) {
        const struct json_note *left = &a->notes[i];
        const struct json_note *right = &b->notes[i];
        must(left->at == right->at && left->kind == right->kind && left->name == right->name && left->depth == right->depth);
    }
}

static void index_by_all(const char *bytes, size_t size, bool good)
{
    CLEANUP(json_index_clear) struct json_index plain = {0};
    size_t count = 0;
    const struct json_masker *maskers = json_maskers(&count);
    must(json_index_make(&plain, &maskers[count - 1], &names, bytes, size) == good);
    for (size_t i = 0; i < count; i++) {
        CLEANUP(json_index_clear) struct json_index index = {0};
        if (!maskers[i].can_run())
            continue;
        must(json_index_make(&index, &maskers[i], &names, bytes, size) == good);
        if (!good)
            continue;
        must_be_same(&index, &plain);
        check_index(&index);
    }
}

static void scan_by_all(const char *bytes, size_t size)
{
    size_t count = 0;
    const struct json_masker *maskers = json_maskers(&count);
    const bool good = reference_scan(bytes, size);
    for (size_t i = 0; i < count; i++)
        must(!maskers[i].can_run() || json_scan_object_by(&maskers[i], bytes, size) == good);
    must(json_scan_object(bytes, size) == good);
    index_by_all(bytes, size, good);
}

/* The text whole, and as if behind so many bytes that it stands elsewhere in its blocks. */
static void scan_moved(const uint8_t *data, size_t size)
{
    const size_t before = size ? data[0] % JSON_BLOCK : 0;
    char *moved = malloc(before + size + 6);
    if (!moved)
        return;
    memcpy(moved, "{\"\":", 5);
    memset(moved + 5, ' ', before);
    if (size)
        memcpy(moved + 5 + before, data, size);
    moved[5 + before + size] = '}';
    scan_by_all(moved, before + size + 6);
    free(moved);
}

static void scan(const uint8_t *data, size_t size)
{
    const char *member = NULL;
    size_t length = 0;
    if (json_scan_object((const char *)data, size) && json_scan_string((const char *)data, size, "id", &member, &length))
        must(member > (const char *)data && member + length < (const char *)data + size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct row_list list = {0};
    const int good = rows_read(&arena, data, size, NULL, 0, &list) == OK;
    read_pieces(data, size, &list, good);
    if (good) {
        write_again(&list);
        merge_twice(&arena, &list);
    }
    scan_by_all((const char *)data, size);
    scan_moved(data, size);
    scan(data, size);
    arena_clear(&arena);
    return 0;
}
