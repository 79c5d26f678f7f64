/* See private_process.h. A process is watched by its pidfd; without one (an old kernel) it is looked at once a second. */
#include "schema/private_process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/text.h"

#define LOOK_MS 1000

static const char system_path[] = "/usr/sbin:/usr/local/sbin:/usr/libexec:/usr/bin:/usr/local/bin";

static const char *search_path(const char *path, const char *program, struct arena *arena)
{
    while (*path) {
        const size_t length = strcspn(path, ":");
        const char *candidate = arena_printf(arena, "%.*s/%s", (int)length, path, program);
        if (length && access(candidate, X_OK) == 0)
            return candidate;
        path += length + (path[length] == ':');
    }
    return NULL;
}

enum err program_find(const char *program, struct arena *arena, const char **out)
{
    const char *path = getenv("PATH");
    const char *found = NULL;
    if (strchr(program, '/'))
        found = access(program, X_OK) == 0 ? arena_strdup(arena, program) : NULL;
    else if (path)
        found = search_path(path, program, arena);
    if (!found && !strchr(program, '/'))
        found = search_path(system_path, program, arena);
    if (!found)
        return fail(E_INVALID,
                    "The program %s of a private database was not found. Install the MariaDB server (Debian: mariadb-server-core), "
                    "set [database] mariadbd to its path, or [database] connection to a server that runs.",
                    program);
    *out = found;
    return OK;
}

static struct watched watch(pid_t pid, bool child)
{
    return (struct watched){.pid = pid, .fd = (int)syscall(SYS_pidfd_open, pid, 0), .child = child};
}

static int prepare_spawn(posix_spawn_file_actions_t *files, posix_spawnattr_t *attributes, const char *log_path)
{
    sigset_t none;
    sigset_t all;
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    int failed = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    failed = failed ? failed : posix_spawnattr_setsigmask(attributes, &none);
    failed = failed ? failed : posix_spawnattr_setsigdefault(attributes, &all);
    failed = failed ? failed : posix_spawn_file_actions_addopen(files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    failed =
        failed ? failed : posix_spawn_file_actions_addopen(files, STDOUT_FILENO, log_path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    failed = failed ? failed : posix_spawn_file_actions_adddup2(files, STDOUT_FILENO, STDERR_FILENO);
    return failed ? failed : posix_spawn_file_actions_addclosefrom_np(files, STDERR_FILENO + 1);
}

enum err process_spawn(const char *const *arguments, const char *log_path, struct watched *out)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    char *const *writable = NULL;
    pid_t pid = 0;
    memcpy(&writable, &arguments, sizeof(writable)); /* posix_spawn changes no argument, but does not say const */
    if (posix_spawn_file_actions_init(&files) != 0 || posix_spawnattr_init(&attributes) != 0)
        return fail(E_INTERNAL, "Out of memory.");
    int failed = prepare_spawn(&files, &attributes, log_path);
    failed = failed ? failed : posix_spawn(&pid, arguments[0], &files, &attributes, writable, environ);
    (void)posix_spawn_file_actions_destroy(&files);
    (void)posix_spawnattr_destroy(&attributes);
    if (failed)
        return fail(E_UNAVAILABLE, "%s could not be started: %s", arguments[0], strerror(failed));
    *out = watch(pid, true);
    return OK;
}

/* /proc/PID/cmdline holds the arguments, each closed by a NUL. */
static bool has_argument(const char *pid, const char *argument)
{
    char path[64];
    char *bytes = NULL;
    size_t size = 0;
    bool found = false;
    (void)snprintf(path, sizeof(path), "/proc/%.20s/cmdline", pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    while (!found && getdelim(&bytes, &size, '\0', file) > 0)
        found = strcmp(bytes, argument) == 0;
    free(bytes);
    (void)fclose(file);
    return found;
}

void process_find(const char *argument, struct watched *out)
{
    *out = (struct watched){.fd = -1};
    DIR *processes = opendir("/proc");
    if (!processes)
        return;
    const struct dirent *entry;
    while (out->pid == 0 && (entry = readdir(processes))) {
        int64_t pid = 0;
        if (str_to_int(entry->d_name, &pid) && has_argument(entry->d_name, argument))
            *out = watch((pid_t)pid, false);
    }
    (void)closedir(processes);
}

void process_release(struct watched *process)
{
    if (process->fd >= 0)
        (void)close(process->fd);
    *process = (struct watched){.fd = -1};
}

/* A child has ended when it can be reaped. Another process of ours has when its pidfd says so, or when its number is free. */
static bool has_ended(const struct watched *process, int *out_status)
{
    if (process->child)
        return waitpid(process->pid, out_status, WNOHANG) != 0;
    struct pollfd ended = {.fd = process->fd, .events = POLLIN};
    if (process->fd >= 0)
        return poll(&ended, 1, 0) == 1;
    return kill(process->pid, 0) != 0;
}

bool process_ended(struct watched *process, int wake_fd, int wait_ms, int *out_status)
{
    const int64_t limit = clock_mono_ms() + wait_ms;
    int status = -1;
    bool woken = false;
    while (process->pid && !has_ended(process, &status)) {
        struct pollfd events[2] = {{.fd = process->fd, .events = POLLIN}, {.fd = wake_fd, .events = POLLIN}};
        const int64_t left = limit - clock_mono_ms();
        if (woken || left <= 0)
            return false;
        (void)poll(events, 2, process->fd < 0 && left > LOOK_MS ? LOOK_MS : (int)left);
        woken = events[1].revents != 0;
    }
    process_release(process);
    if (out_status)
        *out_status = status;
    return true;
}
