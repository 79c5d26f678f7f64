/* See token_cache.h. A shard's lock is held for one look-up. */
#include "gateway/identity/token_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

struct cached {
    UT_hash_handle hh; /* in the order of the last use */
    uint8_t hash[TOKEN_HASH_SIZE];
    struct claims *claims;
};

struct shard {
    pthread_mutex_t mutex;
    struct cached *entries;
};

struct token_cache {
    struct shard shards[TOKEN_CACHE_SHARDS];
};

struct token_cache *token_cache_new(void)
{
    struct token_cache *cache = calloc(1, sizeof(*cache));
    if (!cache)
        abort();
    for (size_t i = 0; i < TOKEN_CACHE_SHARDS; i++)
        pthread_mutex_init(&cache->shards[i].mutex, NULL);
    return cache;
}

static void remove_entry(struct shard *shard, struct cached *entry)
{
    HASH_DEL(shard->entries, entry);
    claims_release(entry->claims);
    free(entry);
}

void token_cache_clear(struct token_cache *cache)
{
    for (size_t i = 0; i < TOKEN_CACHE_SHARDS; i++) {
        struct shard *shard = &cache->shards[i];
        pthread_mutex_lock(&shard->mutex);
        while (shard->entries)
            remove_entry(shard, shard->entries); /* NOLINT(clang-analyzer-unix.Malloc) */
        pthread_mutex_unlock(&shard->mutex);
    }
}

void token_cache_free(struct token_cache *cache)
{
    if (!cache)
        return;
    token_cache_clear(cache);
    for (size_t i = 0; i < TOKEN_CACHE_SHARDS; i++)
        pthread_mutex_destroy(&cache->shards[i].mutex);
    free(cache);
}

void token_hash(const char *token, uint8_t out[TOKEN_HASH_SIZE])
{
    hash_blake2b(token, strlen(token), out);
}

static struct shard *shard_of(struct token_cache *cache, const uint8_t hash[TOKEN_HASH_SIZE])
{
    return &cache->shards[hash[0] % TOKEN_CACHE_SHARDS];
}

static struct cached *find(struct shard *shard, const uint8_t hash[TOKEN_HASH_SIZE])
{
    struct cached *entry = NULL;
    HASH_FIND(hh, shard->entries, hash, TOKEN_HASH_SIZE, entry);
    return entry;
}

struct claims *token_cache_get(struct token_cache *cache, const uint8_t hash[TOKEN_HASH_SIZE])
{
    struct shard *shard = shard_of(cache, hash);
    struct claims *claims = NULL;
    pthread_mutex_lock(&shard->mutex);
    struct cached *entry = find(shard, hash);
    if (entry) {
        HASH_DEL(shard->entries, entry);
        HASH_ADD(hh, shard->entries, hash, TOKEN_HASH_SIZE, entry); /* NOLINT(clang-analyzer-unix.Malloc) */
        claims = claims_hold(entry->claims);
    }
    pthread_mutex_unlock(&shard->mutex);
    return claims;
}

void token_cache_put(struct token_cache *cache, const uint8_t hash[TOKEN_HASH_SIZE], struct claims *claims)
{
    struct shard *shard = shard_of(cache, hash);
    struct cached *entry = calloc(1, sizeof(*entry));
    if (!entry)
        abort();
    memcpy(entry->hash, hash, TOKEN_HASH_SIZE);
    entry->claims = claims_hold(claims);
    pthread_mutex_lock(&shard->mutex);
    struct cached *former = find(shard, hash);
    if (former)
        remove_entry(shard, former);
    else if (HASH_COUNT(shard->entries) >= TOKEN_CACHE_PER_SHARD)
        remove_entry(shard, shard->entries);
    HASH_ADD(hh, shard->entries, hash, TOKEN_HASH_SIZE, entry); /* NOLINT(clang-analyzer-unix.Malloc) */
    pthread_mutex_unlock(&shard->mutex);
}

void token_cache_drop(struct token_cache *cache, const uint8_t hash[TOKEN_HASH_SIZE])
{
    struct shard *shard = shard_of(cache, hash);
    pthread_mutex_lock(&shard->mutex);
    struct cached *entry = find(shard, hash);
    if (entry)
        remove_entry(shard, entry);
    pthread_mutex_unlock(&shard->mutex);
}
