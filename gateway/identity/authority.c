/* See authority.h. */
#include "gateway/identity/authority.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/base/text.h"
#include "schema/json/json.h"

#define PUBLIC_KEY_TEXT_SIZE 64

struct authority {
    char *url;
    identity_forward_f *forward;
    void *context;
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t fetched;
    struct authority_state state;
    int64_t next_fetch_ms;
    bool fetching;
    bool changed; /* by the last fetch */
};

/* http://root:8774, …/identity, …/identity/v3 and http://keystone:5000/v3 are all understood. */
static char *normalise(const char *url)
{
    struct text text = {0};
    size_t length = strlen(url);
    while (length && url[length - 1] == '/')
        length--;
    text_add(&text, url, length);
    const char *scheme = strstr(text_str(&text), "://");
    const bool bare = !strchr(scheme ? scheme + 3 : text_str(&text), '/');
    if (bare)
        text_add_str(&text, "/identity");
    if (!str_ends(text_str(&text), "/v3"))
        text_add_str(&text, "/v3");
    return text.bytes;
}

struct authority *authority_new(const char *url)
{
    struct authority *authority = calloc(1, sizeof(*authority));
    if (!authority)
        abort();
    authority->url = normalise(url);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&authority->mutex, NULL);
    pthread_cond_init(&authority->fetched, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return authority;
}

void authority_free(struct authority *authority)
{
    if (!authority)
        return;
    pthread_cond_destroy(&authority->fetched);
    pthread_mutex_destroy(&authority->mutex);
    free(authority->url);
    free(authority);
}

void authority_set_forwarder(struct authority *authority, identity_forward_f *forward, void *context)
{
    authority->forward = forward;
    authority->context = context;
}

const char *authority_url(const struct authority *authority)
{
    return authority->url;
}

void authority_get(struct authority *authority, struct authority_state *out)
{
    pthread_mutex_lock(&authority->mutex);
    *out = authority->state;
    pthread_mutex_unlock(&authority->mutex);
}

static bool set_state(struct authority *authority, const struct authority_state *state)
{
    pthread_mutex_lock(&authority->mutex);
    const bool changed = authority->state.known != state->known || !uuid_equal(&authority->state.zone, &state->zone) ||
                         memcmp(authority->state.public_key, state->public_key, SIGN_PUBLIC_SIZE) != 0;
    authority->state = *state;
    pthread_mutex_unlock(&authority->mutex);
    return changed;
}

enum err authority_load(struct authority *authority, struct db *db)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct identity_authority_row row;
    const enum err found = identity_authority_get(db, &arena, &row);
    if (found == E_NOT_FOUND || (found == OK && !str_equal(row.url, authority->url)))
        return OK;
    TRY(found);
    struct authority_state state = {.known = true, .zone = row.zone};
    memcpy(state.public_key, row.public_key, sizeof(state.public_key));
    (void)set_state(authority, &state);
    return OK;
}

enum err authority_learn(struct authority *authority, struct db *db, const struct uuid *zone,
                         const uint8_t public_key[SIGN_PUBLIC_SIZE], bool *out_changed)
{
    struct authority_state state = {.known = true, .zone = *zone};
    struct identity_authority_row row = {.url = authority->url, .zone = *zone};
    memcpy(state.public_key, public_key, SIGN_PUBLIC_SIZE);
    memcpy(row.public_key, public_key, SIGN_PUBLIC_SIZE);
    struct authority_state former;
    authority_get(authority, &former);
    const bool same =
        former.known && uuid_equal(&former.zone, zone) && memcmp(former.public_key, public_key, SIGN_PUBLIC_SIZE) == 0;
    if (!same)
        TRY(identity_authority_set(db, &row));
    *out_changed = set_state(authority, &state);
    return OK;
}

enum err authority_call(struct authority *authority, struct arena *arena, const struct identity_call *call, const char *target,
                        struct identity_answer *out)
{
    struct identity_call whole = *call;
    struct identity_answer answer = {0};
    whole.url = arena_printf(arena, "%s%s", authority->url, target);
    if (!authority->forward)
        return fail(E_UNAVAILABLE, "The identity service %s cannot be asked: this process speaks to no other zone.",
                    authority->url);
    const enum err result = authority->forward(authority->context, arena, &whole, &answer);
    if (result != OK)
        return fail(E_UNAVAILABLE, "The identity service %s does not answer.", authority->url);
    *out = answer;
    return OK;
}

