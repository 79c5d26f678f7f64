/*
 * Nonces of reads, seen once (spec link.md section 3): an exact set in memory, bounded, forgotten when they can no longer be
 * accepted. Mutations' nonces are rows of the database (schema/zone_nonce.h). Safe for many threads.
 */
#pragma once

#include <stdint.h>

#include "gateway/base/err.h"
#include "gateway/base/id.h"

struct nonces;

#define NONCE_SIZE 16

void nonces_open(struct nonces **out);
void nonces_close(struct nonces *nonces);
/* Remembers it until `until_s` (wall clock, seconds). E_UNAUTHORIZED: seen before; E_UNAVAILABLE: the set is full (a flood). */
MUST_CHECK enum err nonces_add(struct nonces *nonces, const struct uuid *link, const uint8_t nonce[NONCE_SIZE], int64_t until_s,
                               int64_t now_s);
