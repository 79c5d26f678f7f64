/* The table of readers; see json_masks.h. */
#include "zones/json_masks.h"

#include "gateway/base/err.h"
#include "zones/json_block.h"

static void read_plain(const unsigned char *block, struct json_masks *out)
{
    json_read_plain(block, out);
}

static bool always(void)
{
    return true;
}

#if defined(__x86_64__)

static void read_sse2(const unsigned char *block, struct json_masks *out)
{
    json_read_sse2(block, out);
}

JSON_AVX2 static void read_avx2(const unsigned char *block, struct json_masks *out)
{
    json_read_avx2(block, out);
}

JSON_AVX512 static void read_avx512(const unsigned char *block, struct json_masks *out)
{
    json_read_avx512(block, out);
}

static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
           __builtin_cpu_supports("popcnt") && __builtin_cpu_supports("pclmul");
}

static bool has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vbmi2");
}

#endif

static const struct json_masker maskers[] = {
#if defined(__x86_64__)
    {"avx512", JSON_SET_AVX512, has_avx512, read_avx512},
    {"avx2", JSON_SET_AVX2, has_avx2, read_avx2},
    {"sse2", JSON_SET_SSE2, always, read_sse2},
#endif
    {"plain", JSON_SET_PLAIN, always, read_plain},
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
