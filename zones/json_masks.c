/* Comparisons of whole vectors, and for other machines a table of classes; see json_masks.h. */
#include "zones/json_masks.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "gateway/base/err.h"

enum { IS_QUOTE = 1, IS_SLASH = 2, IS_CONTROL = 4, IS_BLANK = 8, IS_MARK = 16, IS_HIGH = 32 };

static const uint8_t classes[256] = {
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
static inline uint64_t gather(uint64_t eight, unsigned class)
{
    return ((eight / class & UINT64_C(0x0101010101010101)) * UINT64_C(0x0102040810204080)) >> 56;
}

static void read_plain(const unsigned char *block, struct json_masks *out)
{
    *out = (struct json_masks){0};
    for (unsigned at = 0; at < JSON_BLOCK; at += 8) {
        uint64_t eight = 0;
        for (unsigned i = 0; i < 8; i++)
            eight |= (uint64_t)classes[block[at + i]] << 8 * i;
        out->quotes |= gather(eight, IS_QUOTE) << at;
        out->slashes |= gather(eight, IS_SLASH) << at;
        out->controls |= gather(eight, IS_CONTROL) << at;
        out->blanks |= gather(eight, IS_BLANK) << at;
        out->marks |= gather(eight, IS_MARK) << at;
        out->high |= gather(eight, IS_HIGH) << at;
    }
}

static bool always(void)
{
    return true;
}

#if defined(__x86_64__)

static inline uint64_t bits16(__m128i matches, unsigned at)
{
    return (uint64_t)(uint32_t)_mm_movemask_epi8(matches) << at;
}

static inline __m128i equal16(__m128i bytes, char c)
{
    return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(c));
}

static void read_sse2(const unsigned char *block, struct json_masks *out)
{
    *out = (struct json_masks){0};
    for (unsigned at = 0; at < JSON_BLOCK; at += 16) {
        const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(block + at));
        const __m128i folded = _mm_or_si128(bytes, _mm_set1_epi8(0x20)); /* [ and ] become { and } */
        const __m128i brackets = _mm_or_si128(equal16(folded, '{'), equal16(folded, '}'));
        const __m128i commas = _mm_or_si128(equal16(bytes, ','), equal16(bytes, ':'));
        const __m128i spaces = _mm_or_si128(equal16(bytes, ' '), equal16(bytes, '\t'));
        const __m128i breaks = _mm_or_si128(equal16(bytes, '\n'), equal16(bytes, '\r'));
        const __m128i low = _mm_cmpeq_epi8(_mm_max_epu8(bytes, _mm_set1_epi8(0x1f)), _mm_set1_epi8(0x1f));
        out->quotes |= bits16(equal16(bytes, '"'), at);
        out->slashes |= bits16(equal16(bytes, '\\'), at);
        out->controls |= bits16(low, at);
        out->blanks |= bits16(_mm_or_si128(spaces, breaks), at);
        out->marks |= bits16(_mm_or_si128(brackets, commas), at);
        out->high |= bits16(bytes, at);
    }
}

#define AVX2 __attribute__((target("avx2")))

AVX2 static inline uint64_t bits32(__m256i matches, unsigned at)
{
    return (uint64_t)(uint32_t)_mm256_movemask_epi8(matches) << at;
}

AVX2 static inline __m256i equal32(__m256i bytes, char c)
{
    return _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(c));
}

/* Each byte against the one that its low four bits name in `table`: at most one byte below 0x80 for each value of them. */
AVX2 static inline __m256i is_in(__m256i bytes, __m128i table)
{
    return _mm256_cmpeq_epi8(_mm256_shuffle_epi8(_mm256_broadcastsi128_si256(table), bytes), bytes);
}

AVX2 static void read_avx2(const unsigned char *block, struct json_masks *out)
{
    const __m128i blanks = _mm_setr_epi8(' ', 0, 0, 0, 0, 0, 0, 0, 0, '\t', '\n', 0, 0, '\r', 0, 0);
    const __m128i marks = _mm_setr_epi8(1, 0, 0, 0, 0, 0, 0, 0, 0, 0, ':', '{', ',', '}', 0, 0);
    *out = (struct json_masks){0};
    for (unsigned at = 0; at < JSON_BLOCK; at += 32) {
        const __m256i bytes = _mm256_loadu_si256((const __m256i *)(const void *)(block + at));
        const __m256i low = _mm256_set1_epi8(0x1f);
        out->quotes |= bits32(equal32(bytes, '"'), at);
        out->slashes |= bits32(equal32(bytes, '\\'), at);
        out->controls |= bits32(_mm256_cmpeq_epi8(_mm256_max_epu8(bytes, low), low), at);
        out->blanks |= bits32(is_in(bytes, blanks), at);
        out->marks |= bits32(is_in(_mm256_or_si256(bytes, _mm256_set1_epi8(0x20)), marks), at);
        out->high |= bits32(bytes, at);
    }
}

static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") != 0;
}

#endif

static const struct json_masker maskers[] = {
#if defined(__x86_64__)
    {"avx2", has_avx2, read_avx2},
    {"sse2", always, read_sse2},
#endif
    {"plain", always, read_plain},
};

const struct json_masker *json_maskers(size_t *out_count)
{
    *out_count = ARRAY_LEN(maskers);
    return maskers;
}

const struct json_masker *json_masker_best(void)
{
    const struct json_masker *masker = maskers;
    while (!masker->can_run())
        masker++;
    return masker;
}
