/* Eight bytes of a JSON string at a time: for what reads much JSON as bytes. Not for others. */
#pragma once

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define JSON_RUN_EACH(byte) (UINT64_C(0x0101010101010101) * (byte))
#define JSON_RUN_HIGH       JSON_RUN_EACH(0x80U)

/* The top bit of each byte that is `"`, `\` or below 0x20; above the lowest such bit others may be wrong. */
static inline uint64_t json_run_marks(uint64_t word)
{
    const uint64_t quotes = word ^ JSON_RUN_EACH((uint64_t)'"');
    const uint64_t slashes = word ^ JSON_RUN_EACH((uint64_t)'\\');
    return (((quotes - JSON_RUN_EACH(1)) & ~quotes) | ((slashes - JSON_RUN_EACH(1)) & ~slashes) |
            ((word - JSON_RUN_EACH(0x20)) & ~word)) &
           JSON_RUN_HIGH;
}

/* The first byte from `at` on that is `"`, `\` or below 0x20; `end` if there is none. `*high` gets bits of 0x80 when a byte before
 * it may be beyond ASCII. */
static inline const char *json_run_end(const char *at, const char *end, uint64_t *high)
{
    while (end - at >= 8) {
        uint64_t word = 0;
        memcpy(&word, at, sizeof(word));
        word = le64toh(word);
        const uint64_t marks = json_run_marks(word);
        *high |= word & JSON_RUN_HIGH;
        if (marks)
            return at + (__builtin_ctzll(marks) >> 3);
        at += 8;
    }
    while (at < end && *at != '"' && *at != '\\' && (unsigned char)*at >= 0x20) {
        *high |= (unsigned char)*at & 0x80U;
        at++;
    }
    return at;
}
