/* Statements on identity_credentials and identity_credential_roles (application credentials); see identity.h. */
#include "schema/identity_revocations.h"

#define CREDENTIAL_COLUMNS "id, user_id, project_id, name, description, secret, unrestricted, expires_us FROM identity_credentials"

static void read_credential(const struct rows *rows, size_t row, struct identity_credential *out)
{
    *out = (struct identity_credential){
        .id = rows_text(rows, row, 0),
        .user_id = rows_text(rows, row, 1),
        .project_id = rows_text(rows, row, 2),
        .name = rows_text(rows, row, 3),
        .description = rows_text(rows, row, 4),
        .secret = rows_text(rows, row, 5),
        .unrestricted = rows_int(rows, row, 6) != 0,
        .expires_us = rows_int(rows, row, 7),
    };
}

struct addition {
    const struct identity_credential *credential;
    const char *const *roles;
    size_t role_count;
};

static enum err insert_credential(struct db *db, const struct identity_credential *credential)
{
    static const char sql[] = "INSERT INTO identity_credentials (id, user_id, project_id, name, description, secret, unrestricted,"
                              " expires_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
    const struct sql_value values[] = {sql_text(credential->id),           sql_text(credential->user_id),
                                       sql_text(credential->project_id),   sql_text(credential->name),
                                       sql_text(credential->description),  sql_text(credential->secret),
                                       sql_bool(credential->unrestricted), sql_int(credential->expires_us)};
    const enum err result = db_exec(db, sql, values, ARRAY_LEN(values));
    if (result != E_CONFLICT)
        return result;
    return fail(E_CONFLICT, "Conflict occurred attempting to store application_credential - Duplicate entry found with name %s.",
                credential->name);
}

static enum err add_credential(struct db *db, void *context)
{
    static const char sql[] = "INSERT INTO identity_credential_roles (credential_id, role_id) VALUES (?, ?)";
    const struct addition *addition = context;
    TRY(insert_credential(db, addition->credential));
    for (size_t i = 0; i < addition->role_count; i++) {
        const struct sql_value values[] = {sql_text(addition->credential->id), sql_text(addition->roles[i])};
        TRY(db_exec(db, sql, values, ARRAY_LEN(values)));
    }
    return OK;
}

enum err identity_credential_add(struct db *db, const struct identity_credential *credential, const char *const *roles,
                                 size_t role_count)
{
    return db_transaction(db, add_credential, &(struct addition){credential, roles, role_count});
}

enum err identity_credential_get(struct db *db, struct arena *arena, const char *id, struct identity_credential *out)
{
    static const char sql[] = "SELECT " CREDENTIAL_COLUMNS " WHERE id = ? LOCK IN SHARE MODE";
    struct rows rows;
    TRY(db_query(db, arena, sql, (const struct sql_value[]){sql_text(id)}, 1, &rows));
    TRY(identity_found(rows.count, "application credential", id));
    read_credential(&rows, 0, out);
    return OK;
}

enum err identity_credential_list(struct db *db, struct arena *arena, const char *user_id, const char *name,
                                  struct identity_credentials *out)
{
    static const char sql[] = "SELECT " CREDENTIAL_COLUMNS " WHERE user_id = ? AND (? IS NULL OR name = ?) ORDER BY name LIMIT ?"
                              " LOCK IN SHARE MODE";
    const struct sql_value values[] = {sql_text(user_id), sql_text(name), sql_text(name), sql_int(IDENTITY_LIST_MAX)};
    struct rows rows;
    TRY(db_query(db, arena, sql, values, ARRAY_LEN(values), &rows));
    struct identity_credential *items = arena_alloc(arena, rows.count * sizeof(*items) + 1);
    for (size_t i = 0; i < rows.count; i++)
        read_credential(&rows, i, &items[i]);
    *out = (struct identity_credentials){items, rows.count};
    return OK;
}

enum err identity_credential_roles(struct db *db, struct arena *arena, const char *id, struct identity_roles *out)
{
    static const char sql[] = "SELECT r.id, r.name, r.description FROM identity_credential_roles c"
                              " JOIN identity_roles r ON r.id = c.role_id WHERE c.credential_id = ? ORDER BY r.name";
    struct rows rows;
    TRY(db_query(db, arena, sql, (const struct sql_value[]){sql_text(id)}, 1, &rows));
    struct identity_role *items = arena_alloc(arena, rows.count * sizeof(*items) + 1);
    for (size_t i = 0; i < rows.count; i++)
        items[i] = (struct identity_role){rows_text(&rows, i, 0), rows_text(&rows, i, 1), rows_text(&rows, i, 2)};
    *out = (struct identity_roles){items, rows.count};
    return OK;
}

struct removal {
    const char *user_id;
    const char *id;
};

static enum err delete_credential(struct db *db, void *context)
{
    static const char sql[] = "DELETE FROM identity_credentials WHERE id = ? AND user_id = ?";
    static const char roles[] = "DELETE FROM identity_credential_roles WHERE credential_id = ?";
    const struct removal *removal = context;
    uint64_t affected = 0;
    TRY(db_exec_count(db, sql, (const struct sql_value[]){sql_text(removal->id), sql_text(removal->user_id)}, 2, &affected));
    TRY(identity_found(affected, "application credential", removal->id));
    TRY(db_exec(db, roles, (const struct sql_value[]){sql_text(removal->id)}, 1));
    return identity_void_tokens(db, "credential", removal->id);
}

enum err identity_credential_delete(struct db *db, const char *user_id, const char *id)
{
    return db_transaction(db, delete_credential, &(struct removal){user_id, id});
}
