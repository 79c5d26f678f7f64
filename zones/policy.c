/*
 * Link policy: what a side of a link is allowed here, as an object that an admin changes member by member (spec link.md section 3).
 * Enforced in link_check.c; not here: who may change it.
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/base/text.h"
#include "schema/json/json.h"
#include "zones/inside.h"

#define POLICY_MAX_LENGTH 60000

/* What a parent may do here, and what a child may read and do here. Missing: every role and project, and `unless_said`. */
static const struct member {
    const char *key;
    bool is_list;
    bool of_side[2]; /* enum zone_side */
    bool unless_said;
} members[] = {
    {"roles", true, {[ZONE_CHILD] = true, [ZONE_PARENT] = true}, false},
    {"projects", true, {[ZONE_PARENT] = true}, false},
    {"read_only", false, {[ZONE_PARENT] = true}, false},
    {"resolve", false, {[ZONE_CHILD] = true}, true},
    {"catalog", false, {[ZONE_CHILD] = true}, true},
    {"act", false, {[ZONE_CHILD] = true}, false},
};

static const struct member *member_of(const char *key, enum zone_side side)
{
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        if (str_equal(members[i].key, key) && members[i].of_side[side])
            return &members[i];
    }
    return NULL;
}

static bool is_list_of_texts(const json_t *value)
{
    size_t i;
    const json_t *item;
    json_array_foreach(value, i, item)
    {
        if (!json_is_string(item))
            return false;
    }
    return json_is_array(value);
}

static enum err check_member(const char *key, const json_t *value, enum zone_side side)
{
    const struct member *member = member_of(key, side);
    if (!member)
        return fail(E_INVALID, "The policy of a %s zone has no member '%.64s': %s.", side == ZONE_CHILD ? "child" : "parent", key,
                    side == ZONE_CHILD ? "roles, resolve, catalog and act" : "roles, projects and read_only");
    if (json_is_null(value) || (member->is_list ? is_list_of_texts(value) : json_is_boolean(value)))
        return OK;
    return fail(E_INVALID, "'%s' is %s, or null.", key, member->is_list ? "a list of texts" : "true or false");
}

json_t *policy_json(const struct zone_row *row)
{
    json_auto_t *stored = NULL;
    json_t *shown = json_object();
    if (row->policy && json_parse_foreign(row->policy, strlen(row->policy), &stored) != OK)
        stored = NULL; /* link_check refuses everything then; it is shown as it would be made anew */
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        json_t *value = json_object_get(stored, members[i].key);
        if (!members[i].of_side[row->side])
            continue;
        if (value)
            (void)json_object_set(shown, members[i].key, value);
        else if (members[i].is_list)
            (void)json_object_set_new(shown, members[i].key, json_null());
        else
            (void)json_object_set_new(shown, members[i].key, json_boolean(members[i].unless_said));
    }
    return shown;
}

static void release_text(void *text)
{
    free(text);
}

enum err policy_merge(struct arena *arena, const json_t *given, struct zone_row *row)
{
    json_auto_t *merged = policy_json(row);
    const char *key;
    json_t *value;
    if (!json_is_object(given) && !json_is_null(given))
        return fail(E_INVALID, "A policy is an object, or null.");
    json_object_foreach((json_t *)given, key, value)
    {
        TRY(check_member(key, value, row->side));
        (void)json_object_set(merged, key, value);
    }
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        if (json_is_null(given) || json_is_null(json_object_get(merged, members[i].key)))
            (void)json_object_del(merged, members[i].key);
    }
    char *text = json_object_size(merged) ? json_dumps(merged, JSON_COMPACT) : NULL;
    arena_defer(arena, release_text, text);
    if (text && strlen(text) > POLICY_MAX_LENGTH)
        return fail(E_INVALID, "The policy is too long.");
    row->policy = text;
    return OK;
}
