/*
 * A libvirtd of the test's own (libvirtd.sh), with all its state in a new directory under /tmp. Needs root and libvirtd; a test
 * asks `libvirtd_possible` first and skips itself otherwise.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct private_libvirtd {
    char directory[64];
    char uri[256];
    pid_t pid;
};

static inline bool libvirtd_possible(void)
{
    return geteuid() == 0 && access("/usr/sbin/libvirtd", X_OK) == 0 && access("/usr/bin/unshare", X_OK) == 0;
}

/* For waiting on what has no event: another process. */
static inline void look_again_soon(void)
{
    const struct timespec pause = {.tv_nsec = 50 * 1000 * 1000};
    (void)nanosleep(&pause, NULL);
}

/* 0: the program ended well. Its output goes to the file. */
static inline int run_program(const char *const *arguments, const char *output)
{
    const pid_t pid = fork();
    if (pid == 0) {
        const int fd = open(output, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
            _exit(127);
        (void)execv(arguments[0], (char *const *)arguments);
        _exit(127);
    }
    int status = -1;
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static inline int libvirtd_start(struct private_libvirtd *daemon)
{
    (void)signal(SIGPIPE, SIG_IGN); /* as the daemon: libvirt writes to a socket whose other side was killed */
    char output[128];
    char socket[128];
    (void)snprintf(output, sizeof(output), "%s/output", daemon->directory);
    (void)snprintf(socket, sizeof(socket), "%s/run/libvirt-sock", daemon->directory);
    (void)unlink(socket); /* of one that was killed */
    daemon->pid = fork();
    if (daemon->pid == 0) {
        const int fd = open(output, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
            _exit(127);
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that dies leaves no daemon */
        (void)execl(TEST_SOURCE_DIR "/libvirtd.sh", "libvirtd.sh", daemon->directory, NULL);
        _exit(127);
    }
    for (int i = 0; i < 600 && access(socket, F_OK) != 0; i++) {
        if (waitpid(daemon->pid, NULL, WNOHANG) == daemon->pid)
            return -1;
        look_again_soon();
    }
    return access(socket, F_OK);
}

/* `driver` is "test" or "qemu", `path` what follows: "/default", "/system". */
static inline int libvirtd_open(struct private_libvirtd *daemon, const char *driver, const char *path)
{
    (void)snprintf(daemon->directory, sizeof(daemon->directory), "/tmp/zonegate-libvirtd-XXXXXX");
    if (!mkdtemp(daemon->directory))
        return -1;
    (void)snprintf(daemon->uri, sizeof(daemon->uri), "%s+unix://%s?socket=%s/run/libvirt-sock", driver, path, daemon->directory);
    return libvirtd_start(daemon);
}

static inline void libvirtd_end(struct private_libvirtd *daemon, int signal_number)
{
    if (daemon->pid <= 0)
        return;
    (void)kill(daemon->pid, signal_number);
    (void)waitpid(daemon->pid, NULL, 0);
    daemon->pid = 0;
}

static inline int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    (void)remove(path);
    return 0;
}

static inline void libvirtd_close(struct private_libvirtd *daemon)
{
    libvirtd_end(daemon, SIGTERM);
    (void)nftw(daemon->directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}
