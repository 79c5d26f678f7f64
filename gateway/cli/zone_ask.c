/* See zone_ask.h. */
#include "gateway/cli/zone_ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/base/text.h"
#include "gateway/cli/zone_url.h"
#include "gateway/identity/identity.h"
#include "schema/json/json.h"
#include "zones/http_client.h"

#define ASK_MS          20000
#define TOKEN_S         60
#define CERTIFICATE_MAX 65536

/* NULL when it cannot be read, or is empty. */
static const char *read_certificates(struct cli *cli, const char *path)
{
    FILE *file = *path ? fopen(path, "re") : NULL;
    if (!file)
        return NULL;
    char *text = arena_alloc(&cli->arena, CERTIFICATE_MAX + 1);
    const size_t length = fread(text, 1, CERTIFICATE_MAX, file);
    (void)fclose(file);
    text[length] = '\0';
    return length ? text : NULL;
}

enum err zone_add_tls(struct cli *cli, json_t *spec)
{
    const char *path = cli_option(cli, "tls-ca");
    const char *pem = path ? read_certificates(cli, path) : NULL;
    if (path && *path && !pem)
        return fail(E_INVALID, "%s cannot be read.", path);
    if (path)
        (void)json_object_set_new(spec, "tls_ca", pem ? json_string(pem) : json_null());
    if (cli_option(cli, "tls-pin"))
        (void)json_object_set_new(spec, "tls_pin", json_string(cli_option(cli, "tls-pin")));
    return OK;
}

static enum err read_refusal(const char *root, const struct http_answer *answer)
{
    json_auto_t *body = NULL;
    const char *message = NULL;
    if (json_parse_foreign(answer->body, answer->body_length, &body) == OK)
        message = json_string_value(json_object_get(json_object_iter_value(json_object_iter(body)), "message"));
    if (message)
        return fail(err_from_status(answer->status), "%s", message);
    return fail(err_from_status(answer->status), "The zone at %s answered %d.", root, answer->status);
}

/* What other zones say goes to a terminal: no character of it may steer one. */
static json_t *without_controls(const json_t *text)
{
    CLEANUP(text_clear) struct text clean = {0};
    for (const char *at = json_string_value(text); *at; at++) {
        const unsigned char c = (unsigned char)*at;
        const bool c1 = c == 0xc2 && (unsigned char)at[1] < 0xa0;
        text_add_char(&clean, c < 0x20 || c == 0x7f || c1 ? '?' : *at);
        at += c1 ? 1 : 0;
    }
    return json_string(text_str(&clean));
}

/* json_parse_foreign has bounded the depth. */
static void clean_up(json_t *value)
{
    const char *key;
    size_t i;
    json_t *item;
    void *next;
    json_array_foreach(value, i, item)
    {
        if (json_is_string(item))
            (void)json_array_set_new(value, i, without_controls(item));
        else
            clean_up(item);
    }
    json_object_foreach_safe(value, next, key, item)
    {
        if (json_is_string(item))
            (void)json_object_set_new(value, key, without_controls(item));
        else
            clean_up(item);
    }
}

static enum err add_body(struct cli *cli, const json_t *body, struct http_request *request)
{
    char *text = json_dumps(body, JSON_COMPACT);
    if (!text)
        return fail(E_INVALID, "The arguments are not UTF-8.");
    request->body = arena_strdup(&cli->arena, text);
    request->body_length = strlen(text);
    free(text);
    headers_add(&cli->arena, &request->headers, "Content-Type", "application/json");
    return OK;
}

enum err zone_ask(struct cli *cli, const char *method, const char *target, const json_t *body, json_t **out)
{
    CLEANUP(zone_keys_clear) struct zone_keys keys = {0};
    char root[512];
    const char *token = NULL;
    struct http_answer answer;
    TRY(cli_keys_open(&cli->config, &keys));
    TRY(identity_issue_token(&keys, TOKEN_S, &cli->arena, &token));
    zone_url(&cli->config, root, sizeof(root));
    struct http_request request = {.url = arena_printf(&cli->arena, "%s/compute/v2.1%s", root, target),
                                   .method = method,
                                   .trust = {.insecure = true, .ca_pem = read_certificates(cli, cli->config.api.tls_cert)}};
    /* the certificate is this zone's own: its file says who must answer */
    headers_add(&cli->arena, &request.headers, "X-Auth-Token", token);
    if (body)
        TRY(add_body(cli, body, &request));
    TRY(http_client_setup());
    http_call(&cli->arena, &request, budget_from_ms(ASK_MS), &answer);
    if (answer.kind != ZONE_ANSWERED)
        return fail(E_UNAVAILABLE, "The zone does not answer at %s (%s): is `zonegate serve` running?", root,
                    answer.why ? answer.why : "no answer");
    if (answer.status / 100 != 2)
        return read_refusal(root, &answer);
    *out = NULL;
    if (answer.body_length)
        TRY(json_parse_foreign(answer.body, answer.body_length, out));
    clean_up(*out);
    return OK;
}

const char *zone_encode(struct cli *cli, const char *text)
{
    CLEANUP(text_clear) struct text out = {0};
    text_add_percent(&out, text, "");
    return arena_strdup(&cli->arena, text_str(&out));
}

bool zone_print_json(const struct cli *cli, const json_t *value)
{
    if (!cli->json)
        return false;
    char *text = json_dumps(value, JSON_INDENT(2) | JSON_ENCODE_ANY);
    (void)puts(text ? text : "null");
    free(text);
    return true;
}

const char *zone_paint(struct cli *cli, const char *word)
{
    static const struct {
        const char *word;
        const char *colour;
    } colours[] = {
        {"up", "32"},   {"suspect", "33"}, {"draining", "33"}, {"unknown", "33"}, {"warning", "33"},
        {"down", "31"}, {"probing", "31"}, {"disabled", "31"}, {"error", "31"},
    };
    const char *unwanted = getenv("NO_COLOR");
    if (!isatty(STDOUT_FILENO) || (unwanted && *unwanted))
        return word;
    for (size_t i = 0; i < ARRAY_LEN(colours); i++) {
        if (strcmp(word, colours[i].word) == 0)
            return arena_printf(&cli->arena, "\033[%sm%s\033[0m", colours[i].colour, word);
    }
    return word;
}

const char *zone_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

int zone_width(const char *text)
{
    int width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0U) != 0x80;
    return width;
}
