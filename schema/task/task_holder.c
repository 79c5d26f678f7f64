/* See task_holder.h. A process is its number and its start time: numbers are used again. */
#include "schema/task/task_holder.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/base/id.h"
#include "gateway/base/text.h"

#define START_FIELD 22 /* of /proc/PID/stat: start time in clock ticks since boot */
#define STATE_FIELD 3

static void read_line(const char *path, char *out, size_t size)
{
    out[0] = '\0';
    FILE *file = fopen(path, "re");
    if (!file)
        return;
    if (!fgets(out, (int)size, file))
        out[0] = '\0';
    out[strcspn(out, "\n")] = '\0';
    (void)fclose(file);
}

/* The fields behind the program's name, which stands in parentheses and may hold anything. "" when there is no such process. */
static const char *stat_field(char *line, int field)
{
    char *at = strrchr(line, ')');
    for (int i = STATE_FIELD - 1; at && i < field; i++)
        at = strchr(at + 1, ' ');
    if (!at)
        return "";
    at++;
    at[strcspn(at, " ")] = '\0';
    return at;
}

/* Start time of a process that runs; 0 when it has ended (a zombie has). */
static int64_t start_time(int64_t pid)
{
    char path[64];
    char line[1024];
    int64_t start = 0;
    (void)snprintf(path, sizeof(path), "/proc/%lld/stat", (long long)pid);
    read_line(path, line, sizeof(line));
    char copy[sizeof(line)];
    memcpy(copy, line, sizeof(copy));
    if (*stat_field(copy, STATE_FIELD) == 'Z' || !str_to_int(stat_field(line, START_FIELD), &start))
        return 0;
    return start;
}

void holder_new(struct holder *out)
{
    char host[65] = "";
    char boot[40];
    char space[64] = "";
    uint8_t random[4];
    char random_hex[2 * sizeof(random) + 1];
    (void)gethostname(host, sizeof(host) - 1);
    for (char *c = host; *c; c++)
        *c = *c == '/' ? '_' : *c;
    read_line("/proc/sys/kernel/random/boot_id", boot, sizeof(boot));
    const ssize_t length = readlink("/proc/self/ns/pid", space, sizeof(space) - 1);
    space[length > 0 ? length : 0] = '\0';
    random_bytes(random, sizeof(random));
    hex_encode(random, sizeof(random), random_hex);
    (void)snprintf(out->name, sizeof(out->name), "%s/%s/%s/%ld/%lld/%s", host, boot, space, (long)getpid(),
                   (long long)start_time(getpid()), random_hex);
}

/* Length of HOST/BOOT/PIDNS/ */
static size_t place_length(const char *name)
{
    const char *at = name;
    for (int i = 0; at && i < 3; i++) {
        at = strchr(at, '/');
        at = at ? at + 1 : NULL;
    }
    return at ? (size_t)(at - name) : 0;
}

/* PID/START/… */
static bool read_process(const char *text, int64_t *out_pid, int64_t *out_start)
{
    char *end = NULL;
    *out_pid = strtoll(text, &end, 10);
    if (*out_pid <= 0 || *end != '/')
        return false;
    *out_start = strtoll(end + 1, &end, 10);
    return *end == '/';
}

bool holder_is_dead(const char *name, const struct holder *self)
{
    const size_t place = place_length(name);
    int64_t pid = 0;
    int64_t start = 0;
    if (place == 0 || place != place_length(self->name) || memcmp(name, self->name, place) != 0)
        return false;
    if (!read_process(name + place, &pid, &start))
        return false;
    if (kill((pid_t)pid, 0) != 0 && errno == ESRCH)
        return true;
    return start_time(pid) != start && access("/proc/self/stat", R_OK) == 0;
}
