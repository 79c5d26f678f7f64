/*
 * JSON in blocks of 64 bytes: bitmaps say where strings, marks and other values begin, and a table of the grammar is asked only
 * there. One bit for each open bracket; no recursion. The walk is built once for each instruction set, and once more for those who
 * want an index. See json_scan.h and json_index.h.
 */
#include "zones/json_scan.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "gateway/base/text.h"
#include "schema/json/json.h"
#include "zones/json_block.h"
#include "zones/json_index.h"
#include "zones/nova_json.h"

_Static_assert(JSON_MAX_DEPTH <= 64, "brackets are kept as bits");

/*
 * Digits of \uXXXX that must be there before they are read. ZONEGATE_SEEDED_BUG makes it one too few, so that an escape at the very
 * end of a child's bytes is read over it: the fuzzers are proved to find such a thing (tests/fuzz/run.sh --seeded-bug). It is the
 * only place that knows the switch, and a program without AddressSanitizer cannot be built with it.
 */
#ifndef ZONEGATE_SEEDED_BUG
#define UNIT_DIGITS 4
#elif defined(__SANITIZE_ADDRESS__)
#define UNIT_DIGITS 3
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNIT_DIGITS 3
#endif
#endif
#ifndef UNIT_DIGITS
#error "ZONEGATE_SEEDED_BUG is for fuzzers only: it needs -fsanitize=address"
#endif

/* A place in the text. */
struct scan {
    const char *at;
    const char *end;
};

static bool take(struct scan *scan, char c)
{
    if (scan->at == scan->end || *scan->at != c)
        return false;
    scan->at++;
    return true;
}

static bool take_digits(struct scan *scan)
{
    const char *start = scan->at;
    while (scan->at < scan->end && isdigit((unsigned char)*scan->at))
        scan->at++;
    return scan->at > start;
}

static bool scan_number(struct scan *scan)
{
    (void)take(scan, '-');
    if (!take(scan, '0') && !take_digits(scan))
        return false;
    if (take(scan, '.') && !take_digits(scan))
        return false;
    if (take(scan, 'e') || take(scan, 'E')) {
        if (!take(scan, '+'))
            (void)take(scan, '-');
        return take_digits(scan);
    }
    return true;
}

/* Four hex digits behind \u. */
static bool take_unit(struct scan *scan, unsigned *out)
{
    if (scan->end - scan->at < UNIT_DIGITS)
        return false;
    *out = 0;
    for (int i = 0; i < 4; i++) {
        const unsigned char c = (unsigned char)*scan->at++;
        if (!isxdigit(c))
            return false;
        *out = *out << 4 | (unsigned)(isdigit(c) ? c - '0' : tolower(c) - 'a' + 10);
    }
    return true;
}

/* NUL and lone surrogates are refused, as jansson does. */
static bool scan_unicode(struct scan *scan)
{
    unsigned unit = 0;
    if (!take_unit(scan, &unit) || unit == 0 || (unit >= 0xdc00 && unit <= 0xdfff))
        return false;
    if (unit < 0xd800 || unit > 0xdbff)
        return true;
    return take(scan, '\\') && take(scan, 'u') && take_unit(scan, &unit) && unit >= 0xdc00 && unit <= 0xdfff;
}

static bool scan_word(struct scan *scan, const char *word)
{
    const size_t length = strlen(word);
    if ((size_t)(scan->end - scan->at) < length || memcmp(scan->at, word, length) != 0)
        return false;
    scan->at += length;
    return true;
}

/* --- the grammar */

/* What may come next. Each is a place of six bits in a word of the grammar. */
enum state {
    STATE_BAD = 0,
    STATE_FIRST_NAME = 6, /* behind '{' */
    STATE_NAME = 12,      /* behind a comma of an object */
    STATE_COLON = 18,     /* behind a name */
    STATE_MEMBER = 24,    /* the value of a name; the only object is read as one */
    STATE_FIRST = 30,     /* behind '[' */
    STATE_ELEMENT = 36,   /* behind a comma of an array */
    STATE_BEHIND_MEMBER = 42,
    STATE_BEHIND_ELEMENT = 48,
    STATE_END = 54
};

