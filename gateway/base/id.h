/*
 * Identifiers. A server's uuid is 98 random bits and, in its last three bytes, the tag of the zone that owns it at birth; a
 * reservation id carries the tag as five base-36 digits (spec link.md section 1).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/err.h"

#define UUID_TEXT_SIZE      37 /* with NUL */
#define REQUEST_ID_SIZE     41 /* "req-" uuid NUL */
#define RESERVATION_ID_SIZE 16 /* "r-" 5 + 8 NUL */

struct uuid {
    uint8_t bytes[16];
};

struct uuids {
    const struct uuid *items;
    size_t count;
};

struct uuid_text {
    char text[UUID_TEXT_SIZE];
};

void uuid_new(struct uuid *out);                                        /* version 4, random */
void uuid_new_tagged(uint32_t tag, struct uuid *out);                   /* version 4 shape, last three bytes are `tag` */
MUST_CHECK enum err uuid_from_text(const char *text, struct uuid *out); /* dashed or 32 hex digits, any case; else E_INVALID */
bool uuid_is_text(const char *text);                                    /* canonical dashed shape, any case */
struct uuid_text uuid_to_text(const struct uuid *uuid);                 /* lower case, dashed */
struct uuid_text uuid_to_hex(const struct uuid *uuid);                  /* 32 hex digits, as Keystone's ids */
bool uuid_equal(const struct uuid *a, const struct uuid *b);
bool uuid_is_zero(const struct uuid *uuid);

uint32_t zone_tag(const struct uuid *zone); /* first 3 bytes of BLAKE2b-256 over the 16 bytes */
uint32_t uuid_tag(const struct uuid *uuid); /* its last three bytes */

void reservation_id_new(uint32_t tag, char out[RESERVATION_ID_SIZE]);
bool reservation_id_tag(const char *text, uint32_t *out); /* false when it is not of our shape */

void request_id_new(char out[REQUEST_ID_SIZE]);
bool request_id_is_valid(const char *text); /* "req-" and a dashed uuid */

/* 31 bits derived from a uuid: the integer ids of old API versions (DESIGN section 3). Never 0. */
int32_t uuid_to_int31(const struct uuid *uuid);

void random_bytes(void *out, size_t length);
uint32_t random_below(uint32_t bound);
/* Hex and unpadded base64url (RFC 4648 section 5); `out` needs 2n+1, or 4*ceil(n/3)+1 bytes. */
void hex_encode(const void *bytes, size_t length, char *out);
void base64url_encode(const void *bytes, size_t length, char *out, size_t out_size);
/* Decodes at most `capacity` bytes. E_INVALID on any other alphabet or shape. */
MUST_CHECK enum err base64url_decode(const char *text, size_t length, void *out, size_t capacity, size_t *out_length);
/* The same for what is no secret, several times as fast: the time that it takes depends on the bytes. */
void base64url_encode_open(const void *bytes, size_t length, char *out);
MUST_CHECK enum err base64url_decode_open(const char *text, size_t length, void *out, size_t capacity, size_t *out_length);
/* Standard alphabet with padding; line breaks and blanks are skipped on reading. */
void base64_encode(const void *bytes, size_t length, char *out, size_t out_size);
MUST_CHECK enum err base64_decode(const char *text, size_t length, void *out, size_t capacity, size_t *out_length);
#define BASE64_SIZE(n) (4 * (((n) + 2) / 3) + 1)
