/* See nova_token.h. */
#include "zones/nova_token.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/link_keys.h"
#include "gateway/base/text.h"

#define ENTRIES_MOST 4096 /* projects of all plain Novas together; the oldest login goes first */
#define FAIL_MS      1000

struct entry {
    int64_t zone;
    uint64_t stamp;
    char *project_here;
    char *token;
    char *project;
    char *endpoint;
    char *roles;
    int64_t renew_us;
    int64_t failed_ms; /* monotonic: until then; 0 */
    enum zone_kind_of_answer kind;
    char *why;
};

struct nova_tokens {
    pthread_mutex_t lock;
    struct entry *entries;
    size_t count;
    size_t next; /* the one that goes when all places are taken */
};

static void *alloc_or_end(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

struct nova_tokens *nova_tokens_open(void)
{
    struct nova_tokens *tokens = alloc_or_end(calloc(1, sizeof(*tokens)));
    (void)pthread_mutex_init(&tokens->lock, NULL);
    return tokens;
}

static void set_text(char **place, const char *text)
{
    if (*place)
        link_wipe(*place, strlen(*place));
    free(*place);
    *place = text ? alloc_or_end(strdup(text)) : NULL;
}

static void clear_entry(struct entry *entry)
{
    char **const texts[] = {&entry->project_here, &entry->token, &entry->project, &entry->endpoint, &entry->roles, &entry->why};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        set_text(texts[i], NULL);
    *entry = (struct entry){0};
}

void nova_tokens_close(struct nova_tokens *tokens)
{
    if (!tokens)
        return;
    for (size_t i = 0; i < tokens->count; i++)
        clear_entry(&tokens->entries[i]);
    free(tokens->entries);
    (void)pthread_mutex_destroy(&tokens->lock);
    free(tokens);
}

/* The rest is with the lock held. */
static struct entry *find(struct nova_tokens *tokens, const struct nova_token_key *key)
{
    for (size_t i = 0; i < tokens->count; i++) {
        struct entry *entry = &tokens->entries[i];
        if (entry->zone == key->zone && entry->stamp == key->stamp && str_equal(entry->project_here, key->project))
            return entry;
    }
    return NULL;
}

static struct entry *take_place(struct nova_tokens *tokens)
{
    if (tokens->count == ENTRIES_MOST) {
        struct entry *entry = &tokens->entries[tokens->next++ % ENTRIES_MOST];
        clear_entry(entry);
        return entry;
    }
    tokens->entries = alloc_or_end(realloc(tokens->entries, (tokens->count + 1) * sizeof(*tokens->entries)));
    tokens->entries[tokens->count] = (struct entry){0};
    return &tokens->entries[tokens->count++];
}

static struct entry *find_or_add(struct nova_tokens *tokens, const struct nova_token_key *key)
{
    struct entry *entry = find(tokens, key);
    if (entry)
        return entry;
    entry = take_place(tokens);
    entry->zone = key->zone;
    entry->stamp = key->stamp;
    set_text(&entry->project_here, key->project);
    return entry;
}

bool nova_tokens_get(struct nova_tokens *tokens, const struct nova_token_key *key, struct arena *arena, struct nova_login *out)
{
    (void)pthread_mutex_lock(&tokens->lock);
    const struct entry *entry = find(tokens, key);
    const bool good = entry && entry->token && clock_wall_us() < entry->renew_us;
    if (good)
        *out = (struct nova_login){.token = arena_strdup(arena, entry->token),
                                   .project = arena_strdup(arena, entry->project),
                                   .endpoint = arena_strdup(arena, entry->endpoint),
                                   .roles = arena_strdup(arena, entry->roles),
                                   .renew_us = entry->renew_us};
    (void)pthread_mutex_unlock(&tokens->lock);
    return good;
}

void nova_tokens_put(struct nova_tokens *tokens, const struct nova_token_key *key, const struct nova_login *login)
{
    (void)pthread_mutex_lock(&tokens->lock);
    struct entry *entry = find_or_add(tokens, key);
    set_text(&entry->token, login->token);
    set_text(&entry->project, login->project);
    set_text(&entry->endpoint, login->endpoint);
    set_text(&entry->roles, login->roles);
    entry->renew_us = login->renew_us;
    entry->failed_ms = 0;
    (void)pthread_mutex_unlock(&tokens->lock);
}

void nova_tokens_drop(struct nova_tokens *tokens, const struct nova_token_key *key, const char *token)
{
    (void)pthread_mutex_lock(&tokens->lock);
    struct entry *entry = find(tokens, key);
    if (entry && str_equal(entry->token, token))
        set_text(&entry->token, NULL);
    (void)pthread_mutex_unlock(&tokens->lock);
}

void nova_tokens_fail(struct nova_tokens *tokens, const struct nova_token_key *key, enum zone_kind_of_answer kind, const char *why)
{
    (void)pthread_mutex_lock(&tokens->lock);
    struct entry *entry = find_or_add(tokens, key);
    entry->failed_ms = clock_mono_ms() + FAIL_MS;
    entry->kind = kind;
    set_text(&entry->why, why);
    (void)pthread_mutex_unlock(&tokens->lock);
}

bool nova_tokens_failed(struct nova_tokens *tokens, const struct nova_token_key *key, struct arena *arena,
                        enum zone_kind_of_answer *kind, const char **why)
{
    (void)pthread_mutex_lock(&tokens->lock);
    const struct entry *entry = find(tokens, key);
    const bool failed = entry && clock_mono_ms() < entry->failed_ms;
    if (failed) {
        *kind = entry->kind;
        *why = arena_strdup(arena, entry->why);
    }
    (void)pthread_mutex_unlock(&tokens->lock);
    return failed;
}