#define STATE_MASK 63U

enum token {
    TOKEN_OTHER,
    TOKEN_STRING,
    TOKEN_COLON,
    TOKEN_COMMA,
    TOKEN_OPEN_OBJECT,
    TOKEN_OPEN_ARRAY,
    TOKEN_CLOSE_OBJECT,
    TOKEN_CLOSE_ARRAY,
    TOKEN_COUNT
};

static const uint8_t tokens[256] = {
    ['"'] = TOKEN_STRING,     [':'] = TOKEN_COLON,        [','] = TOKEN_COMMA,       ['{'] = TOKEN_OPEN_OBJECT,
    ['['] = TOKEN_OPEN_ARRAY, ['}'] = TOKEN_CLOSE_OBJECT, [']'] = TOKEN_CLOSE_ARRAY,
};

#define STEP(from, to) ((uint64_t)(to) << (from))

/* A token's word, at the place of a state: the state behind it; STATE_BAD where it may not be. So a step is one shift, whose result
 * has the next state in its lowest bits. Behind a closing bracket it is the outer bracket's to say: STATE_END here says only that
 * it may close. */
static const uint64_t grammar[TOKEN_COUNT] = {
    [TOKEN_OTHER] = STEP(STATE_MEMBER, STATE_BEHIND_MEMBER) | STEP(STATE_FIRST, STATE_BEHIND_ELEMENT) |
                    STEP(STATE_ELEMENT, STATE_BEHIND_ELEMENT),
    [TOKEN_STRING] = STEP(STATE_FIRST_NAME, STATE_COLON) | STEP(STATE_NAME, STATE_COLON) | STEP(STATE_MEMBER, STATE_BEHIND_MEMBER) |
                     STEP(STATE_FIRST, STATE_BEHIND_ELEMENT) | STEP(STATE_ELEMENT, STATE_BEHIND_ELEMENT),
    [TOKEN_COLON] = STEP(STATE_COLON, STATE_MEMBER),
    [TOKEN_COMMA] = STEP(STATE_BEHIND_MEMBER, STATE_NAME) | STEP(STATE_BEHIND_ELEMENT, STATE_ELEMENT),
    [TOKEN_OPEN_OBJECT] =
        STEP(STATE_MEMBER, STATE_FIRST_NAME) | STEP(STATE_FIRST, STATE_FIRST_NAME) | STEP(STATE_ELEMENT, STATE_FIRST_NAME),
    [TOKEN_OPEN_ARRAY] = STEP(STATE_MEMBER, STATE_FIRST) | STEP(STATE_FIRST, STATE_FIRST) | STEP(STATE_ELEMENT, STATE_FIRST),
    [TOKEN_CLOSE_OBJECT] = STEP(STATE_FIRST_NAME, STATE_END) | STEP(STATE_BEHIND_MEMBER, STATE_END),
    [TOKEN_CLOSE_ARRAY] = STEP(STATE_FIRST, STATE_END) | STEP(STATE_BEHIND_ELEMENT, STATE_END),
};

/* A whole text and how far it was read. */
struct reading {
    const char *bytes;
    size_t length;
    uint64_t kinds; /* bit n: bracket n is an object */
    int depth;
    uint64_t state;      /* in its lowest bits */
    uint64_t in_string;  /* all bits: the next block begins inside a string */
    uint64_t escaped;    /* 1: its first byte is escaped */
    uint64_t in_other;   /* 1: its first byte may go on with a number or word */
    uint64_t high;       /* not 0: there were bytes beyond ASCII */
    const char *checked; /* escapes before it were looked at */
    unsigned expected;   /* not 0: 1 + the name in the index whose string may come */
};

