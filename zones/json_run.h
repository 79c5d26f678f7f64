/*
 * Where a JSON string that is known to be well formed ends, many bytes at a time: 16 on x86-64, 8 elsewhere. For what reads much
 * JSON as bytes. Not for others.
 */
#pragma once

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>

#define JSON_RUN_STEP 16

/* Bit n: byte n of the step is `"` or `\`. */
static inline uint64_t json_run_marks(const char *at)
{
    __m128i bytes;
    memcpy(&bytes, at, sizeof(bytes));
    const __m128i quotes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
    return (uint64_t)(unsigned)_mm_movemask_epi8(_mm_or_si128(quotes, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'))));
}

#define JSON_RUN_FIRST(marks) __builtin_ctzll(marks)

#else

#define JSON_RUN_STEP       8
#define JSON_RUN_EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* The top bit of each byte that is `"` or `\`; above the lowest such bit others may be wrong. */
static inline uint64_t json_run_marks(const char *at)
{
    uint64_t word = 0;
    memcpy(&word, at, sizeof(word));
    word = le64toh(word);
    const uint64_t quotes = word ^ JSON_RUN_EACH((uint64_t)'"');
    const uint64_t slashes = word ^ JSON_RUN_EACH((uint64_t)'\\');
    return (((quotes - JSON_RUN_EACH(1)) & ~quotes) | ((slashes - JSON_RUN_EACH(1)) & ~slashes)) & JSON_RUN_EACH(0x80U);
}

#define JSON_RUN_FIRST(marks) (__builtin_ctzll(marks) >> 3)

#endif

/* The first byte from `at` on that is `"` or `\`; `end` if there is none. */
static inline const char *json_run_end(const char *at, const char *end)
{
    for (; end - at >= JSON_RUN_STEP; at += JSON_RUN_STEP) {
        const uint64_t marks = json_run_marks(at);
        if (marks)
            return at + JSON_RUN_FIRST(marks);
    }
    while (at < end && *at != '"' && *at != '\\')
        at++;
    return at;
}
