/* Claims of tokens whose signature was verified once, by the token's hash. Bounded: of each shard the longest unused goes first. */
#pragma once

#include "gateway/identity/token.h"

#define TOKEN_CACHE_SHARDS    64
#define TOKEN_CACHE_PER_SHARD 128
#define TOKEN_HASH_SIZE       32

struct token_cache;

struct token_cache *token_cache_new(void);
void token_cache_free(struct token_cache *cache);

void token_hash(const char *token, uint8_t out[TOKEN_HASH_SIZE]);
/* With a reference for the caller; NULL when it is not there. */
struct claims *token_cache_get(struct token_cache *cache, const uint8_t hash[TOKEN_HASH_SIZE]);
/* Takes a reference of its own. */
void token_cache_put(struct token_cache *cache, const uint8_t hash[TOKEN_HASH_SIZE], struct claims *claims);
void token_cache_drop(struct token_cache *cache, const uint8_t hash[TOKEN_HASH_SIZE]);
/* When another key became valid. */
void token_cache_clear(struct token_cache *cache);
