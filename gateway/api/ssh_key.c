/* Reading and writing OpenSSH's key forms; see ssh_key.h. */
#include "gateway/api/ssh_key.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "compute/image/md5.h"
#include "gateway/base/ed25519.h"
#include "gateway/base/id.h"
#include "gateway/base/text.h"

#define ED25519     "ssh-ed25519"
#define COMMENT     "Generated-by-zonegate"
#define PEM_COLUMNS 70

/* What is left of the wire form. */
struct wire {
    const uint8_t *at;
    size_t left;
};

static bool read_piece(struct wire *wire, struct wire *out)
{
    if (wire->left < 4)
        return false;
    const size_t length = (size_t)wire->at[0] << 24 | (size_t)wire->at[1] << 16 | (size_t)wire->at[2] << 8 | wire->at[3];
    if (length > wire->left - 4)
        return false;
    *out = (struct wire){wire->at + 4, length};
    wire->at += 4 + length;
    wire->left -= 4 + length;
    return true;
}

static bool piece_equals(const struct wire *piece, const char *text)
{
    return piece->left == strlen(text) && memcmp(piece->at, text, piece->left) == 0;
}

/* A positive number, without needless zeros in front. */
static bool read_number(struct wire *wire)
{
    struct wire number;
    if (!read_piece(wire, &number) || !number.left || number.at[0] & 0x80)
        return false;
    return number.at[0] || (number.left > 1 && number.at[1] & 0x80);
}

static bool read_numbers(struct wire *wire, int count)
{
    while (count && read_number(wire))
        count--;
    return count == 0;
}

static bool is_rsa(struct wire *wire, const char *type)
{
    (void)type;
    return read_numbers(wire, 2); /* e, n */
}

static bool is_dss(struct wire *wire, const char *type)
{
    (void)type;
    return read_numbers(wire, 4); /* p, q, g, y */
}

static bool is_ed25519(struct wire *wire, const char *type)
{
    (void)type;
    struct wire key;
    return read_piece(wire, &key) && key.left == SIGN_PUBLIC_SIZE;
}

/* An uncompressed point: 4, x, y. */
static bool is_ecdsa(struct wire *wire, const char *type)
{
    static const struct {
        const char *curve;
        size_t point;
    } curves[] = {{"nistp256", 65}, {"nistp384", 97}, {"nistp521", 133}};
    struct wire curve;
    struct wire point;
    if (!read_piece(wire, &curve) || !read_piece(wire, &point) || !point.left || point.at[0] != 4)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(curves); i++) {
        if (piece_equals(&curve, curves[i].curve) && str_ends(type, curves[i].curve))
            return point.left == curves[i].point;
    }
    return false;
}

static const struct {
    const char *type;
    bool (*matches)(struct wire *wire, const char *type);
} types[] = {
    {ED25519, is_ed25519},
    {"ssh-rsa", is_rsa},
    {"ecdsa-sha2-nistp256", is_ecdsa},
    {"ecdsa-sha2-nistp384", is_ecdsa},
    {"ecdsa-sha2-nistp521", is_ecdsa},
    {"ssh-dss", is_dss},
};

/* The wire form names the same type as the text, and nothing follows. */
static bool is_key(const char *type, const uint8_t *bytes, size_t length)
{
    struct wire wire = {bytes, length};
    struct wire name;
    if (!read_piece(&wire, &name) || !piece_equals(&name, type))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (str_equal(types[i].type, type))
            return types[i].matches(&wire, type) && !wire.left;
    }
    return false;
}

/* The MD5 of the bytes as "aa:bb:…". */
static const char *colon_hex(struct arena *arena, const uint8_t *bytes, size_t length)
{
    struct md5 md5;
    uint8_t digest[MD5_SIZE];
    char text[MD5_SIZE * 3];
    md5_init(&md5);
    md5_add(&md5, bytes, length);
    md5_end(&md5, digest);
    for (size_t i = 0; i < MD5_SIZE; i++) {
        hex_encode(digest + i, 1, text + 3 * i);
        text[3 * i + 2] = i < MD5_SIZE - 1 ? ':' : '\0';
    }
    return arena_strdup(arena, text);
}

