/*
 * What 64 bytes of JSON are, as bitmaps: the primitives of each instruction set, inline, so that a loop over many blocks is made of
 * them once for each set (json_index.c) and all can be compared (json_masks.c). Knows no grammar and no strings. Not for others.
 */
#pragma once

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <endian.h>
#include <string.h>

#include "zones/json_masks.h"

#define JSON_PACK_MORE 64 /* bytes behind the packed ones that may be written too */

enum { IS_QUOTE = 1, IS_SLASH = 2, IS_CONTROL = 4, IS_BLANK = 8, IS_MARK = 16, IS_HIGH = 32 };

static const uint8_t json_classes[256] = {
    [0x00 ... 0x08] = IS_CONTROL,
    ['\t'] = IS_CONTROL | IS_BLANK,
    ['\n'] = IS_CONTROL | IS_BLANK,
    [0x0b ... 0x0c] = IS_CONTROL,
    ['\r'] = IS_CONTROL | IS_BLANK,
    [0x0e ... 0x1f] = IS_CONTROL,
    [' '] = IS_BLANK,
    ['"'] = IS_QUOTE,
    ['\\'] = IS_SLASH,
    ['{'] = IS_MARK,
    ['}'] = IS_MARK,
    ['['] = IS_MARK,
    [']'] = IS_MARK,
    [':'] = IS_MARK,
    [','] = IS_MARK,
    [0x80 ... 0xff] = IS_HIGH,
};

/* Bit n: byte n of `eight` has the class. The product brings the low bits of eight bytes together in the highest byte. */
static inline uint64_t json_gather(uint64_t eight, unsigned class)
{
    return ((eight / class & UINT64_C(0x0101010101010101)) * UINT64_C(0x0102040810204080)) >> 56;
}

static inline void json_read_plain(const unsigned char *block, struct json_masks *out)
{
    *out = (struct json_masks){0};
    for (unsigned at = 0; at < JSON_BLOCK; at += 8) {
        uint64_t eight = 0;
        for (unsigned i = 0; i < 8; i++)
            eight |= (uint64_t)json_classes[block[at + i]] << 8 * i;
        out->quotes |= json_gather(eight, IS_QUOTE) << at;
        out->slashes |= json_gather(eight, IS_SLASH) << at;
        out->controls |= json_gather(eight, IS_CONTROL) << at;
        out->blanks |= json_gather(eight, IS_BLANK) << at;
        out->marks |= json_gather(eight, IS_MARK) << at;
        out->high |= json_gather(eight, IS_HIGH) << at;
    }
}

/* Bit n: an odd number of bits of 0 to n is set. */
static inline uint64_t json_parity_plain(uint64_t bits)
{
    for (unsigned shift = 1; shift < JSON_BLOCK; shift *= 2)
        bits ^= bits << shift;
    return bits;
}

/* The bytes of a block whose bits are set, one behind the other; where they end. JSON_PACK_MORE bytes more may be written. `left`
 * is how many may be read from the block's begin on: where it is short, not one more is read than is kept. */
static inline char *json_pack_plain(const char *block, uint64_t keep, size_t left, char *out)
{
    enum { STEP = 16 };
    while (keep) {
        const unsigned start = (unsigned)__builtin_ctzll(keep);
        const uint64_t gaps = ~(keep >> start);
        const unsigned run = gaps ? (unsigned)__builtin_ctzll(gaps) : JSON_BLOCK;
        if (left < JSON_BLOCK + STEP)
            memcpy(out, block + start, run);
        else
            for (unsigned i = 0; i < run; i += STEP)
                memcpy(out + i, block + start + i, STEP);
        out += run;
        keep = start + run < JSON_BLOCK ? keep >> (start + run) << (start + run) : 0;
    }
    return out;
}

#if defined(__x86_64__)

static inline uint64_t json_bits16(__m128i matches, unsigned at)
{
    return (uint64_t)(uint32_t)_mm_movemask_epi8(matches) << at;
}

static inline __m128i json_equal16(__m128i bytes, char c)
{
    return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(c));
}

static inline void json_read_sse2(const unsigned char *block, struct json_masks *out)
{
    *out = (struct json_masks){0};
    for (unsigned at = 0; at < JSON_BLOCK; at += 16) {
        const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(block + at));
        const __m128i folded = _mm_or_si128(bytes, _mm_set1_epi8(0x20)); /* [ and ] become { and } */
        const __m128i brackets = _mm_or_si128(json_equal16(folded, '{'), json_equal16(folded, '}'));
        const __m128i commas = _mm_or_si128(json_equal16(bytes, ','), json_equal16(bytes, ':'));
        const __m128i spaces = _mm_or_si128(json_equal16(bytes, ' '), json_equal16(bytes, '\t'));
        const __m128i breaks = _mm_or_si128(json_equal16(bytes, '\n'), json_equal16(bytes, '\r'));
        const __m128i low = _mm_cmpeq_epi8(_mm_max_epu8(bytes, _mm_set1_epi8(0x1f)), _mm_set1_epi8(0x1f));
        out->quotes |= json_bits16(json_equal16(bytes, '"'), at);
        out->slashes |= json_bits16(json_equal16(bytes, '\\'), at);
        out->controls |= json_bits16(low, at);
        out->blanks |= json_bits16(_mm_or_si128(spaces, breaks), at);
        out->marks |= json_bits16(_mm_or_si128(brackets, commas), at);
        out->high |= json_bits16(bytes, at);
    }
}

