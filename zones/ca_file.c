/* See ca_file.h. */
#include "zones/ca_file.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gateway/base/seal.h"

#define FILES_MOST 1024 /* admins make them, one per link and change */

/* State of the process, because libcurl's connections are known by path and several fan-outs share zones: a file is made once and
 * never changed or closed. */
static struct {
    pthread_mutex_t lock;
    size_t count;
    struct {
        uint8_t hash[32];
        int fd;
    } files[FILES_MOST];
} made = {.lock = PTHREAD_MUTEX_INITIALIZER};

static enum err make_file(const char *pem, int *out)
{
    const size_t length = strlen(pem);
    const int fd = memfd_create("zonegate-ca", MFD_CLOEXEC);
    if (fd < 0)
        return fail(E_UNAVAILABLE, "No file for certificates can be made: %s.", strerror(errno));
    if (write(fd, pem, length) != (ssize_t)length) {
        (void)close(fd);
        return fail(E_UNAVAILABLE, "The certificates cannot be written: %s.", strerror(errno));
    }
    *out = fd;
    return OK;
}

/* With the lock held. */
static enum err find_or_make(const char *pem, int *out)
{
    uint8_t hash[32];
    hash_blake2b(pem, strlen(pem), hash);
    for (size_t i = 0; i < made.count; i++) {
        if (memcmp(made.files[i].hash, hash, sizeof(hash)) == 0) {
            *out = made.files[i].fd;
            return OK;
        }
    }
    if (made.count == FILES_MOST)
        return fail(E_UNAVAILABLE, "There are too many sets of certificates: restart the zone.");
    TRY(make_file(pem, out));
    memcpy(made.files[made.count].hash, hash, sizeof(hash));
    made.files[made.count++].fd = *out;
    return OK;
}

enum err ca_file_path(const char *pem, char out[CA_FILE_PATH_SIZE])
{
    int fd = -1;
    (void)pthread_mutex_lock(&made.lock);
    const enum err result = find_or_make(pem, &fd);
    (void)pthread_mutex_unlock(&made.lock);
    TRY(result);
    (void)snprintf(out, CA_FILE_PATH_SIZE, "/proc/self/fd/%d", fd);
    return OK;
}
