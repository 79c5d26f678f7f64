/* Opening and closing connections: options, the session's settings, the look at one that rested. */
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

#include "schema/db_inside.h"
#include "gateway/base/clock.h"
#include "gateway/base/text.h"

#define CONNECT_TIMEOUT_S     3
#define WRITE_TIMEOUT_S       30
#define IDLE_IN_TRANSACTION_S "15"
#define IDLE_CHECK_MS         100 /* a connection that rested longer is looked at before it is used */

static void start_library(void)
{
    (void)mysql_server_init(0, NULL, NULL);
}

static void set_options(MYSQL *mysql, unsigned read_timeout_s)
{
    const unsigned connect_timeout = CONNECT_TIMEOUT_S;
    const unsigned write_timeout = WRITE_TIMEOUT_S;
    const unsigned off = 0;
    (void)mysql_optionsv(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &connect_timeout);
    (void)mysql_optionsv(mysql, MYSQL_OPT_READ_TIMEOUT, &read_timeout_s);
    (void)mysql_optionsv(mysql, MYSQL_OPT_WRITE_TIMEOUT, &write_timeout);
    (void)mysql_optionsv(mysql, MYSQL_OPT_LOCAL_INFILE, &off);
    (void)mysql_optionsv(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    (void)mysql_optionsv(mysql, MYSQL_INIT_COMMAND, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED");
    /* A process that sleeps inside a transaction must not keep others from its rows: it loses connection and transaction. */
    (void)mysql_optionsv(mysql, MYSQL_INIT_COMMAND, "SET SESSION idle_transaction_timeout = " IDLE_IN_TRANSACTION_S);
    (void)mysql_optionsv(mysql, MYSQL_INIT_COMMAND,
                         "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,"
                         "NO_ENGINE_SUBSTITUTION', time_zone = '+00:00', autocommit = 1");
}

/* `name` NULL: no database is chosen. */
static enum err connect_server(const struct db_target *target, const char *name, unsigned read_timeout_s, MYSQL **out)
{
    MYSQL *mysql = mysql_init(NULL);
    if (!mysql)
        return fail(E_INTERNAL, "Out of memory.");
    set_options(mysql, read_timeout_s);
    const char *host = target->socket ? "localhost" : target->host;
    if (mysql_real_connect(mysql, host, target->user, target->password, name, target->port, target->socket, CLIENT_FOUND_ROWS)) {
        *out = mysql;
        return OK;
    }
    const struct trouble trouble = trouble_of(mysql);
    mysql_close(mysql);
    return fail_trouble(&trouble, meaning_get(trouble.code)->kind);
}

enum err db_connection_open(struct db *db)
{
    if (db->mysql)
        return OK;
    TRY(connect_server(db->target, db->target->name, db->read_timeout_s, &db->mysql));
    db->used_ms = clock_mono_ms();
    return OK;
}

void db_connection_close(struct db *db)
{
    statements_clear(db);
    if (db->mysql)
        mysql_close(db->mysql);
    db->mysql = NULL;
}

enum err db_open_patient(const struct db_target *target, unsigned read_timeout_s, struct db **out)
{
    /* The client library's own state is made once per process and needs one thread to do it. */
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, start_library);
    struct db *db = calloc(1, sizeof(*db));
    if (!db)
        return fail(E_INTERNAL, "Out of memory.");
    db->target = target;
    db->read_timeout_s = read_timeout_s;
    const enum err result = db_connection_open(db);
    if (result != OK)
        free(db);
    else
        *out = db;
    return result;
}

enum err db_open(const struct db_target *target, struct db **out)
{
    return db_open_patient(target, DB_READ_TIMEOUT_S, out);
}

void db_close(struct db *db)
{
    if (!db)
        return;
    db_connection_close(db);
    free(db->cells);
    free(db);
}

void db_thread_end(void)
{
    mysql_thread_end();
}

enum err db_create_database(const struct db_target *target)
{
    struct text sql = {0};
    MYSQL *mysql = NULL;
    TRY(connect_server(target, NULL, DB_READ_TIMEOUT_S, &mysql));
    text_add_format(&sql, "CREATE DATABASE IF NOT EXISTS `%s` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", target->name);
    const int refused = mysql_real_query(mysql, text_str(&sql), sql.length);
    const struct trouble trouble = trouble_of(mysql);
    mysql_close(mysql);
    text_clear(&sql);
    return refused ? fail_trouble(&trouble, meaning_get(trouble.code)->kind) : OK;
}

void check_idle_connection(struct db *db)
{
    const int64_t now = clock_mono_ms();
    if (db->mysql && now - db->used_ms > IDLE_CHECK_MS) {
        struct pollfd watched = {.fd = (int)mysql_get_socket(db->mysql), .events = POLLIN};
        if (poll(&watched, 1, 0) != 0)
            db_connection_close(db);
    }
    db->used_ms = now;
}
