/* See server_seen.h. A row of a silent zone has the key that its real row would have, so that pages fit together when it is back.
 */
#include "gateway/api/server_seen.h"

#include <string.h>

#include "gateway/api/server_view.h"
#include "gateway/gateway.h"
#include "zones/json_scan.h"
#include "zones/row_key.h"
#include "zones/seen.h"

/* The project of a row: as it says itself, or the one whose servers were asked for. E_INVALID: it is another's, or does not say. */
static enum err read_project(const struct server_filter *filter, bool detail, const struct row *row, struct seen_server *out)
{
    const char *project = NULL;
    size_t length = 0;
    if (detail && !json_scan_string(row->body, row->body_length, "tenant_id", &project, &length))
        return fail(E_INVALID, "the row of server %s has no tenant_id", uuid_to_text(&row->uuid).text);
    if (detail && filter->project && (length != strlen(filter->project) || memcmp(project, filter->project, length) != 0))
        return fail(E_INVALID, "server %s belongs to a project that was not asked for", uuid_to_text(&row->uuid).text);
    if (!detail) {
        project = filter->project ? filter->project : "";
        length = strlen(project);
    }
    if (length >= sizeof(out->project))
        length = 0; /* not remembered */
    memcpy(out->project, project, length);
    out->project[length] = '\0';
    return OK;
}

static enum err check_id(const struct row *row)
{
    const char *id = NULL;
    size_t length = 0;
    const struct uuid_text own = uuid_to_text(&row->uuid);
    if (json_scan_string(row->body, row->body_length, "id", &id, &length) && length == UUID_TEXT_SIZE - 1 &&
        memcmp(id, own.text, length) == 0)
        return OK;
    return fail(E_INVALID, "the row of server %s says another id", own.text);
}

enum err server_seen_take(struct request *request, const struct server_filter *filter, bool detail, const struct zone *zone,
                          const struct row_list *list, bool whole)
{
    struct seen *seen = request->gateway->seen;
    struct seen_server *servers = arena_alloc(request->arena, (list->count + 1) * sizeof(*servers));
    size_t used = 0;
    for (size_t i = 0; i < list->count; i++) {
        struct seen_server *server = &servers[used];
        *server = (struct seen_server){.uuid = list->rows[i].uuid, .zone = zone->row.uuid};
        TRY(check_id(&list->rows[i]));
        TRY(read_project(filter, detail, &list->rows[i], server));
        if (row_key_created(list->rows[i].key, list->rows[i].key_length, &server->created_us))
            used++;
    }
    if (whole && !filter->narrowed && list->missing.count == 0)
        seen_replace(seen, &zone->row.uuid, filter->project, servers, used);
    else
        seen_note(seen, servers, used);
    return OK;
}

static void release_text(void *object)
{
    text_clear(object);
}

static struct text *text_in_arena(struct request *request)
{
    struct text *text = arena_alloc(request->arena, sizeof(*text));
    *text = (struct text){0};
    arena_defer(request->arena, release_text, text);
    return text;
}

static enum err add_row(struct request *request, bool detail, const struct seen_server *server, const struct text *key,
                        const struct server_view *view, struct row *out)
{
    struct text *body = text_in_arena(request);
    const char *bytes = arena_strndup(request->arena, key->bytes, key->length);
    server_view_unknown(body, server, detail, view);
    *out = (struct row){server->uuid, (const uint8_t *)bytes, key->length, body->bytes, body->length};
    return OK;
}

enum err server_seen_rows(struct request *request, const struct server_filter *filter, bool detail, const struct text *after,
                          const struct zone *zone, struct row_list *out)
{
    struct seen_servers servers;
    struct server_view view;
    *out = (struct row_list){0};
    if (request->version < SERVER_UNKNOWN_ROWS || filter->narrowed || filter->requested_count)
        return OK;
    seen_of_zone(request->gateway->seen, request->arena, &zone->row.uuid, filter->project, &servers);
    TRY(server_view_init(request, true, &view));
    struct row *rows = arena_alloc(request->arena, (filter->limit + 1) * sizeof(*rows));
    for (size_t i = 0; i < servers.count && !out->more; i++) {
        CLEANUP(text_clear) struct text key = {0};
        TRY(row_key_finish(&key, servers.items[i].created_us, &servers.items[i].uuid));
        if (after->length && row_key_compare(key.bytes, key.length, after->bytes, after->length) <= 0)
            continue;
        if (out->count == filter->limit)
            out->more = true;
        else
            TRY(add_row(request, detail, &servers.items[i], &key, &view, &rows[out->count++]));
    }
    out->rows = rows;
    return OK;
}

bool server_seen_key(struct request *request, const struct server_filter *filter, const struct uuid *uuid, struct text *out)
{
    struct seen_server server;
    if (filter->requested_count || !seen_find(request->gateway->seen, uuid, &server) || server.guessed)
        return false;
    if (!request->caller.is_admin && !str_equal(server.project, request->caller.project_id))
        return false;
    return row_key_finish(out, server.created_us, uuid) == OK;
}
