/*
 * See private_server.h.
 *
 * Who holds the lock file may start mariadbd. A mariadbd is ours when one of its arguments is --datadir=OURS; that is also true
 * before it has written a pid file or answers. The data directory is made under another name and renamed when complete, so one that
 * is there is whole. The supervisor thread alone touches `process` until it was joined; so nothing here is locked.
 */
#include "schema/private_server.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/base/arena.h"
#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/base/text.h"
#include "schema/private_process.h"

#define START_MS              60000 /* with crash recovery */
#define INSTALL_MS            60000
#define STOP_MS               20000
#define LOCK_MS               60000
#define STEP_MS               50
#define RESTART_PAUSE_MS      1000
#define RESTART_PAUSE_MOST_MS 30000
#define HEALTHY_MS            60000 /* one that lived so long is restarted without a pause */
#define WATCH_MS              3600000
#define DATABASE              "zonegate"

struct private_server {
    struct arena arena; /* of the paths */
    const char *program;
    const char *directory;
    const char *data;
    const char *socket;
    const char *pid_file;
    const char *log;
    const char *lock;
    const char *data_argument; /* --datadir=… */
    const char *user_argument; /* as root mariadbd wants to be told whose rights to keep */
    struct db_target target;   /* borrows */
    struct watched process;
    int lock_fd;  /* -1: another process supervises */
    int stop_fd;  /* eventfd; -1: no supervisor */
    bool started; /* by us, not adopted */
    pthread_t supervisor;
};

/* Paths and files */

static enum err set_paths(struct private_server *server, const char *program, const char *state_dir)
{
    struct arena *arena = &server->arena;
    char *real = realpath(state_dir, NULL);
    if (!real)
        return fail(E_INVALID, "The state directory %s cannot be used: %s", state_dir, strerror(errno));
    server->directory = arena_printf(arena, "%s/mariadb", real);
    free(real);
    server->data = arena_printf(arena, "%s/data", server->directory);
    server->socket = arena_printf(arena, "%s/sock", server->directory);
    server->pid_file = arena_printf(arena, "%s/pid", server->directory);
    server->log = arena_printf(arena, "%s/mariadbd.log", server->directory);
    server->lock = arena_printf(arena, "%s/lock", server->directory);
    server->data_argument = arena_printf(arena, "--datadir=%s", server->data);
    const struct passwd *user = getpwuid(geteuid());
    server->user_argument = user ? arena_printf(arena, "--user=%s", user->pw_name) : "--skip-symbolic-links";
    const size_t most = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;
    if (strlen(server->socket) > most)
        return fail(
            E_INVALID,
            "The state directory's path is too long: the database's socket would be %s, and a socket's path has at most %zu bytes.",
            server->socket, most);
    server->target = (struct db_target){
        .socket = arena_strdup(arena, server->socket), .user = arena_strdup(arena, "root"), .name = arena_strdup(arena, DATABASE)};
    if (mkdir(server->directory, 0700) != 0 && errno != EEXIST)
        return fail(E_INVALID, "%s cannot be made: %s", server->directory, strerror(errno));
    return program_find(program, arena, &server->program);
}

struct log_line {
    char text[400]; /* fits into an error message */
};

/* The last line that says something. */
static struct log_line last_log_line(const struct private_server *server)
{
    struct log_line last = {"(empty)"};
    char *line = NULL;
    size_t size = 0;
    FILE *file = fopen(server->log, "re");
    if (!file)
        return (struct log_line){"(no log)"};
    if (fseek(file, -4096, SEEK_END) != 0)
        rewind(file);
    while (getline(&line, &size, file) > 0) {
        line[strcspn(line, "\r\n")] = '\0';
        if (*line)
            (void)snprintf(last.text, sizeof(last.text), "%s", line);
    }
    free(line);
    (void)fclose(file);
    return last;
}

static enum err fail_with_log(const struct private_server *server, const char *what)
{
    return fail(E_UNAVAILABLE, "%s %s. Last line of %s: %s", server->program, what, server->log, last_log_line(server).text);
}

