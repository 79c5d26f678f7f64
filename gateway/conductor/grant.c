/* See grant.h. */
#include "gateway/conductor/grant.h"

#include <string.h>

#include <jansson.h>

#include "gateway/base/text.h"
#include "schema/json/json.h"

#define PREFIX         "zgg1."
#define SHA512_DIGITS  128
#define SIGNATURE_TEXT 88

const char *grant_write(struct arena *arena, const struct grant *grant, const uint8_t secret[SIGN_SECRET_SIZE])
{
    uint8_t signature[SIGNATURE_SIZE];
    char signature_text[SIGNATURE_TEXT];
    CLEANUP(text_clear) struct text json = {0};
    text_add_format(&json, "{\"image\":\"%s\",\"zone\":\"%s\",\"sha512\":", uuid_to_text(&grant->image).text,
                    uuid_to_text(&grant->zone).text);
    text_add_json(&json, grant->sha512);
    text_add_format(&json, ",\"size\":%lld,\"exp\":%lld}", (long long)grant->size, (long long)grant->expires_s);
    const size_t size = 4 * ((json.length + 2) / 3) + 1;
    char *payload = arena_alloc(arena, size);
    base64url_encode(json.bytes, json.length, payload, size);
    const char *head = arena_printf(arena, PREFIX "%s", payload);
    sign_bytes(secret, head, strlen(head), signature);
    base64url_encode(signature, sizeof(signature), signature_text, sizeof(signature_text));
    return arena_printf(arena, "%s.%s", head, signature_text);
}

static enum err refuse(void)
{
    return fail(E_FORBIDDEN, "The image's grant is damaged.");
}

/* The dot in front of the signature; NULL when it is not a grant's text. */
static const char *find_dot(const char *text)
{
    if (strlen(text) > GRANT_TEXT_MOST || !str_starts(text, PREFIX))
        return NULL;
    return strchr(text + strlen(PREFIX), '.');
}

static enum err read_uuid(const json_t *claims, const char *name, struct uuid *out)
{
    const char *text = json_string_value(json_object_get(claims, name));
    return text && uuid_is_text(text) && uuid_from_text(text, out) == OK ? OK : refuse();
}

static bool is_digest(const char *text)
{
    return text && strlen(text) == SHA512_DIGITS && strspn(text, "0123456789abcdef") == SHA512_DIGITS;
}

enum err grant_read(struct arena *arena, const char *text, struct grant *out)
{
    char bytes[GRANT_TEXT_MOST];
    size_t length = 0;
    struct grant grant;
    json_auto_t *claims = NULL;
    const char *dot = find_dot(text);
    const char *payload = text + strlen(PREFIX);
    if (!dot || base64url_decode(payload, (size_t)(dot - payload), bytes, sizeof(bytes), &length) != OK ||
        json_parse_foreign(bytes, length, &claims) != OK || !json_is_object(claims))
        return refuse();
    const char *sha512 = json_string_value(json_object_get(claims, "sha512"));
    const json_t *size = json_object_get(claims, "size");
    const json_t *expires = json_object_get(claims, "exp");
    TRY(read_uuid(claims, "image", &grant.image));
    TRY(read_uuid(claims, "zone", &grant.zone));
    if (!is_digest(sha512) || !json_is_integer(size) || json_integer_value(size) < 0 || !json_is_integer(expires))
        return refuse();
    grant.sha512 = arena_strdup(arena, sha512);
    grant.size = json_integer_value(size);
    grant.expires_s = json_integer_value(expires);
    *out = grant;
    return OK;
}

enum err grant_verify(const char *text, const uint8_t public_key[SIGN_PUBLIC_SIZE])
{
    uint8_t signature[SIGNATURE_SIZE];
    size_t length = 0;
    const char *dot = find_dot(text);
    if (!dot || base64url_decode(dot + 1, strlen(dot + 1), signature, sizeof(signature), &length) != OK ||
        length != sizeof(signature))
        return refuse();
    if (sign_verify(public_key, text, (size_t)(dot - text), signature) != OK)
        return fail(E_FORBIDDEN, "The image's grant is not signed by the zone that it names.");
    return OK;
}

enum err grant_fits(const struct grant *grant, const struct uuid *image, int64_t now_s)
{
    if (!uuid_equal(&grant->image, image))
        return fail(E_FORBIDDEN, "The grant is for another image.");
    return grant->expires_s >= now_s ? OK : fail(E_FORBIDDEN, "The image's grant has expired.");
}

enum err grant_content(const char *sha512, struct uuid *out)
{
    char text[33];
    if (!is_digest(sha512))
        return fail(E_INVALID, "The image has no usable digest.");
    memcpy(text, sha512, 32);
    text[32] = '\0';
    return uuid_from_text(text, out);
}