/* Inline in each walk: they are built for its instruction set, and without what it does not want. */
#define WALK static inline __attribute__((always_inline))

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* A number, true, false or null, with what may stand behind it. */
static bool scan_other(const struct reading *reading, size_t at)
{
    struct scan scan = {reading->bytes + at, reading->bytes + reading->length};
    const char c = *scan.at;
    const bool good = c == 't'   ? scan_word(&scan, "true")
                      : c == 'f' ? scan_word(&scan, "false")
                      : c == 'n' ? scan_word(&scan, "null")
                                 : scan_number(&scan);
    return good && (scan.at == scan.end || tokens[(unsigned char)*scan.at] != TOKEN_OTHER || is_blank(*scan.at));
}

/* At a backslash. */
static bool scan_escape(struct reading *reading, size_t at)
{
    struct scan scan = {reading->bytes + at, reading->bytes + reading->length};
    if (reading->checked && scan.at < reading->checked)
        return true; /* the second half of a pair */
    scan.at++;
    if (scan.at == scan.end)
        return false;
    const char escaped = *scan.at++;
    if (escaped != 'u')
        return escaped && strchr("\"\\/bfnrt", escaped);
    const bool good = scan_unicode(&scan);
    reading->checked = scan.at;
    return good;
}

/* Each backslash that is not escaped itself; `*out` are the bytes behind them. */
static bool scan_escapes(struct reading *reading, size_t start, uint64_t slashes, uint64_t *out)
{
    uint64_t escaped = reading->escaped;
    reading->escaped = 0;
    for (slashes &= ~escaped; slashes; slashes &= slashes - 1) {
        const unsigned at = (unsigned)__builtin_ctzll(slashes);
        const uint64_t next = UINT64_C(2) << at; /* 0 for the last */
        if (!scan_escape(reading, start + at))
            return false;
        escaped |= next;
        slashes &= ~next;
        reading->escaped = at == JSON_BLOCK - 1;
    }
    *out = escaped;
    return true;
}

/* An opening bracket. */
static bool push(struct reading *reading, bool object)
{
    if (reading->depth == JSON_MAX_DEPTH)
        return false;
    const uint64_t bit = UINT64_C(1) << reading->depth++;
    reading->kinds = object ? reading->kinds | bit : reading->kinds & ~bit;
    return true;
}

/* The state behind a closing bracket that the grammar allows. */
static uint64_t pop(struct reading *reading)
{
    if (reading->depth <= 1)
        return STATE_END;
    reading->depth--;
    return reading->kinds >> (reading->depth - 1) & 1 ? STATE_BEHIND_MEMBER : STATE_BEHIND_ELEMENT;
}

/* --- the index */

/* Is it that name? */
static inline bool is_name_at(const struct reading *reading, const struct json_index *index, size_t at, unsigned name)
{
    const size_t length = index->name_lengths[name];
    const size_t left = reading->length - at;
    uint64_t head = 0;
    if (left < sizeof(head))
        return left >= length && memcmp(reading->bytes + at, index->names->quoted[name], length) == 0;
    memcpy(&head, reading->bytes + at, sizeof(head));
    return (head & index->masks[name]) == index->heads[name] && left >= length &&
           (length <= sizeof(head) || memcmp(reading->bytes + at, index->names->quoted[name], length) == 0);
}

/* At a name. */
static void note_name(struct reading *reading, struct json_index *index, size_t at, unsigned candidates)
{
    for (; candidates; candidates &= candidates - 1) {
        const unsigned name = (unsigned)__builtin_ctz(candidates);
        if (!is_name_at(reading, index, at, name))
            continue;
        json_index_add(index, &(struct json_note){(uint32_t)at, NOTE_NAME, (uint8_t)name, (uint8_t)reading->depth});
        reading->expected = name + 1;
    }
}