#define JSON_AVX2   __attribute__((target("avx2,bmi,bmi2,popcnt,pclmul")))
#define JSON_AVX512 __attribute__((target("avx2,bmi,bmi2,popcnt,pclmul,avx512f,avx512bw,avx512vbmi,avx512vbmi2")))

JSON_AVX2 static inline uint64_t json_bits32(__m256i matches, unsigned at)
{
    return (uint64_t)(uint32_t)_mm256_movemask_epi8(matches) << at;
}

JSON_AVX2 static inline __m256i json_equal32(__m256i bytes, char c)
{
    return _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(c));
}

/* Each byte against the one that its low four bits name in `table`: at most one byte below 0x80 for each value of them. */
JSON_AVX2 static inline __m256i json_is_in(__m256i bytes, __m128i table)
{
    return _mm256_cmpeq_epi8(_mm256_shuffle_epi8(_mm256_broadcastsi128_si256(table), bytes), bytes);
}

JSON_AVX2 static inline void json_read_avx2(const unsigned char *block, struct json_masks *out)
{
    const __m128i blanks = _mm_setr_epi8(' ', 0, 0, 0, 0, 0, 0, 0, 0, '\t', '\n', 0, 0, '\r', 0, 0);
    const __m128i marks = _mm_setr_epi8(1, 0, 0, 0, 0, 0, 0, 0, 0, 0, ':', '{', ',', '}', 0, 0);
    *out = (struct json_masks){0};
    for (unsigned at = 0; at < JSON_BLOCK; at += 32) {
        const __m256i bytes = _mm256_loadu_si256((const __m256i *)(const void *)(block + at));
        const __m256i low = _mm256_set1_epi8(0x1f);
        out->quotes |= json_bits32(json_equal32(bytes, '"'), at);
        out->slashes |= json_bits32(json_equal32(bytes, '\\'), at);
        out->controls |= json_bits32(_mm256_cmpeq_epi8(_mm256_max_epu8(bytes, low), low), at);
        out->blanks |= json_bits32(json_is_in(bytes, blanks), at);
        out->marks |= json_bits32(json_is_in(_mm256_or_si256(bytes, _mm256_set1_epi8(0x20)), marks), at);
        out->high |= json_bits32(bytes, at);
    }
}

/* The same by one multiplication without carries. */
JSON_AVX2 static inline uint64_t json_parity_clmul(uint64_t bits)
{
    const __m128i product = _mm_clmulepi64_si128(_mm_set_epi64x(0, (long long)bits), _mm_set1_epi8((char)0xff), 0);
    return (uint64_t)_mm_cvtsi128_si64(product);
}

JSON_AVX512 static inline uint64_t json_equal64(__m512i bytes, char c)
{
    return _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(c));
}

JSON_AVX512 static inline uint64_t json_is_in64(__m512i bytes, __m128i table)
{
    return _mm512_cmpeq_epi8_mask(_mm512_shuffle_epi8(_mm512_broadcast_i32x4(table), bytes), bytes);
}

JSON_AVX512 static inline void json_read_avx512(const unsigned char *block, struct json_masks *out)
{
    const __m128i blanks = _mm_setr_epi8(' ', 0, 0, 0, 0, 0, 0, 0, 0, '\t', '\n', 0, 0, '\r', 0, 0);
    const __m128i marks = _mm_setr_epi8(1, 0, 0, 0, 0, 0, 0, 0, 0, 0, ':', '{', ',', '}', 0, 0);
    const __m512i bytes = _mm512_loadu_si512(block);
    out->quotes = json_equal64(bytes, '"');
    out->slashes = json_equal64(bytes, '\\');
    out->controls = _mm512_cmplt_epu8_mask(bytes, _mm512_set1_epi8(0x20));
    out->blanks = json_is_in64(bytes, blanks);
    out->marks = json_is_in64(_mm512_or_si512(bytes, _mm512_set1_epi8(0x20)), marks);
    out->high = _mm512_movepi8_mask(bytes);
}

/* Bytes that are not kept are not read. */
JSON_AVX512 static inline char *json_pack_avx512(const char *block, uint64_t keep, size_t left, char *out)
{
    (void)left;
    const __m512i bytes = _mm512_maskz_loadu_epi8(keep, block);
    _mm512_storeu_si512(out, _mm512_maskz_compress_epi8(keep, bytes));
    return out + __builtin_popcountll(keep);
}

#endif