static enum err take_lock(struct private_server *server)
{
    assert(server->lock);
    const int fd = open(server->lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(E_INVALID, "%s cannot be opened: %s", server->lock, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        (void)close(fd);
        return fail(E_CONFLICT, "Another zonegate process runs the database in %s.", server->directory);
    }
    server->lock_fd = fd;
    return OK;
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *position)
{
    (void)status;
    (void)kind;
    (void)position;
    return remove(path);
}

/* What installations that were cut short have left. */
static void remove_unfinished(struct private_server *server)
{
    glob_t found;
    if (glob(arena_printf(&server->arena, "%s/new.*", server->directory), 0, NULL, &found) != 0)
        return;
    for (size_t i = 0; i < found.gl_pathc; i++)
        (void)nftw(found.gl_pathv[i], remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    globfree(&found);
}

static enum err install_data(struct private_server *server)
{
    const char *installer = NULL;
    const char *fresh = arena_printf(&server->arena, "%s/new.%ld", server->directory, (long)getpid());
    int status = 0;
    if (access(server->data, F_OK) == 0)
        return OK;
    remove_unfinished(server);
    TRY(program_find("mariadb-install-db", &server->arena, &installer));
    const char *const arguments[] = {installer,
                                     "--no-defaults",
                                     server->user_argument,
                                     arena_printf(&server->arena, "--datadir=%s", fresh),
                                     arena_printf(&server->arena, "--tmpdir=%s", server->directory), /* not shared with others */
                                     "--auth-root-authentication-method=normal",
                                     "--skip-test-db",
                                     "--innodb-log-file-size=16M",
                                     NULL};
    struct watched process;
    log_info("database.install", "directory=%s", server->data);
    TRY(process_spawn(arguments, server->log, &process));
    if (!process_ended(&process, -1, INSTALL_MS, &status)) {
        (void)kill(process.pid, SIGKILL);
        (void)process_ended(&process, -1, STOP_MS, NULL);
        return fail(E_UNAVAILABLE, "%s took longer than %d s. Last line of %s: %s", installer, INSTALL_MS / 1000, server->log,
                    last_log_line(server).text);
    }
    if (status != 0)
        return fail(E_UNAVAILABLE, "%s failed. Last line of %s: %s", installer, server->log, last_log_line(server).text);
    if (rename(fresh, server->data) != 0)
        return fail(E_UNAVAILABLE, "%s cannot be renamed to %s: %s", fresh, server->data, strerror(errno));
    return OK;
}

/* The process */

static enum err spawn_server(struct private_server *server)
{
    struct arena arena = {0};
    const char *const arguments[] = {server->program,
                                     "--no-defaults",
                                     server->user_argument,
                                     server->data_argument,
                                     arena_printf(&arena, "--socket=%s", server->socket),
                                     arena_printf(&arena, "--tmpdir=%s", server->directory),
                                     arena_printf(&arena, "--pid-file=%s", server->pid_file),
                                     arena_printf(&arena, "--log-error=%s", server->log),
                                     "--skip-networking",
                                     "--skip-name-resolve",
                                     "--character-set-server=utf8mb4",
                                     "--performance-schema=OFF",
                                     "--innodb-buffer-pool-size=32M",
                                     "--innodb-log-file-size=16M",
                                     "--innodb-log-buffer-size=2M",
                                     "--aria-pagecache-buffer-size=1M",
                                     "--key-buffer-size=1M",
                                     "--max-connections=200",
                                     "--max-prepared-stmt-count=100000",
                                     "--table-open-cache=200",
                                     NULL};
    const enum err result = process_spawn(arguments, server->log, &server->process);
    arena_clear(&arena);
    if (result == OK) {
        server->started = true;
        log_info("database.started", "pid=%ld socket=%s", (long)server->process.pid, server->socket);
    }
    return result;
}

/* Until it answers, or dies. Death of an adopted one (it was just ending) is E_GONE. */
static enum err wait_for_answer(struct private_server *server)
{
    const int64_t limit = clock_mono_ms() + START_MS;
    const bool child = server->process.child;
    enum err answer = db_create_database(&server->target);
    while (answer == E_UNAVAILABLE) {
        if (process_ended(&server->process, server->stop_fd, STEP_MS, NULL))
            return child ? fail_with_log(server, "ended while it was starting") : fail(E_GONE, "It ended.");
        if (clock_mono_ms() > limit)
            return fail_with_log(server, "does not answer");
        answer = db_create_database(&server->target);
    }
    return answer;
}

/* Adopts the one that runs, or starts one. */
static enum err bring_up(struct private_server *server)
{
    if (!server->process.pid)
        process_find(server->data_argument, &server->process);
    if (server->process.pid) {
        const pid_t pid = server->process.pid;
        const enum err adopted = wait_for_answer(server);
        if (adopted == OK)
            log_info("database.adopted", "pid=%ld socket=%s", (long)pid, server->socket);
        if (adopted != E_GONE)
            return adopted;
    }
    TRY(install_data(server));
    TRY(spawn_server(server));
    return wait_for_answer(server);
}

/* Supervision */

static bool asked_to_stop(const struct private_server *server, int wait_ms)
{
    struct pollfd event = {.fd = server->stop_fd, .events = POLLIN};
    return poll(&event, 1, wait_ms) == 1;
}

static void say_it_died(const struct private_server *server, int status)
{
    const struct log_text line = log_quote(last_log_line(server).text);
    if (status >= 0 && WIFSIGNALED(status))
        log_error("database.died", "signal=%d log=%s last=%s", WTERMSIG(status), server->log, line.text);
    else
        log_error("database.died", "status=%d log=%s last=%s", status >= 0 ? WEXITSTATUS(status) : -1, server->log, line.text);
}

static void revive(struct private_server *server)
{
    int pause_ms = RESTART_PAUSE_MS;
    while (bring_up(server) != OK && !asked_to_stop(server, 0)) {
        log_error("database.restart", "error=%s again_ms=%d", log_quote(err_message()).text, pause_ms);
        if (asked_to_stop(server, pause_ms))
            return;
        pause_ms = 2 * pause_ms < RESTART_PAUSE_MOST_MS ? 2 * pause_ms : RESTART_PAUSE_MOST_MS;
    }
}

/* The supervisor thread: owns `process` as long as it runs. One that dies young is restarted after a pause. */
static void *supervise(void *argument)
{
    struct private_server *server = argument;
    int64_t since_ms = clock_mono_ms();
    while (!asked_to_stop(server, 0)) {
        int status = 0;
        if (!process_ended(&server->process, server->stop_fd, WATCH_MS, &status))
            continue;
        say_it_died(server, status);
        if (clock_mono_ms() - since_ms < HEALTHY_MS && asked_to_stop(server, RESTART_PAUSE_MS))
            break;
        revive(server);
        since_ms = clock_mono_ms();
    }
    db_thread_end();
    return NULL;
}

static enum err start_supervisor(struct private_server *server)
{
    const int fd = eventfd(0, EFD_CLOEXEC);
    if (fd < 0)
        return fail(E_INTERNAL, "eventfd: %s", strerror(errno));
    server->stop_fd = fd;
    const int failed = pthread_create(&server->supervisor, NULL, supervise, server);
    if (failed == 0)
        return OK;
    (void)close(fd);
    server->stop_fd = -1;
    return fail(E_INTERNAL, "The database's supervisor thread cannot be started: %s", strerror(failed));
}

static void stop_supervisor(struct private_server *server)
{
    const uint64_t one = 1;
    if (server->stop_fd < 0)
        return;
    if (write(server->stop_fd, &one, sizeof(one)) == sizeof(one))
        (void)pthread_join(server->supervisor, NULL);
    (void)close(server->stop_fd);
    server->stop_fd = -1;
}

/* Public */

static struct private_server *server_new(void)
{
    struct private_server *server = calloc(1, sizeof(*server));
    if (!server)
        return NULL;
    server->lock_fd = -1;
    server->stop_fd = -1;
    server->process.fd = -1;
    return server;
}

/* A command may have the lock for a while, or a daemon that is just ending. */
static enum err wait_for_lock(struct private_server *server)
{
    const int64_t limit = clock_mono_ms() + LOCK_MS;
    enum err result = take_lock(server);
    while (result == E_CONFLICT && clock_mono_ms() < limit) {
        (void)usleep(STEP_MS * 1000);
        result = take_lock(server);
    }
    return result;
}

enum err private_server_start(const char *program, const char *state_dir, struct private_server **out)
{
    struct private_server *server = server_new();
    if (!server)
        return fail(E_INTERNAL, "Out of memory.");
    enum err result = set_paths(server, program, state_dir);
    if (result == OK)
        result = wait_for_lock(server);
    if (result == OK)
        result = bring_up(server);
    if (result == OK)
        result = start_supervisor(server);
    if (result == OK)
        *out = server;
    else
        private_server_stop(server);
    return result;
}

/* Either somebody else's server answers, or the lock is free and it is ours to bring one up. */
static enum err join_server(struct private_server *server)
{
    const int64_t limit = clock_mono_ms() + START_MS;
    enum err result = take_lock(server);
    while (result == E_CONFLICT) {
        const enum err answer = db_create_database(&server->target);
        if (answer != E_UNAVAILABLE || clock_mono_ms() > limit)
            return answer;
        (void)usleep(STEP_MS * 1000);
        result = take_lock(server);
    }
    TRY(result);
    return bring_up(server);
}

enum err private_server_join(const char *program, const char *state_dir, struct private_server **out)
{
    struct private_server *server = server_new();
    if (!server)
        return fail(E_INTERNAL, "Out of memory.");
    enum err result = set_paths(server, program, state_dir);
    if (result == OK)
        result = join_server(server);
    if (result != OK) {
        private_server_stop(server);
        return result;
    }
    if (!server->started)
        process_release(&server->process);
    *out = server;
    return OK;
}

const struct db_target *private_server_target(const struct private_server *server)
{
    return &server->target;
}

void private_server_stop(struct private_server *server)
{
    if (!server)
        return;
    stop_supervisor(server);
    if (server->process.pid && kill(server->process.pid, SIGTERM) == 0) {
        const pid_t pid = server->process.pid;
        if (process_ended(&server->process, -1, STOP_MS, NULL))
            log_info("database.stopped", "pid=%ld", (long)pid);
        else
            log_warn("database.stop", "pid=%ld still_running_after_ms=%d", (long)pid, STOP_MS);
    }
    private_server_abandon(server);
}

void private_server_abandon(struct private_server *server)
{
    if (!server)
        return;
    stop_supervisor(server);
    process_release(&server->process);
    if (server->lock_fd >= 0)
        (void)close(server->lock_fd);
    arena_clear(&server->arena);
    free(server);
}
