/*
 * What 64 bytes of JSON are, as bitmaps: bit n says of byte n whether it is of a class. One reader for each instruction set, all
 * with the same answers: AVX-512 or AVX2 where the processor has it, SSE2 on every x86-64, plain C elsewhere. Knows no grammar and
 * no strings.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_BLOCK 64

struct json_masks {
    uint64_t quotes;
    uint64_t slashes;  /* backslashes */
    uint64_t controls; /* below 0x20 */
    uint64_t blanks;   /* space, tab, line feed, carriage return */
    uint64_t marks;    /* { } [ ] : , and perhaps 0x0c and 0x1a, which JSON never has */
    uint64_t high;     /* 0x80 and above */
};

enum json_set { JSON_SET_PLAIN, JSON_SET_SSE2, JSON_SET_AVX2, JSON_SET_AVX512, JSON_SET_COUNT };

struct json_masker {
    const char *name;
    enum json_set set;
    bool (*can_run)(void);
    void (*read)(const unsigned char *block, struct json_masks *out); /* JSON_BLOCK bytes, not aligned */
};

/* All that were built for this kind of machine, the fastest first; the last runs everywhere. */
const struct json_masker *json_maskers(size_t *out_count);
/* The fastest that this processor can run. */
const struct json_masker *json_masker_best(void);
