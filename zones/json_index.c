/* Notes in one growing array, blanks as bitmaps; the walk itself is json_scan.c's. See json_index.h. */
#include "zones/json_index.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/err.h"
#include "zones/json_block.h"
#include "zones/json_scan.h"

#define NOTES_LEAST 1024

_Static_assert(JSON_INDEX_MORE >= JSON_PACK_MORE, "copies are packed blocks");

/* Bits `from` to 63, and those below `to`. */
static inline uint64_t bits_from(size_t from)
{
    return ~UINT64_C(0) << from;
}

static inline uint64_t bits_below(size_t to)
{
    return ~UINT64_C(0) >> (JSON_BLOCK - to);
}

typedef char *(*pack_f)(const char *block, uint64_t keep, size_t left, char *out);

static inline __attribute__((always_inline)) char *copy_blocks(const struct json_index *index, size_t from, size_t to, char *out,
                                                               pack_f pack)
{
    size_t block = from / JSON_BLOCK;
    const size_t last = (to - 1) / JSON_BLOCK;
    uint64_t wanted = bits_from(from % JSON_BLOCK);
    for (; block < last; block++) {
        const size_t at = block * JSON_BLOCK;
        out = pack(index->bytes + at, index->kept[block] & wanted, index->length - at, out);
        wanted = ~UINT64_C(0);
    }
    wanted &= bits_below((to - 1) % JSON_BLOCK + 1);
    return pack(index->bytes + last * JSON_BLOCK, index->kept[last] & wanted, index->length - last * JSON_BLOCK, out);
}

static char *copy_plain(const struct json_index *index, size_t from, size_t to, char *out)
{
    return copy_blocks(index, from, to, out, json_pack_plain);
}

#if defined(__x86_64__)
JSON_AVX512 static char *copy_avx512(const struct json_index *index, size_t from, size_t to, char *out)
{
    return copy_blocks(index, from, to, out, json_pack_avx512);
}
#endif

static char *(*const copies[JSON_SET_COUNT])(const struct json_index *, size_t, size_t, char *) = {
    [JSON_SET_PLAIN] = copy_plain,
    [JSON_SET_SSE2] = copy_plain,
    [JSON_SET_AVX2] = copy_plain,
#if defined(__x86_64__)
    [JSON_SET_AVX512] = copy_avx512,
#endif
};

static void *must_have(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

void json_index_grow(struct json_index *index)
{
    index->capacity = index->capacity ? 2 * index->capacity : NOTES_LEAST;
    index->notes = must_have(realloc(index->notes, index->capacity * sizeof(*index->notes)));
}

static void add_name(struct json_index *index, unsigned i, const char *quoted)
{
    const size_t length = strlen(quoted);
    const size_t head = length < sizeof(index->heads[i]) ? length : sizeof(index->heads[i]);
    index->name_lengths[i] = length;
    memcpy(&index->heads[i], quoted, head);
    memset(&index->masks[i], 0xff, head);
    index->firsts[(unsigned char)quoted[1]] |= (uint8_t)(1U << i);
}

bool json_index_make(struct json_index *out, const struct json_masker *masker, const struct json_names *names, const char *bytes,
                     size_t length)
{
    const struct json_masker *reader = masker ? masker : json_masker_best();
    *out = (struct json_index){.bytes = bytes, .length = length, .names = names, .copy = copies[reader->set]};
    if (length > UINT32_MAX)
        return false;
    for (unsigned i = 0; i < JSON_INDEX_NAMES && names->quoted[i]; i++)
        add_name(out, i, names->quoted[i]);
    out->kept = must_have(malloc((length / JSON_BLOCK + 1) * sizeof(*out->kept)));
    return json_scan_index_by(reader, bytes, length, out);
}

void json_index_clear(struct json_index *index)
{
    free(index->kept);
    free(index->notes);
    *index = (struct json_index){0};
}

char *json_index_copy(const struct json_index *index, size_t from, size_t to, char *out)
{
    return from < to ? index->copy(index, from, to, out) : out;
}
