/* Easy handles that are not in use, each with the zone that it last spoke to. For fanout.c. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <curl/curl.h>

struct spare {
    CURL *easy;
    int64_t zone;
};

/* Empty is `{0}`. */
struct handles {
    struct spare *items;
    size_t count;
    size_t capacity;
};

/* The one that last spoke to this zone, else any, else a new one; NULL: libcurl gave none. */
CURL *handles_take(struct handles *handles, int64_t zone);
void handles_give(struct handles *handles, CURL *easy, int64_t zone);
void handles_clear(struct handles *handles);