static enum err read_key(const struct identity_answer *answer, struct uuid *zone, uint8_t key[SIGN_PUBLIC_SIZE])
{
    json_auto_t *body = NULL;
    size_t length = 0;
    TRY(json_parse_foreign(answer->body ? answer->body : "", answer->body_length, &body));
    const json_t *object = json_object_get(body, "zone");
    const char *uuid = json_string_value(json_object_get(object, "uuid"));
    const char *text = json_string_value(json_object_get(object, "public_key"));
    if (!uuid || !text || strlen(text) >= PUBLIC_KEY_TEXT_SIZE)
        return fail(E_BAD_GATEWAY, "a zone's uuid or key is missing");
    TRY(uuid_from_text(uuid, zone));
    TRY(base64url_decode(text, strlen(text), key, SIGN_PUBLIC_SIZE, &length));
    return length == SIGN_PUBLIC_SIZE ? OK : fail(E_BAD_GATEWAY, "the key is too short");
}

static enum err ask_key(struct authority *authority, struct db *db, const struct budget *budget, bool *out_changed)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    const struct http_pairs none = {0};
    const struct identity_call call = {.method = "GET", .headers = &none, .budget = *budget};
    struct identity_answer answer;
    struct uuid zone;
    uint8_t key[SIGN_PUBLIC_SIZE];
    TRY(authority_call(authority, &arena, &call, "/zonegate/keys", &answer));
    if (answer.status == 404) {
        *out_changed = set_state(authority, &(struct authority_state){.keystone = true});
        return OK;
    }
    if (answer.status != 200 || read_key(&answer, &zone, key) != OK)
        return fail(E_UNAVAILABLE, "The identity service %s does not tell its key (HTTP %d).", authority->url, answer.status);
    return authority_learn(authority, db, &zone, key, out_changed);
}

/* Under the mutex: somebody else asks; its answer is waited for. False: nobody does. */
static bool wait_for_fetch(struct authority *authority, const struct budget *budget, bool *out_changed)
{
    const struct timespec until = {budget->deadline_ms / 1000, budget->deadline_ms % 1000 * 1000000};
    if (!authority->fetching)
        return false;
    while (authority->fetching && budget_left_ms(budget) > 0)
        (void)pthread_cond_timedwait(&authority->fetched, &authority->mutex, &until);
    *out_changed = !authority->fetching && authority->changed;
    return true;
}

/* True: this thread is to ask. */
static bool begin_fetch(struct authority *authority, const struct budget *budget, bool *out_changed)
{
    const int64_t now = clock_mono_ms();
    *out_changed = false;
    pthread_mutex_lock(&authority->mutex);
    const bool due = !wait_for_fetch(authority, budget, out_changed) && now >= authority->next_fetch_ms;
    if (due) {
        authority->next_fetch_ms = now + AUTHORITY_FETCH_MS;
        authority->fetching = true;
    }
    pthread_mutex_unlock(&authority->mutex);
    return due;
}

enum err authority_fetch(struct authority *authority, struct db *db, const struct budget *budget, bool *out_changed)
{
    bool changed = false;
    if (!begin_fetch(authority, budget, out_changed))
        return OK;
    const enum err result = ask_key(authority, db, budget, &changed);
    pthread_mutex_lock(&authority->mutex);
    authority->fetching = false;
    authority->changed = result == OK && changed;
    pthread_cond_broadcast(&authority->fetched);
    pthread_mutex_unlock(&authority->mutex);
    if (result == OK)
        *out_changed = changed;
    return result;
}

enum err authority_validate(struct authority *authority, struct arena *arena, const char *token, const struct budget *budget,
                            struct claims **out)
{
    struct http_pairs headers = {0};
    struct identity_answer answer;
    pairs_add(arena, &headers, "Accept", "application/json");
    pairs_add(arena, &headers, "X-Auth-Token", token);
    pairs_add(arena, &headers, "X-Subject-Token", token);
    const struct identity_call call = {.method = "GET", .headers = &headers, .budget = *budget};
    TRY(authority_call(authority, arena, &call, "/auth/tokens?nocatalog", &answer));
    if (answer.status == 401 || answer.status == 404)
        return fail(E_UNAUTHORIZED, "The identity service does not know the token.");
    if (answer.status != 200)
        return fail(E_UNAVAILABLE, "The identity service %s cannot check a token (HTTP %d).", authority->url, answer.status);
    json_auto_t *body = NULL;
    if (json_parse_foreign(answer.body ? answer.body : "", answer.body_length, &body) != OK)
        return fail(E_BAD_GATEWAY, "The identity service answered with something that is no token.");
    return claims_from_body(body, out);
}
