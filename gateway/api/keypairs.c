/*
 * /os-keypairs (nova-api.md section 14): public keys of a user. An admin may act for another user from 2.10 on. Type x509 keeps
 * a certificate in the place of the key.
 */
#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "gateway/api/api.h"
#include "gateway/api/page.h"
#include "gateway/api/ssh_key.h"
#include "gateway/api/x509_key.h"
#include "gateway/conductor/quota.h"
#include "schema/keypair.h"

static const struct body_schema create_schemas[] = {
    {1, "keypair_create_2_1"}, {2, "keypair_create_2_2"}, {10, "keypair_create_2_10"}, {92, "keypair_create_2_92"}, {0, NULL}};

static const char *const list_parameters[] = {"user_id", "limit", "marker"};
static const char *const one_parameters[] = {"user_id"};

/* Whose key pairs: the caller's, unless `named`. `action` is what Nova's policy calls the call. */
static enum err choose_user(const struct request *request, const char *named, const char *action, const char **out)
{
    if (named && !request->caller.is_admin && !str_equal(named, request->caller.user_id))
        return fail(E_FORBIDDEN, "Policy doesn't allow os_compute_api:os-keypairs:%s to be performed.", action);
    *out = named && *named ? named : request->caller.user_id;
    return OK;
}

static enum err user_of_query(const struct request *request, const char *action, const char **out)
{
    return choose_user(request, request->version >= 10 ? request_query(request, "user_id") : NULL, action, out);
}

static void add_common(struct text *out, const struct request *request, const struct keypair *keypair)
{
    text_add_str(out, "{\"keypair\":{\"name\":");
    text_add_json(out, keypair->name);
    text_add_str(out, ",\"public_key\":");
    text_add_json(out, keypair->public_key);
    text_add_str(out, ",\"fingerprint\":");
    text_add_json(out, keypair->fingerprint);
    if (request->version >= 2) {
        text_add_str(out, ",\"type\":");
        text_add_json(out, keypair->type);
    }
}

static void add_user(struct text *out, const struct keypair *keypair)
{
    text_add_str(out, ",\"user_id\":");
    text_add_json(out, keypair->user_id);
}

/* Paging exists from 2.35 on; before, all of them. */
static enum err read_page(const struct request *request, struct page *out)
{
    *out = (struct page){.limit = INT_MAX};
    return request->version >= 35 ? page_read(request, out) : OK;
}

static enum err keypair_index(struct request *request, struct response *response)
{
    const char *user = NULL;
    struct page page;
    struct keypairs keypairs;
    TRY(query_check_names(request, list_parameters, ARRAY_LEN(list_parameters)));
    TRY(user_of_query(request, "index", &user));
    TRY(read_page(request, &page));
    TRY(keypair_list(request->db, request->arena, user, page.marker, page.limit, &keypairs));
    struct text *out = &response->body;
    text_add_str(out, "{\"keypairs\":[");
    for (size_t i = 0; i < keypairs.count; i++) {
        if (i)
            text_add_char(out, ',');
        add_common(out, request, &keypairs.items[i]);
        text_add_str(out, "}}");
    }
    text_add_char(out, ']');
    if (keypairs.count)
        page_add_next(out, request, &page, keypairs.count, "keypairs", "/os-keypairs", keypairs.items[keypairs.count - 1].name);
    text_add_char(out, '}');
    return OK;
}

static enum err keypair_show(struct request *request, struct response *response)
{
    const char *user = NULL;
    struct keypair keypair = {0};
    TRY(query_check_names(request, one_parameters, ARRAY_LEN(one_parameters)));
    TRY(user_of_query(request, "show", &user));
    TRY(keypair_get(request->db, request->arena, user, request_param(request, "name"), &keypair));
    struct text *out = &response->body;
    add_common(out, request, &keypair);
    add_user(out, &keypair);
    text_add_format(out, ",\"created_at\":\"%s\",\"deleted\":false,\"deleted_at\":null,\"id\":%" PRId64 ",\"updated_at\":null}}",
                    time_iso_micro(keypair.created_us).text, keypair.id);
    return OK;
}

/* What is stored: the key or certificate that came, or a new one, whose private half is given out in `*private_key`. */
static enum err prepare_ssh(struct request *request, const char *public_key, struct keypair *out, const char **private_key)
{
    struct ssh_pair pair = {.public_key = public_key};
    if (!public_key)
        ssh_pair_new(request->arena, &pair);
    out->public_key = pair.public_key;
    *private_key = pair.private_key;
    return ssh_key_fingerprint(request->arena, pair.public_key, &out->fingerprint);
}

static enum err prepare_x509(struct request *request, const char *certificate, struct keypair *out, const char **private_key)
{
    struct x509_pair pair = {.certificate = certificate};
    if (!certificate)
        TRY(x509_pair_new(request->arena, out->user_id, &pair));
    out->public_key = pair.certificate;
    *private_key = pair.private_key;
    return x509_fingerprint(request->arena, pair.certificate, &out->fingerprint);
}

static enum err prepare(struct request *request, const json_t *body, struct keypair *out, const char **private_key)
{
    const char *type = json_string_value(json_object_get(body, "type"));
    const char *user = NULL;
    TRY(choose_user(request, json_string_value(json_object_get(body, "user_id")), "create", &user));
    *out = (struct keypair){
        .user_id = user,
        .name = json_string_value(json_object_get(body, "name")),
        .type = type ? type : "ssh",
    };
    const char *given = json_string_value(json_object_get(body, "public_key"));
    return strcmp(out->type, "x509") == 0 ? prepare_x509(request, given, out, private_key)
                                          : prepare_ssh(request, given, out, private_key);
}

static enum err keypair_create(struct request *request, struct response *response)
{
    const char *private_key = NULL;
    struct keypair keypair = {0};
    int64_t limit = 0;
    TRY(prepare(request, json_object_get(request->json, "keypair"), &keypair, &private_key));
    TRY(quota_of_caller(request, Q_KEY_PAIRS, &limit));
    TRY(keypair_add(request->db, &keypair, limit));
    struct text *out = &response->body;
    add_common(out, request, &keypair);
    add_user(out, &keypair);
    if (private_key) {
        text_add_str(out, ",\"private_key\":");
        text_add_json(out, private_key);
    }
    text_add_str(out, "}}");
    response->status = request->version >= 2 ? 201 : 200;
    return OK;
}

static enum err keypair_remove(struct request *request, struct response *response)
{
    const char *user = NULL;
    TRY(query_check_names(request, one_parameters, ARRAY_LEN(one_parameters)));
    TRY(user_of_query(request, "delete", &user));
    response->status = request->version >= 2 ? 204 : 202;
    return keypair_delete(request->db, user, request_param(request, "name"));
}

const struct route keypair_routes[] = {
    {.method = "GET", .path = "/os-keypairs", .access = ACCESS_READER, .handler = keypair_index},
    {.method = "POST",
     .path = "/os-keypairs",
     .access = ACCESS_READER, /* a user's own, whatever the role in the project */
     .handler = keypair_create,
     .body = BODY_JSON,
     .schemas = create_schemas},
    {.method = "GET", .path = "/os-keypairs/{name}", .access = ACCESS_READER, .handler = keypair_show},
    {.method = "DELETE", .path = "/os-keypairs/{name}", .access = ACCESS_READER, .handler = keypair_remove},
    {.method = NULL},
};
