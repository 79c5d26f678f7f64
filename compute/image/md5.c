/* The algorithm as RFC 1321 writes it: the tables are its T[i] and its shifts. */
#include "compute/image/md5.h"

#include <stdbool.h>
#include <string.h>

static const uint32_t sines[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501, 0x698098d8, 0x8b44f7af,
    0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821, 0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa,
    0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8, 0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8,
    0x676f02d9, 0x8d2a4c8a, 0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665, 0xf4292244, 0x432aff97,
    0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1, 0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1,
    0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};

static const uint8_t shifts[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};

/* Which word of the block a step takes: (factor * step + offset) mod 16, by round. */
static const uint8_t factors[4] = {1, 5, 3, 7};
static const uint8_t offsets[4] = {0, 1, 5, 0};

static uint32_t rotate(uint32_t value, unsigned bits)
{
    return value << bits | value >> (32 - bits);
}

static uint32_t mix(unsigned round, uint32_t b, uint32_t c, uint32_t d)
{
    if (round == 0)
        return (b & c) | (~b & d);
    if (round == 1)
        return (b & d) | (c & ~d);
    return round == 2 ? b ^ c ^ d : c ^ (b | ~d);
}

static uint32_t read_word(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static void write_word(uint8_t *bytes, uint32_t word)
{
    for (unsigned i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(word >> (8 * i));
}

static void add_block(struct md5 *md5, const uint8_t block[64])
{
    uint32_t words[16];
    for (unsigned i = 0; i < 16; i++)
        words[i] = read_word(block + 4 * i);
    uint32_t a = md5->state[0];
    uint32_t b = md5->state[1];
    uint32_t c = md5->state[2];
    uint32_t d = md5->state[3];
    for (unsigned i = 0; i < 64; i++) {
        const unsigned round = i / 16;
        const uint32_t word = words[(factors[round] * i + offsets[round]) % 16];
        const uint32_t next = b + rotate(a + mix(round, b, c, d) + word + sines[i], shifts[round][i % 4]);
        a = d;
        d = c;
        c = b;
        b = next;
    }
    md5->state[0] += a;
    md5->state[1] += b;
    md5->state[2] += c;
    md5->state[3] += d;
}

void md5_init(struct md5 *md5)
{
    *md5 = (struct md5){.state = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476}};
}

void md5_add(struct md5 *md5, const void *bytes, size_t length)
{
    const uint8_t *from = bytes;
    while (length) {
        const size_t held = (size_t)(md5->length % 64);
        const size_t take = length < 64 - held ? length : 64 - held;
        const bool whole = held == 0 && take == 64;
        if (!whole)
            memcpy(md5->block + held, from, take);
        if (held + take == 64)
            add_block(md5, whole ? from : md5->block);
        md5->length += take;
        from += take;
        length -= take;
    }
}

void md5_end(struct md5 *md5, uint8_t out[MD5_SIZE])
{
    static const uint8_t padding[64] = {0x80};
    const uint64_t bits = md5->length * 8;
    const size_t held = (size_t)(md5->length % 64);
    uint8_t length[8];
    write_word(length, (uint32_t)bits);
    write_word(length + 4, (uint32_t)(bits >> 32));
    md5_add(md5, padding, held < 56 ? 56 - held : 120 - held);
    md5_add(md5, length, sizeof(length));
    for (unsigned i = 0; i < 4; i++)
        write_word(out + 4 * i, md5->state[i]);
}
