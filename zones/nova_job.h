/* One call to a plain Nova as the steps that it takes; between nova_call.c, nova_list.c and nova_server.c. Not for others. */
#pragma once

#include "zones/nova.h"
#include "zones/nova_caps.h"
#include "zones/nova_json.h"
#include "zones/nova_rows.h"
#include "zones/rows.h"

enum nova_step {
    NOVA_STEP_LOGIN, /* for the project that is tried */
    NOVA_STEP_FIND,  /* is the server this project's? */
    NOVA_STEP_SEND,  /* the request itself */
    NOVA_STEP_DONE
};

struct nova_job {
    struct zones *zones;
    struct fanout *fanout;
    struct arena *arena;
    struct zone_call *outer;
    const struct nova_operation *operation;
    const struct zone_nova_project **projects; /* whose tokens may be used, the best first */
    size_t project_count;
    size_t at;
    struct nova_login login; /* of projects[at], once step is beyond LOGIN */
    bool renewed;            /* a 401 was answered by a new token already */
    const char *server_id;
    enum nova_step step;
    struct zone_call inner;
    char *secret; /* the login's body */
    /* Of a list. */
    struct nova_list list;
    const char *marker;
    bool guessed; /* the marker is not known to be one there */
    size_t pages;
    struct row *rows;
    size_t row_count;
    size_t row_capacity;
    size_t in_project; /* rows of the project that is read */
};

/* The job's answer, made here. `body` is JSON in the arena. */
void nova_job_say(struct nova_job *job, int status, const char *content_type, const char *body, size_t length);
/* It cannot be carried out: nothing was changed. */
void nova_job_fail(struct nova_job *job, enum zone_kind_of_answer kind, const char *why);
/* The inner call's answer is the job's: headers that may pass, links, projects. */
void nova_job_pass(struct nova_job *job);
/* A call for the current project, with its token: method and target below the compute endpoint, the outer call's headers. */
void nova_job_call(struct nova_job *job, const char *method, const char *target, enum zone_class class);
/* Goes on with the next project. False: there is none. */
bool nova_job_next_project(struct nova_job *job);
struct nova_rewrite nova_job_rules(const struct nova_job *job);

/* nova_list.c. */
void nova_list_open(struct nova_job *job);
void nova_list_send(struct nova_job *job);
void nova_list_take(struct nova_job *job);

/* nova_server.c. */
void nova_server_send(struct nova_job *job);
void nova_server_take(struct nova_job *job);
