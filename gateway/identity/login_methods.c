/* How a login shows who it is: password, token, application credential; and the password change, which shows the same. */
#include "gateway/base/text.h"
#include "gateway/identity/login_inside.h"

/* Fills `out`; `*out_found` false when there is no such user: the caller goes on as if there were, to take as long. */
static enum err find_user(struct login *login, const json_t *object, struct identity_user *out, bool *out_found)
{
    const char *id = json_string_value(json_object_get(object, "id"));
    const char *name = json_string_value(json_object_get(object, "name"));
    login->asked = id ? id : name ? name : "";
    struct identity_domain domain;
    enum err result = E_NOT_FOUND;
    if (id) {
        result = identity_user_get(login->db, login->arena, id, out);
    } else if (name) {
        result = login_find_domain(login, json_object_get(object, "domain"), &domain);
        if (result == OK)
            result = identity_user_get_by_name(login->db, login->arena, domain.id, name, out);
    } else {
        return fail(E_INVALID, "Expecting to find user id or name.");
    }
    *out_found = result == OK;
    return result == E_NOT_FOUND ? OK : result;
}

/* A slot's worth of work: the same for a wrong secret and for none to compare with. `who` names the failing pair. */
static enum err check_secret(const struct login *login, const char *who, const char *hash, const char *secret)
{
    struct identity *identity = login->identity;
    const char *address = login->request->client_address;
    TRY(password_slots_take(identity->slots, failures_delay_ms(identity->failures, who, address), &login->request->budget));
    const bool matches = password_matches(identity->slots, hash, secret);
    password_slots_give(identity->slots);
    failures_note(identity->failures, who, address, matches);
    return matches ? OK : login_refuse(login, "wrong secret");
}

enum err login_by_password(struct login *login, const json_t *method)
{
    const json_t *object = json_object_get(method, "user");
    const char *password = json_string_value(json_object_get(object, "password"));
    struct identity_user user = {0};
    bool found = false;
    if (!password)
        return fail(E_INVALID, "Expecting to find password in user.");
    TRY(find_user(login, object, &user, &found));
    TRY(check_secret(login, found ? user.id : login->asked, found ? user.password : NULL, password));
    return login_take_user(login, &user);
}

/* The parent's revocation is asked of the database itself: the snapshot may be a second old. */
static enum err check_parent(const struct login *login, const struct claims *parent, const struct identity_user *user)
{
    bool voided = false;
    if (parent->issued_us <= user->tokens_after_us)
        return login_refuse(login, "the token was revoked");
    TRY(identity_is_void(login->db, login->arena, "audit", parent->audit_id, parent->issued_us, &voided));
    return voided ? login_refuse(login, "the token was revoked") : OK;
}

enum err login_by_token(struct login *login, const json_t *method)
{
    const char *token = json_string_value(json_object_get(method, "id"));
    struct identity_user user;
    if (!token)
        return fail(E_INVALID, "Expecting to find id in token.");
    TRY(identity_verify(login->identity, login->request, token, &login->parent));
    login->asked = login->parent->user.id;
    if (login->parent->credential_id)
        return login_refuse(login, "a token of an application credential cannot be exchanged");
    const enum err result = identity_user_get(login->db, login->arena, login->parent->user.id, &user);
    if (result == E_NOT_FOUND)
        return login_refuse(login, "the token's user does not exist");
    TRY(result);
    TRY(check_parent(login, login->parent, &user));
    return login_take_user(login, &user);
}

/* By id, or by name and user. `out->id` NULL when there is none. */
static enum err find_credential(struct login *login, const json_t *method, struct identity_credential *out)
{
    const char *id = json_string_value(json_object_get(method, "id"));
    const char *name = json_string_value(json_object_get(method, "name"));
    struct identity_credentials list = {NULL, 0};
    struct identity_user user;
    bool found = false;
    *out = (struct identity_credential){0};
    login->asked = id ? id : "";
    if (id) {
        const enum err result = identity_credential_get(login->db, login->arena, id, out);
        return result == E_NOT_FOUND ? OK : result;
    }
    if (!name)
        return fail(E_INVALID, "Expecting to find application credential id or name.");
    TRY(find_user(login, json_object_get(method, "user"), &user, &found));
    if (found)
        TRY(identity_credential_list(login->db, login->arena, user.id, name, &list));
    if (list.count)
        *out = list.items[0];
    return OK;
}

enum err login_by_credential(struct login *login, const json_t *method)
{
    const char *secret = json_string_value(json_object_get(method, "secret"));
    struct identity_credential credential;
    struct identity_user user;
    if (!secret)
        return fail(E_INVALID, "Expecting to find secret in application_credential.");
    TRY(find_credential(login, method, &credential));
    TRY(check_secret(login, credential.id ? credential.id : login->asked, credential.secret, secret));
    if (credential.expires_us && credential.expires_us <= login->started_us)
        return login_refuse(login, "the application credential has expired");
    const enum err result = identity_user_get(login->db, login->arena, credential.user_id, &user);
    if (result == E_NOT_FOUND)
        return login_refuse(login, "the application credential's user does not exist");
    TRY(result);
    login->credential = credential;
    return login_take_user(login, &user);
}

enum err identity_change_password(struct identity *identity, struct request *request, const char *user_id, const char *original,
                                  const char *password)
{
    struct login login = {.identity = identity, .request = request, .db = request->db, .arena = request->arena, .asked = user_id};
    struct identity_user user = {0};
    char hash[PASSWORD_HASH_SIZE];
    const enum err found = identity_user_get(request->db, request->arena, user_id, &user);
    if (found != E_NOT_FOUND)
        TRY(found);
    TRY(check_secret(&login, user_id, found == OK ? user.password : NULL, original));
    if (!user.enabled || !user.domain_enabled)
        return login_refuse(&login, "the user is disabled");
    TRY(identity_hash(identity, request, password, hash));
    TRY(identity_user_change(request->db, user_id, &(struct identity_change){.password = hash, .enabled = -1}));
    return identity_revoked(identity, request->db);
}

enum err identity_hash(struct identity *identity, const struct request *request, const char *password, char out[PASSWORD_HASH_SIZE])
{
    TRY(password_slots_take(identity->slots, 0, &request->budget));
    const enum err result = password_hash(password, out);
    password_slots_give(identity->slots);
    return result;
}
