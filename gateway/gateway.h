/*
 * The zone's process: what handlers reach through `request->gateway`. Made in main, released there in reverse; read-only
 * afterwards, but for what its parts guard themselves.
 */
#pragma once

#include "gateway/base/config.h"
#include "gateway/base/id.h"
#include "gateway/base/seal.h"
#include "schema/db.h"

struct hypervisors;
struct task_runners;
struct zones;
struct identity;
struct http_server;
struct image_store;
struct seen;
struct together;

struct gateway {
    struct config config;
    struct zone_keys keys; /* keys.zone is this zone's uuid */
    uint32_t tag;
    const char *name; /* config.zone.name */
    struct db_target database;
    struct hypervisors *hypervisors;
    struct image_store *images;
    struct task_runners *tasks;
    struct identity *identity;
    struct zones *zones;
    struct seen *seen;        /* servers of children, as hints */
    struct together *plans;   /* choices of a host that are made together (gateway/conductor/select.c) */
    struct together *accepts; /* servers that begin to exist together (gateway/conductor/accept.c) */
    struct http_server *server;
    int64_t started_us;
};