/* A string that is a name, or may be the one behind a name. Behind its quote there is another byte: no object ends with a quote. */
WALK void note_string(struct reading *reading, struct json_index *index, size_t at, bool is_name)
{
    const unsigned expected = reading->expected;
    reading->expected = 0;
    const unsigned candidates = is_name ? index->firsts[(unsigned char)reading->bytes[at + 1]] : 0;
    if (candidates)
        note_name(reading, index, at, candidates);
    else if (expected && !is_name)
        json_index_add(index, &(struct json_note){(uint32_t)at, NOTE_STRING, (uint8_t)(expected - 1), (uint8_t)reading->depth});
}

/* A bracket, before it is counted when it closes, and behind that when it opens. */
WALK void note_bracket(const struct reading *reading, struct json_index *index, size_t at, unsigned token)
{
    if (reading->depth == JSON_INDEX_DEPTH && (token == TOKEN_OPEN_OBJECT || token == TOKEN_CLOSE_OBJECT))
        json_index_add(index,
                       &(struct json_note){(uint32_t)at, token == TOKEN_OPEN_OBJECT ? NOTE_OPEN : NOTE_CLOSE, 0, JSON_INDEX_DEPTH});
}

/* --- the walk */

/* A token that is more than a step of the grammar. */
WALK bool scan_special(struct reading *reading, struct json_index *index, size_t at, unsigned token, uint64_t *state)
{
    if (token == TOKEN_OTHER)
        return scan_other(reading, at);
    const bool opens = token == TOKEN_OPEN_OBJECT || token == TOKEN_OPEN_ARRAY;
    if (opens && !push(reading, token == TOKEN_OPEN_OBJECT))
        return false;
    if (index)
        note_bracket(reading, index, at, token);
    if (!opens && (*state & STATE_MASK) == STATE_END)
        *state = pop(reading);
    return true;
}

/* The tokens of a block, a bit where each begins. Nothing leads out of STATE_BAD: it is looked for once. */
WALK bool scan_tokens(struct reading *reading, struct json_index *index, size_t start, uint64_t begins)
{
    uint64_t state = reading->state;
    for (; begins; begins &= begins - 1) {
        const size_t at = start + (unsigned)__builtin_ctzll(begins);
        const unsigned token = tokens[(unsigned char)reading->bytes[at]];
        const bool step = token - TOKEN_STRING <= TOKEN_COMMA - TOKEN_STRING;
        state = grammar[token] >> (state & STATE_MASK);
        if (!step && !scan_special(reading, index, at, token, &state))
            return false;
        if (index && token == TOKEN_STRING)
            note_string(reading, index, at, (state & STATE_MASK) == STATE_COLON);
    }
    reading->state = state;
    return (state & STATE_MASK) != STATE_BAD;
}

typedef void (*read_f)(const unsigned char *block, struct json_masks *out);
typedef uint64_t (*parity_f)(uint64_t bits);

WALK bool scan_block(struct reading *reading, struct json_index *index, size_t start, const struct json_masks *masks,
                     parity_f parity)
{
    uint64_t escaped = 0;
    if ((masks->slashes || reading->escaped) && !scan_escapes(reading, start, masks->slashes, &escaped))
        return false;
    const uint64_t quotes = masks->quotes & ~escaped;
    const uint64_t strings = parity(quotes) ^ reading->in_string; /* with the quote before, without that behind */
    if ((masks->controls & strings) || (masks->slashes & ~strings))
        return false;
    const uint64_t marks = masks->marks & ~strings;
    const uint64_t others = ~(strings | quotes | masks->marks | masks->blanks);
    const uint64_t begins = marks | (quotes & strings) | (others & ~(others << 1 | reading->in_other));
    if (index)
        index->kept[start / JSON_BLOCK] = ~masks->blanks | strings;
    reading->in_string = strings >> 63 ? ~UINT64_C(0) : 0;
    reading->in_other = others >> 63;
    reading->high |= masks->high;
    return scan_tokens(reading, index, start, begins);
}

