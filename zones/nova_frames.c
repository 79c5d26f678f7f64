/* The notes of the index, row by row; see nova_frames.h. Bodies stand one behind the other in one text per page. */
#include "zones/nova_frames.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "zones/nova_splice.h"
#include "zones/row_key.h"

#define ROWS_LEAST 128

struct reader {
    struct arena *arena;
    const struct nova_page_options *options;
    struct nova_rewrite brief;
    struct json_index index;
    struct nova_splice splice;
    struct text key;     /* of the row that is read */
    struct text *bodies; /* in the arena */
    struct nova_page page;
    size_t capacity; /* of its rows */
};

static void clear_reader(struct reader *reader)
{
    text_clear(&reader->key);
    nova_splice_clear(&reader->splice);
    json_index_clear(&reader->index);
}

static void release_text(void *object)
{
    text_clear(object);
}

/* The first members of these names at a row's top; NULL: there is none. */
struct members {
    const struct json_note *names[NOVA_NAME_COUNT];
};

/* From a row's first note to its last. */
static const struct json_note *find_members(const struct json_note *open, struct members *out)
{
    const struct json_note *note = open + 1;
    *out = (struct members){0};
    for (; note->kind != NOTE_CLOSE; note++) {
        if (note->kind == NOTE_NAME && note->depth == JSON_INDEX_DEPTH && !out->names[note->name])
            out->names[note->name] = note;
    }
    return note;
}

static const struct nova_piece *value_of(const struct reader *reader, const struct json_note *name, struct nova_piece *out)
{
    const struct json_index *index = &reader->index;
    if (name)
        *out = nova_value_of(index->bytes + name->at, index->bytes + index->length);
    return name ? out : NULL;
}

static enum err read_key(struct reader *reader, const struct members *members, const struct nova_piece *piece, struct uuid *out)
{
    struct nova_piece id;
    struct nova_piece created;
    const struct nova_row_words words = {value_of(reader, members->names[NOVA_NAME_ID], &id),
                                         value_of(reader, members->names[NOVA_NAME_CREATED], &created)};
    text_reset(&reader->key);
    return nova_row_key_of(reader->options->list, piece, &words, reader->options->rules->project_here, &reader->key, out);
}

/* What is not of the project whose token it is was not asked for, and is shown to nobody. */
static bool is_ours(const struct reader *reader, const struct members *members)
{
    const char *project = reader->options->rules->project_there;
    struct nova_piece value;
    if (!value_of(reader, members->names[NOVA_NAME_TENANT_ID], &value))
        return false;
    return value.length == strlen(project) + 2 && value.bytes[0] == '"' &&
           memcmp(value.bytes + 1, project, value.length - 2) == 0 && !memchr(project, '\\', value.length - 2);
}

static bool is_wanted(const struct reader *reader)
{
    const struct nova_list *list = reader->options->list;
    return !list->after || row_key_compare(reader->key.bytes, reader->key.length, list->after, list->after_length) > 0;
}

/* Only rows that are kept count: a page may be full of what is none. */
static void make_room(struct reader *reader)
{
    struct nova_page *page = &reader->page;
    if (page->count < reader->capacity)
        return;
    reader->capacity = reader->capacity ? 2 * reader->capacity : ROWS_LEAST;
    struct row *rows = arena_alloc(reader->arena, reader->capacity * sizeof(*rows));
    if (page->count)
        memcpy(rows, page->rows, page->count * sizeof(*rows));
    page->rows = rows;
}

/* Its body stays an offset as long as the bodies may move. */
static enum err add_row(struct reader *reader, const struct json_note *open, const struct json_note *close, struct row *row)
{
    const size_t begin = reader->bodies->length;
    if (begin == 0)
        text_reserve(reader->bodies, reader->index.length); /* about so much is needed: got at once */
    if (reader->options->list->brief)
        nova_rewrite(&reader->brief, reader->index.bytes + open->at, (size_t)close->at + 1 - open->at, reader->bodies);
    else
        nova_splice_row(&reader->splice, open, close, reader->bodies);
    row->body_length = reader->bodies->length - begin;
    if (row->body_length > ROW_BODY_MAX)
        return fail(E_INVALID, "the row of server %s is too long", uuid_to_text(&row->uuid).text);
    row->key = arena_copy(reader->arena, reader->key.bytes, reader->key.length);
    row->key_length = reader->key.length;
    make_room(reader);
    reader->page.rows[reader->page.count++] = *row;
    return OK;
}

