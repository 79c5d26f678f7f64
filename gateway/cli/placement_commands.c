/*
 * `zonegate placement …`: Placement without a daemon, on the database alone (gateway/api/placement/direct.h). Works while no zone
 * runs, and safely while one does.
 *
 * GET, POST, PUT and DELETE print the answer as curl does: the body, with -i the status line and headers in front. An answer of 400
 * or more is also the command's failure.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compute/placement/resource_class.h"
#include "gateway/api/placement/direct.h"
#include "gateway/base/text.h"
#include "gateway/cli/cli.h"
#include "schema/json/json.h"
#include "schema/migrate.h"
#include "schema/private_server.h"

#define DATA_MAX ((size_t)256 * 1024 * 1024)

struct session {
    struct private_server *server;
    struct db_target target;
    struct placement_direct *direct;
};

static void session_close(struct session *session)
{
    placement_direct_close(session->direct);
    db_target_clear(&session->target);
    private_server_stop(session->server);
    json_schemas_close();
}

/* The database is brought up to date, as `zonegate db upgrade` does: a tool may be the first to touch it. */
static enum err prepare_database(const struct db_target *target)
{
    int from = 0;
    int to = 0;
    struct db *db = NULL;
    TRY(db_open(target, &db));
    enum err result = db_upgrade(db, &from, &to);
    if (result == OK)
        result = placement_sync(db);
    db_close(db);
    return result;
}

static enum err find_database(const struct config *config, struct session *out)
{
    if (strcmp(config->database.connection, "private") != 0) {
        TRY(db_target_parse(config->database.connection, &out->target));
        return db_create_database(&out->target);
    }
    TRY(private_server_join(config->database.mariadbd, config->zone.state_dir, &out->server));
    return db_target_copy(private_server_target(out->server), &out->target);
}

static enum err session_open(const struct cli *cli, struct session *out)
{
    TRY(json_schemas_open());
    TRY(find_database(&cli->config, out));
    TRY(prepare_database(&out->target));
    const struct placement_direct_options options = {.config = &cli->config, .database = &out->target};
    return placement_direct_open(&options, &out->direct);
}

static enum err read_stream(FILE *file, const char *path, struct text *out)
{
    char buffer[65536];
    size_t got = fread(buffer, 1, sizeof(buffer), file);
    for (; got > 0 && out->length <= DATA_MAX; got = fread(buffer, 1, sizeof(buffer), file))
        text_add(out, buffer, got);
    if (ferror(file) || out->length > DATA_MAX)
        return fail(E_INVALID, "%s cannot be read, or is larger than %zu MiB.", path, DATA_MAX / 1024 / 1024);
    return OK;
}

/* --data FILE; "-" is standard input. */
static enum err read_data(const struct cli *cli, struct text *out)
{
    const char *path = cli_option(cli, "data");
    if (!path)
        return OK;
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (!file)
        return fail(E_INVALID, "%s cannot be read: %s.", path, strerror(errno));
    const enum err result = read_stream(file, path, out);
    if (file != stdin)
        (void)fclose(file);
    return result;
}

static const char *reason_of(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {{200, "OK"},
                   {201, "Created"},
                   {204, "No Content"},
                   {400, "Bad Request"},
                   {403, "Forbidden"},
                   {404, "Not Found"},
                   {405, "Method Not Allowed"},
                   {406, "Not Acceptable"},
                   {409, "Conflict"},
                   {413, "Request Entity Too Large"},
                   {415, "Unsupported Media Type"},
                   {500, "Internal Server Error"},
                   {503, "Service Unavailable"}};
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "";
}

static void print_answer(const struct cli *cli, const struct placement_answer *answer)
{
    if (cli_option(cli, "include")) {
        (void)printf("HTTP/1.1 %d %s\r\n", answer->status, reason_of(answer->status));
        for (size_t i = 0; i < answer->headers->count; i++)
            (void)printf("%s: %s\r\n", answer->headers->items[i].name, answer->headers->items[i].value);
        (void)printf("Content-Length: %zu\r\n\r\n", answer->body_length);
    }
    (void)fwrite(answer->body, 1, answer->body_length, stdout);
    if (answer->body_length)
        (void)putchar('\n');
    (void)fflush(stdout);
}

static enum err judge(const struct placement_answer *answer)
{
    if (answer->status < 400)
        return OK;
    return fail(err_from_status(answer->status), "The answer is %d %s.", answer->status, reason_of(answer->status));
}

static enum err make_call(struct cli *cli, struct placement_call call)
{
    CLEANUP(session_close) struct session session = {0};
    CLEANUP(text_clear) struct text data = {0};
    struct placement_answer answer;
    TRY(read_data(cli, &data));
    if (cli_option(cli, "data")) {
        call.body = text_str(&data);
        call.body_length = data.length;
    }
    TRY(session_open(cli, &session));
    TRY(placement_direct(session.direct, &call, &answer));
    print_answer(cli, &answer);
    return judge(&answer);
}

static enum err call_path(struct cli *cli, const char *method)
{
    const struct placement_call call = {.method = method, .target = cli->words[0], .microversion = cli_option(cli, "microversion")};
    return make_call(cli, call);
}

enum err cmd_placement_get(struct cli *cli)
{
    return call_path(cli, "GET");
}

enum err cmd_placement_post(struct cli *cli)
{
    return call_path(cli, "POST");
}

enum err cmd_placement_put(struct cli *cli)
{
    return call_path(cli, "PUT");
}

enum err cmd_placement_delete(struct cli *cli)
{
    return call_path(cli, "DELETE");
}

enum err cmd_placement_reshape(struct cli *cli)
{
    const struct placement_call call = {.method = "POST",
                                        .target = "/reshaper",
                                        .microversion =
                                            cli_option(cli, "microversion") ? cli_option(cli, "microversion") : "latest"};
    if (!cli_option(cli, "data"))
        return fail(E_INVALID, "--data FILE is required: the body of POST /reshaper, \"-\" for standard input.");
    TRY(make_call(cli, call));
    (void)printf("Reshaped.\n");
    return OK;
}