WALK bool scan_blocks(struct reading *reading, struct json_index *index, read_f read, parity_f parity)
{
    unsigned char rest[JSON_BLOCK];
    struct json_masks masks;
    for (size_t at = 0; at < reading->length; at += JSON_BLOCK) {
        const unsigned char *block = (const unsigned char *)reading->bytes + at;
        if (reading->length - at < JSON_BLOCK) {
            memset(rest, ' ', sizeof(rest));
            memcpy(rest, block, reading->length - at);
            block = rest;
        }
        read(block, &masks);
        if (!scan_block(reading, index, at, &masks, parity))
            return false;
    }
    return true;
}

static bool walk_plain(struct reading *reading, struct json_index *index)
{
    return index ? scan_blocks(reading, index, json_read_plain, json_parity_plain)
                 : scan_blocks(reading, NULL, json_read_plain, json_parity_plain);
}

#if defined(__x86_64__)

static bool walk_sse2(struct reading *reading, struct json_index *index)
{
    return index ? scan_blocks(reading, index, json_read_sse2, json_parity_plain)
                 : scan_blocks(reading, NULL, json_read_sse2, json_parity_plain);
}

JSON_AVX2 static bool walk_avx2(struct reading *reading, struct json_index *index)
{
    return index ? scan_blocks(reading, index, json_read_avx2, json_parity_clmul)
                 : scan_blocks(reading, NULL, json_read_avx2, json_parity_clmul);
}

JSON_AVX512 static bool walk_avx512(struct reading *reading, struct json_index *index)
{
    return index ? scan_blocks(reading, index, json_read_avx512, json_parity_clmul)
                 : scan_blocks(reading, NULL, json_read_avx512, json_parity_clmul);
}

#endif

static bool (*const walks[JSON_SET_COUNT])(struct reading *, struct json_index *) = {
    [JSON_SET_PLAIN] = walk_plain,
#if defined(__x86_64__)
    [JSON_SET_SSE2] = walk_sse2,
    [JSON_SET_AVX2] = walk_avx2,
    [JSON_SET_AVX512] = walk_avx512,
#endif
};

bool json_scan_index_by(const struct json_masker *masker, const char *bytes, size_t length, struct json_index *index)
{
    struct reading reading = {.bytes = bytes, .length = length, .state = STATE_MEMBER};
    if (length < 2 || bytes[0] != '{' || bytes[length - 1] != '}')
        return false;
    return walks[masker->set](&reading, index) && (reading.state & STATE_MASK) == STATE_END &&
           (reading.high == 0 || str_is_utf8(bytes, length));
}

bool json_scan_object_by(const struct json_masker *masker, const char *bytes, size_t length)
{
    return json_scan_index_by(masker, bytes, length, NULL);
}

bool json_scan_object(const char *bytes, size_t length)
{
    return json_scan_object_by(json_masker_best(), bytes, length);
}

bool json_scan_string(const char *bytes, size_t length, const char *name, const char **out, size_t *out_length)
{
    struct nova_piece value;
    if (!nova_member(bytes, length, name, &value) || *value.bytes != '"' || memchr(value.bytes, '\\', value.length))
        return false;
    *out = value.bytes + 1;
    *out_length = value.length - 2;
    return true;
}

static bool in_string(struct json_depth *depth, char c)
{
    if (depth->escaped)
        depth->escaped = false;
    else if (c == '\\')
        depth->escaped = true;
    else if (c == '"')
        depth->in_string = false;
    return true;
}

static bool outside_string(struct json_depth *depth, char c)
{
    depth->in_string = c == '"';
    if (c == '{' || c == '[')
        return ++depth->depth <= JSON_MAX_DEPTH;
    if ((c == '}' || c == ']') && depth->depth > 0)
        depth->depth--;
    return true;
}

bool json_depth_scan(struct json_depth *depth, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (!(depth->in_string ? in_string(depth, bytes[i]) : outside_string(depth, bytes[i])))
            return false;
    }
    return true;
}

bool json_is_content_type(const char *type)
{
    static const char json[] = "application/json";
    const size_t length = sizeof(json) - 1;
    return type && strncasecmp(type, json, length) == 0 && (type[length] == '\0' || strchr("; \t", type[length]));
}
