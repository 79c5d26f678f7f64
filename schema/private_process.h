/* Processes of the private database server: made, found, watched. For private_server.c only; knows nothing of databases. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "gateway/base/arena.h"
#include "gateway/base/err.h"

/* A process that may be our child, or one that an earlier run of ours left. */
struct watched {
    pid_t pid;  /* 0: none */
    int fd;     /* pidfd, or -1 where the kernel has none */
    bool child; /* to be reaped by us */
};

/* The program's path: as given when it has a '/', else from PATH and the sbin directories that a user's PATH lacks. E_INVALID. */
MUST_CHECK enum err program_find(const char *program, struct arena *arena, const char **out);

/* Starts it in a session of its own, with no open file but /dev/null and the log, and no signal blocked or ignored. E_UNAVAILABLE.
 */
MUST_CHECK enum err process_spawn(const char *const *arguments, const char *log_path, struct watched *out);

/* A running process of which one argument is exactly `argument`; `out->pid` 0 when there is none. */
void process_find(const char *argument, struct watched *out);

/* Waits until it has ended (true, and it is reaped), at most `wait_ms`, or until `wake_fd` (-1: none) is readable. `out_status` (or
 * NULL) is as of waitpid, -1 for a process that was not our child. */
bool process_ended(struct watched *process, int wake_fd, int wait_ms, int *out_status);

/* Forgets it without ending it. */
void process_release(struct watched *process);
