/* What the numbers of the server and of the client library mean, as one table. What to do about it is db.c's. */
#include <stdio.h>

#include <errmsg.h>
#include <mysqld_error.h>

#include "schema/db_inside.h"

static const struct meaning meanings[] = {
    {ER_DUP_ENTRY, FATE_FINAL, E_CONFLICT},
    {ER_DUP_ENTRY_WITH_KEY_NAME, FATE_FINAL, E_CONFLICT},
    {ER_ROW_IS_REFERENCED_2, FATE_FINAL, E_CONFLICT},
    {ER_NO_REFERENCED_ROW_2, FATE_FINAL, E_CONFLICT},
    {ER_LOCK_DEADLOCK, FATE_AGAIN, E_RETRY},
    {ER_LOCK_WAIT_TIMEOUT, FATE_AGAIN, E_RETRY},
    {ER_CHECKREAD, FATE_AGAIN, E_RETRY},
    {ER_UNKNOWN_COM_ERROR, FATE_AGAIN, E_RETRY}, /* 1047: Galera node not ready */
    {ER_ERROR_DURING_COMMIT, FATE_AGAIN, E_RETRY},
    {CR_SERVER_GONE_ERROR, FATE_LOST, E_UNAVAILABLE},
    {CR_SERVER_LOST, FATE_LOST, E_UNAVAILABLE},
    {CR_SERVER_LOST_EXTENDED, FATE_LOST, E_UNAVAILABLE},
    {CR_MALFORMED_PACKET, FATE_LOST, E_UNAVAILABLE},
    {CR_COMMANDS_OUT_OF_SYNC, FATE_LOST, E_UNAVAILABLE},
    {CR_NEW_STMT_METADATA, FATE_LOST, E_UNAVAILABLE}, /* other columns since a schema change; the rows were not read */
    {ER_CONNECTION_KILLED, FATE_LOST, E_UNAVAILABLE},
    {ER_SERVER_SHUTDOWN, FATE_LOST, E_UNAVAILABLE},
    {ER_NEED_REPREPARE, FATE_STALE, E_UNAVAILABLE},
    {ER_UNKNOWN_STMT_HANDLER, FATE_STALE, E_UNAVAILABLE},
    {ER_MAX_PREPARED_STMT_COUNT_REACHED, FATE_STALE, E_UNAVAILABLE},
    {CR_CONNECTION_ERROR, FATE_FINAL, E_UNAVAILABLE},
    {CR_CONN_HOST_ERROR, FATE_FINAL, E_UNAVAILABLE},
    {CR_UNKNOWN_HOST, FATE_FINAL, E_UNAVAILABLE},
    {ER_CON_COUNT_ERROR, FATE_FINAL, E_UNAVAILABLE},
    {ER_TOO_MANY_USER_CONNECTIONS, FATE_FINAL, E_UNAVAILABLE},
    {ER_OPTION_PREVENTS_STATEMENT, FATE_FINAL, E_UNAVAILABLE}, /* 1290: a read-only server */
    {ER_ACCESS_DENIED_ERROR, FATE_FINAL, E_FORBIDDEN},
    {ER_DBACCESS_DENIED_ERROR, FATE_FINAL, E_FORBIDDEN},
    {ER_BAD_DB_ERROR, FATE_FINAL, E_NOT_FOUND},
    {ER_STATEMENT_TIMEOUT, FATE_FINAL, E_TIMEOUT},
};

const struct meaning *meaning_get(unsigned code)
{
    static const struct meaning other = {0, FATE_FINAL, E_INTERNAL};
    for (size_t i = 0; i < ARRAY_LEN(meanings); i++) {
        if (meanings[i].code == code)
            return &meanings[i];
    }
    return &other;
}

struct trouble trouble_of(MYSQL *mysql)
{
    struct trouble trouble = {.code = mysql_errno(mysql)};
    (void)snprintf(trouble.text, sizeof(trouble.text), "%s", mysql_error(mysql));
    return trouble;
}

enum err fail_trouble(const struct trouble *trouble, enum err kind)
{
    return fail(kind, "Database error %u: %s", trouble->code, trouble->text);
}
