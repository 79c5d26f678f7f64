/*
 * Settings: one table (section, key, type, range, default, one line of description), one struct. The file is INI.
 *
 * Unknown sections and keys and bad values are refused with file, line and what would be right. To add a setting: a member here and
 * a row in config.c; `zonegate serve --check` and `zonegate config` show the table.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "gateway/base/err.h"

struct config {
    char *path; /* of the file */
    struct {
        char *name;
        char *state_dir;
        char *default_availability_zone; /* "" = the zone's name */
        char *capabilities;              /* "key=v1;v2, key=v" */
        bool expose_names;
    } zone;
    struct {
        char *listen;     /* address:port, [v6]:port */
        char *public_url; /* http://host:port as clients reach this zone; "" = http:// and the Host header */
        char *tls_cert;   /* PEM files; both or none */
        char *tls_key;
        int64_t workers; /* most worker threads */
        int64_t queue;   /* requests that may wait for a worker */
        int64_t budget_ms;
        int64_t max_body;  /* bytes of a JSON body */
        int64_t max_limit; /* rows of a page */
        int64_t request_s; /* seconds for a request's head and body */
    } api;
    struct {
        char *connection; /* private | mariadb://user:password@host:port/name | mariadb:///name?socket=PATH&user=U */
        char *mariadbd;   /* program for `private` */
    } database;
    struct {
        char *url; /* "" = users are kept here; else the identity zone's or Keystone's URL */
        int64_t token_lifetime_s;
        int64_t hash_queue;       /* logins that may wait for a password hash */
        int64_t failure_delay_ms; /* added per recent failure of a user and address */
    } identity;
    struct {
        int64_t max_size_gib;
    } image;
    struct {
        char *virt_type; /* auto | kvm | qemu */
        char *pool;      /* storage pool name */
        char *pool_path; /* where the pool is made when a host lacks it */
        int64_t cpu_ratio;
        int64_t sync_interval_s;
        int64_t lane_queue;
        int64_t console_kib;
        int64_t task_runners;
        char *networks; /* "A, B" | "*" | "" */
    } compute;
    struct {
        int64_t max_attempts; /* builds of one server */
        char *preset;         /* default | simple | chance */
        char *filters;        /* "A, B"; "" = the preset's */
        char *weighers;
        int64_t host_subset_size;
        int64_t max_placement_results;
        int64_t max_instances_per_host; /* NumInstancesFilter */
        int64_t max_io_ops_per_host;    /* IoOpsFilter */
        double ram_weight_multiplier;
        double cpu_weight_multiplier;
        double disk_weight_multiplier;
        double io_ops_weight_multiplier;
        double build_failure_weight_multiplier;
        double soft_affinity_weight_multiplier;
        double soft_anti_affinity_weight_multiplier;
        double zone_weight_multiplier;
    } scheduler;
    struct {
        char *listen;         /* address:port where Placement is mounted at `/`; "" = only at /placement of [api] listen */
        char *auth_strategy;  /* identity | noauth2 (tests) */
        bool enforce_scope;   /* tokens must be system-scoped, but for a project's own usages */
        bool new_defaults;    /* reader and admin of the system, instead of admin for all */
        bool open_policy;     /* everybody may do all (tests) */
        char *allowed_origin; /* CORS: "" = none */
        char *allow_headers;  /* CORS: "a, b" */
        bool randomize_candidates;
        int64_t max_body;
    } placement;
    struct {
        int64_t poll_interval_ms;
        int64_t child_timeout_ms;
        char *below_2_69; /* skip | error */
        int64_t remembered_servers;
        int64_t forwarding_keep_s;
        bool insecure; /* plain http to other machines */
    } zones;
    struct { /* -1: unlimited; what an admin sets by the API goes before */
        int64_t instances;
        int64_t cores;
        int64_t ram_mib;
        int64_t metadata_items;
        int64_t injected_files;
        int64_t injected_file_content_bytes;
        int64_t injected_file_path_bytes;
        int64_t key_pairs;
        int64_t server_groups;
        int64_t server_group_members;
        bool recheck; /* count again after a creation */
    } quota;
    struct {
        char *level;
    } log;
    struct {
        char *stop_after;  /* KIND:STEP[:undo] — the process kills itself there (tests only) */
        char *fail_builds; /* STEP:PERCENT[:HOST…] — builds fail there (tests only) */
    } debug;
};

/* Reads and checks the file. On failure the message names file, line and the right form (E_INVALID), or that it cannot be read. */
MUST_CHECK enum err config_open(const char *path, struct config *out);
/* Every setting at its default; for tests and for `zonegate config`. */
void config_init(struct config *out);
void config_clear(struct config *config);
/* The table as a commented INI file. */
void config_print(FILE *out);
