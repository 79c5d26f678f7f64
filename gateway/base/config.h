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
    } compute;
    struct {
        int64_t poll_interval_ms;
        int64_t child_timeout_ms;
        char *below_2_69; /* skip | error */
        int64_t remembered_servers;
        bool insecure;    /* plain http to other machines */
    } zones;
    struct {
        char *level;
    } log;
    struct {
        char *stop_after; /* KIND:STEP[:undo] — the process kills itself there (tests only) */
    } debug;
};

/* Reads and checks the file. On failure the message names file, line and the right form (E_INVALID), or that it cannot be read. */
MUST_CHECK enum err config_open(const char *path, struct config *out);
/* Every setting at its default; for tests and for `zonegate config`. */
void config_init(struct config *out);
void config_clear(struct config *config);
/* The table as a commented INI file. */
void config_print(FILE *out);