static enum err take_row(struct reader *reader, const struct json_note *open, const struct json_note **out_close)
{
    struct members members;
    struct row row = {0};
    const struct json_note *close = find_members(open, &members);
    const struct nova_piece piece = {reader->index.bytes + open->at, (size_t)close->at + 1 - open->at};
    TRY(read_key(reader, &members, &piece, &row.uuid));
    reader->page.last = row.uuid;
    reader->page.has_last = true;
    *out_close = close;
    return is_ours(reader, &members) && is_wanted(reader) ? add_row(reader, open, close, &row) : OK;
}

static size_t skip_blanks(const struct json_index *index, size_t at)
{
    while (index->bytes[at] == ' ' || index->bytes[at] == '\t' || index->bytes[at] == '\n' || index->bytes[at] == '\r')
        at++;
    return at;
}

/* The array at `at`, and the notes behind that of its name. Each of its elements is to be an object. */
static enum err take_rows(struct reader *reader, size_t at, const struct json_note *note)
{
    const struct json_index *index = &reader->index;
    for (at = skip_blanks(index, at + 1); index->bytes[at] != ']'; at = skip_blanks(index, at)) {
        if (index->bytes[at] != '{')
            return fail(E_INVALID, "its list is no list of servers");
        assert(note->kind == NOTE_OPEN && note->at == at);
        TRY(take_row(reader, note, &note));
        at = skip_blanks(index, (size_t)note->at + 1);
        at += index->bytes[at] == ',' ? 1 : 0;
        note++;
    }
    return OK;
}

/* The first member of this name of the whole object. */
static const struct json_note *find_top(const struct json_index *index, enum nova_name name)
{
    for (size_t i = 0; i < index->count; i++) {
        const struct json_note *note = &index->notes[i];
        if (note->kind == NOTE_NAME && note->depth == 1 && note->name == name)
            return note;
    }
    return NULL;
}

static void prepare(struct reader *reader)
{
    nova_splice_init(&reader->splice, reader->options->rules, &reader->index);
    reader->brief = *reader->options->rules;
    reader->brief.brief = true;
    reader->bodies = arena_alloc(reader->arena, sizeof(*reader->bodies));
    arena_defer(reader->arena, release_text, reader->bodies);
}

/* Bodies are where they stay. */
static void place_bodies(struct reader *reader)
{
    const char *body = text_str(reader->bodies);
    for (size_t i = 0; i < reader->page.count; i++) {
        reader->page.rows[i].body = body;
        body += reader->page.rows[i].body_length;
    }
}

enum err nova_page_read(struct arena *arena, const struct nova_page_options *options, const char *bytes, size_t length,
                        struct nova_page *out)
{
    CLEANUP(clear_reader) struct reader reader = {.arena = arena, .options = options};
    const struct json_index *index = &reader.index;
    if (!json_index_make(&reader.index, options->masker, &nova_names, bytes, length))
        return fail(E_INVALID, "its list is no list of servers");
    const struct json_note *servers = find_top(index, NOVA_NAME_SERVERS);
    const char *array = servers ? nova_value_begin(bytes + servers->at, bytes + length) : NULL;
    if (!array || *array != '[')
        return fail(E_INVALID, "its list is no list of servers");
    prepare(&reader);
    TRY(take_rows(&reader, (size_t)(array - bytes), servers + 1));
    place_bodies(&reader);
    reader.page.more = reader.page.has_last && find_top(index, NOVA_NAME_SERVERS_LINKS);
    *out = reader.page;
    return OK;
}

static int compare_rows(const void *a, const void *b)
{
    const struct row *left = a;
    const struct row *right = b;
    return row_key_compare(left->key, left->key_length, right->key, right->key_length);
}

static bool is_sorted(const struct row *rows, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (compare_rows(&rows[i - 1], &rows[i]) >= 0)
            return false;
    }
    return true;
}

/* Pages that were read while servers came and went may hold one twice. */
void nova_rows_sort(struct row *rows, size_t *count)
{
    size_t kept = 0;
    if (is_sorted(rows, *count))
        return;
    qsort(rows, *count, sizeof(*rows), compare_rows);
    for (size_t i = 0; i < *count; i++) {
        if (kept == 0 || compare_rows(&rows[kept - 1], &rows[i]) != 0)
            rows[kept++] = rows[i];
    }
    *count = kept;
}
