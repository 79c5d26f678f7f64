/* New keys for a live link (spec link.md section 2): a POST over the link itself, with a fresh pair; two generations stay good. */
#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/base/text.h"
#include "schema/json/json.h"
#include "zones/fanout.h"
#include "zones/inside.h"

#define ANSWER_LIMIT  (256U << 10)
#define KEY_TEXT_SIZE 23

struct renewal {
    struct zones *zones;
    int64_t id;
    const struct link_session *session;
    const char *keep;
};

static enum err store_session(struct db *db, void *context)
{
    const struct renewal *renewal = context;
    return session_store(renewal->zones, db, renewal->id, renewal->session, renewal->keep);
}

static enum err read_answer(struct arena *arena, const struct zone *child, const struct http_answer *answer, struct join_peer *out)
{
    json_auto_t *body = NULL;
    if (answer->kind != ZONE_ANSWERED)
        return fail(answer->sent ? E_BAD_GATEWAY : E_UNAVAILABLE, "Zone %s does not answer (%s).", child->row.name,
                    zone_kind_word(answer->kind));
    if (answer->status / 100 != 2)
        return fail(E_BAD_GATEWAY, "Zone %s does not take new keys: it answered %d.", child->row.name, answer->status);
    TRY(json_parse_foreign(answer->body, answer->body_length, &body));
    TRY(join_peer_read(arena, body, out));
    if (!uuid_equal(&out->uuid, &child->row.uuid))
        return fail(E_BAD_GATEWAY, "Another zone than %s answered.", child->row.name);
    return OK;
}

/* The child stores first, so it knows the new keys before this zone uses them; when its answer is lost the old ones are still good.
 */
static enum err send_key(struct zones *zones, struct fanout *fanout, struct arena *arena, const struct caller *caller,
                         const struct zone *child, const struct link_pair *pair, struct budget budget, struct join_peer *out)
{
    uint8_t bytes[16];
    char key[KEY_TEXT_SIZE];
    json_auto_t *body = join_peer_write(zones, pair->public_key);
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    if (!text)
        return fail(E_INTERNAL, "This zone's name or URL is not UTF-8.");
    random_bytes(bytes, sizeof(bytes));
    base64url_encode(bytes, sizeof(bytes), key, sizeof(key));
    const char *base = arena_printf(arena, "%s" ZONES_COMPUTE, zones->options.url);
    const struct link_origin origin = link_origin_from(caller, NULL, base, key);
    struct zone_call call = {.zone = child,
                             .origin = &origin,
                             .class = CLASS_MUTATE,
                             .method = "POST",
                             .target = ZONES_LINK,
                             .body = text,
                             .body_length = strlen(text),
                             .answer_limit = ANSWER_LIMIT};
    headers_add(arena, &call.headers, "Content-Type", "application/json");
    fanout_run(fanout, arena, &call, 1, budget);
    free(text);
    return read_answer(arena, child, &call.answer, out);
}

enum err zones_child_rekey(struct zones *zones, struct fanout *fanout, struct db *db, struct arena *arena,
                           const struct caller *caller, int64_t id, struct budget budget)
{
    const struct zone *child = view_child(zones_view(zones, arena), id);
    struct link_pair pair;
    struct link_session session;
    struct join_peer peer;
    if (!child || !child->session_count)
        return fail(child ? E_CONFLICT : E_NOT_FOUND, child ? "The zone is not joined yet." : "Zone could not be found.");
    link_pair_new(&pair);
    enum err result = send_key(zones, fanout, arena, caller, child, &pair, budget, &peer);
    if (result == OK)
        result = link_session_as_parent(&pair, peer.link_key, &session);
    link_wipe(&pair, sizeof(pair));
    TRY(result);
    struct renewal renewal = {zones, id, &session, child->sessions[0].key_id};
    result = db_transaction(db, store_session, &renewal);
    log_info("zone.rekeyed", "child=%s key=%s", child->row.name, session.key_id);
    link_wipe(&session, sizeof(session));
    TRY(result);
    return zones_reload(zones, db);
}