enum err ssh_key_fingerprint(struct arena *arena, const char *public_key, const char **out)
{
    const size_t type_length = strcspn(public_key, " ");
    const char *encoded = public_key + type_length + strspn(public_key + type_length, " ");
    const size_t encoded_length = strcspn(encoded, " \t\r\n");
    const char *type = arena_strndup(arena, public_key, type_length);
    uint8_t *bytes = arena_alloc(arena, encoded_length + 1);
    size_t length = 0;
    if (base64_decode(encoded, encoded_length, bytes, encoded_length, &length) != OK || !is_key(type, bytes, length))
        return fail(E_INVALID, "Keypair data is invalid: failed to generate fingerprint");
    *out = colon_hex(arena, bytes, length);
    return OK;
}

static void add_number(struct text *out, uint32_t number)
{
    const uint8_t bytes[] = {(uint8_t)(number >> 24), (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number};
    text_add(out, bytes, sizeof(bytes));
}

static void add_piece(struct text *out, const void *bytes, size_t length)
{
    add_number(out, (uint32_t)length);
    text_add(out, bytes, length);
}

static void add_public(struct text *out, const uint8_t public_key[SIGN_PUBLIC_SIZE])
{
    add_piece(out, ED25519, strlen(ED25519));
    add_piece(out, public_key, SIGN_PUBLIC_SIZE);
}

/* Twice the same random number (a reader checks with it that it decrypted well), the key, a comment, padding to whole blocks. */
static void add_secret(struct text *out, const uint8_t public_key[SIGN_PUBLIC_SIZE], const uint8_t secret[SIGN_SECRET_SIZE])
{
    uint32_t check;
    random_bytes(&check, sizeof(check));
    add_number(out, check);
    add_number(out, check);
    add_public(out, public_key);
    add_piece(out, secret, SIGN_SECRET_SIZE);
    add_piece(out, COMMENT, strlen(COMMENT));
    for (char pad = 1; out->length % 8; pad++)
        text_add_char(out, pad);
}

static void wipe(struct text *text)
{
    if (text->bytes)
        explicit_bzero(text->bytes, text->capacity);
    text_clear(text);
}

static const char *write_private(struct arena *arena, const uint8_t public_key[SIGN_PUBLIC_SIZE],
                                 const uint8_t secret[SIGN_SECRET_SIZE])
{
    static const char magic[] = "openssh-key-v1"; /* its NUL belongs to it */
    CLEANUP(wipe) struct text public_part = {0};
    CLEANUP(wipe) struct text secret_part = {0};
    CLEANUP(wipe) struct text whole = {0};
    add_public(&public_part, public_key);
    add_secret(&secret_part, public_key, secret);
    text_add(&whole, magic, sizeof(magic));
    add_piece(&whole, "none", 4); /* cipher */
    add_piece(&whole, "none", 4); /* key derivation */
    add_piece(&whole, "", 0);
    add_number(&whole, 1); /* keys */
    add_piece(&whole, public_part.bytes, public_part.length);
    add_piece(&whole, secret_part.bytes, secret_part.length);
    char *encoded = arena_alloc(arena, BASE64_SIZE(whole.length));
    base64_encode(whole.bytes, whole.length, encoded, BASE64_SIZE(whole.length));
    CLEANUP(wipe) struct text pem = {0};
    text_add_str(&pem, "-----BEGIN OPENSSH PRIVATE KEY-----\n");
    for (const char *line = encoded; *line; line += strnlen(line, PEM_COLUMNS))
        text_add_format(&pem, "%.*s\n", PEM_COLUMNS, line);
    text_add_str(&pem, "-----END OPENSSH PRIVATE KEY-----\n");
    explicit_bzero(encoded, strlen(encoded));
    return arena_strndup(arena, pem.bytes, pem.length);
}

static const char *write_public(struct arena *arena, const uint8_t public_key[SIGN_PUBLIC_SIZE])
{
    CLEANUP(text_clear) struct text wire = {0};
    add_public(&wire, public_key);
    char *encoded = arena_alloc(arena, BASE64_SIZE(wire.length));
    base64_encode(wire.bytes, wire.length, encoded, BASE64_SIZE(wire.length));
    return arena_printf(arena, ED25519 " %s " COMMENT, encoded);
}

void ssh_pair_new(struct arena *arena, struct ssh_pair *out)
{
    uint8_t public_key[SIGN_PUBLIC_SIZE];
    uint8_t secret[SIGN_SECRET_SIZE];
    ed25519_pair_new(public_key, secret);
    out->public_key = write_public(arena, public_key);
    out->private_key = write_private(arena, public_key, secret);
    explicit_bzero(secret, sizeof(secret));
}
