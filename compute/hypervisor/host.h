/*
 * One libvirt host as the files of this folder see it: its connection, its driver's abilities, and jobs on its lane.
 *
 * Private to compute/hypervisor. A host is owned by its lane: the last reference to the lane frees it.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <uthash.h>

#include "compute/hypervisor/hypervisor.h"
#include "compute/hypervisor/lane.h"
#include "compute/hypervisor/xml.h"

/* What a driver can do. One table (driver.c); keepalive is asked of the connection, since it belongs to the transport. */
struct driver {
    const char *name;        /* as virConnectGetType says, in any case of letters */
    bool kvm;                /* may be asked for KVM */
    bool upload;             /* volumes take bytes from a stream; else they are made empty */
    bool filters;            /* nwfilters */
    bool console;            /* serial output goes to a log file in the pool */
    unsigned undefine_flags; /* what may hang on a domain and must go with it */
};

MUST_CHECK enum err driver_of(virConnectPtr connection, const struct driver **out);

/* What the XML of a guest needs to know; asked once per connection. */
struct host_facts {
    const struct driver *driver;
    bool kvm;
    bool bound_tcg; /* libvirt can bound the translation cache */
    char arch[32];
    char pool_path[1024];
};

struct host {
    UT_hash_handle hh;
    struct lane *lane;
    char *name;
    char *uri;
    char *virt_type;
    char *pool;
    char *pool_path;
    char *networks; /* "A, B" | "*" | "" */

    pthread_mutex_t lock; /* what follows */
    pthread_cond_t idle;
    bool busy; /* a lane thread connects or asks for facts */
    virConnectPtr connection;
    int events_id;
    bool facts_known;
    struct host_facts facts;

    pthread_mutex_t events_lock; /* what follows; held while `changed` runs */
    pthread_cond_t event;
    uint64_t event_count;
    struct uuid watched;      /* a domain of our own whose end is waited for */
    int watched_stop;         /* virDomainEventStoppedDetailType, -1: not yet */
    power_changed_f *changed; /* NULL: nobody listens (any more) */
    void *context;

    atomic_bool tried;
    atomic_bool up;
    atomic_bool lost;  /* libvirt said that the connection closed */
    atomic_bool asked; /* a ping waits in the lane */
};

/* host.c */
struct host *host_new(const char *name, const char *uri, const struct hypervisor_options *options);
/* Nobody is told of power states from here on. */
void host_mute(struct host *host);
/* Posts a ping (which connects when needed), unless one waits already. */
void host_ping(struct host *host);
void host_mark(struct host *host, bool up);
bool host_is_up(struct host *host);

/* Lane threads only. The connection is the caller's to close. E_UNAVAILABLE. */
MUST_CHECK enum err host_connect(struct host *host, virConnectPtr *out);
void host_disconnect(struct host *host);
/* One lane thread at a time between these two. */
void host_enter(struct host *host);
void host_leave(struct host *host);
void connection_close(virConnectPtr *connection); /* for CLEANUP; accepts NULL */

/* facts.c: E_UNAVAILABLE and whatever the pool says. The first call may take seconds: it may boot a probe. */
MUST_CHECK enum err host_facts(struct host *host, virConnectPtr connection, struct host_facts *out);

/* network.c: those that servers may use. Strings in the arena. */
MUST_CHECK enum err networks_read(struct host *host, virConnectPtr connection, struct arena *arena,
                                  const struct hypervisor_network **out, size_t *out_count);

/* kvm_probe.c: boots a throw-away guest under KVM that switches itself off. An error is no answer: ask again later. */
MUST_CHECK enum err kvm_probe(struct host *host, virConnectPtr connection, const char *arch, bool *out);

/* events.c */
void events_silence_libvirt(void); /* and registers the event loop; once per process */
struct event_loop;
MUST_CHECK enum err event_loop_open(struct event_loop **out);
void event_loop_close(struct event_loop *loop);
int events_subscribe(struct host *host, virConnectPtr connection); /* an id, -1: this driver has none */
/* Tells every domain's power state. */
void host_post_sync(struct host *host);
uint64_t host_event_count(struct host *host);
/* Waits until a lifecycle event came after `seen`, or the deadline. */
void host_wait_event(struct host *host, uint64_t seen, int64_t deadline_ms);
int power_from_state(int virt_state);
/* Waits until a domain that was given to host_watch stopped; its virDomainEventStoppedDetailType, or -1 after the deadline. */
void host_watch(struct host *host, const struct uuid *domain);
int host_wait_stop(struct host *host, int64_t deadline_ms);

/* A job that runs with a connection. */
struct host_job;
typedef enum err host_call_f(struct host *host, virConnectPtr connection, struct host_job *job);
struct host_job {
    struct job job;
    host_call_f *call;
    bool patient; /* may take seconds: that its caller left says nothing about the host */
};
/* `size` bytes that begin with a struct host_job. */
void *host_job_new(size_t size, const char *what, host_call_f *call);
void host_job_drop(void *variable); /* for CLEANUP: the address of a pointer to a job */
/* The host's lane with a reference; E_NOT_FOUND. hypervisors.c. */
MUST_CHECK enum err hypervisors_lane(struct hypervisors *all, const char *host, struct lane **out, struct host **out_host);
/* Finds the host and calls. */
MUST_CHECK enum err host_call(struct hypervisors *all, const char *host, void *job, struct budget budget);
void lane_drop(struct lane **lane); /* for CLEANUP */
size_t hypervisors_console_bytes(const struct hypervisors *all);

/* libvirt's last error as ours: "what: libvirt's words". driver.c */
MUST_CHECK enum err fail_libvirt(const char *what);
bool libvirt_error_is(int code);

/* volume.c: inside a job. `out` is the caller's to free. */
MUST_CHECK enum err pool_open(struct host *host, virConnectPtr connection, virStoragePoolPtr *out);
MUST_CHECK enum err pool_read_path(virStoragePoolPtr pool, char *out, size_t size);
MUST_CHECK enum err volume_make(virStoragePoolPtr pool, const char *xml, virStorageVolPtr *out);
/* NULL when there is none. */
MUST_CHECK enum err volume_find(virStoragePoolPtr pool, const char *name, virStorageVolPtr *out);
MUST_CHECK enum err volume_remove(virStoragePoolPtr pool, const char *name);
MUST_CHECK enum err volume_name_check(const char *name); /* E_INVALID */
/* upload.c: the volume that exists while `name` is incomplete. */
const char *upload_marker_name(struct arena *arena, const char *name);
const char *volume_xml(struct arena *arena, const char *name, const char *format, uint64_t bytes, const char *backing_xml);
void pool_drop(virStoragePoolPtr *pool);    /* for CLEANUP */
void volume_drop(virStorageVolPtr *volume); /* for CLEANUP */
void stream_drop(virStreamPtr *stream);     /* for CLEANUP */
void string_drop(char **string);            /* for CLEANUP */

/* console.c: the log file of a guest's serial console lies in the pool, so that it can be read from afar. */
const char *console_volume_name(struct arena *arena, const char *server);
MUST_CHECK enum err console_make(struct host *host, virConnectPtr connection, struct arena *arena, const char *server);
MUST_CHECK enum err console_remove(struct host *host, virConnectPtr connection, struct arena *arena, const char *server);
