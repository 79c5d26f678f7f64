/*
 * `[database] connection = private`: the zone's own mariadbd, under STATE_DIR/mariadb (data, sock, pid, mariadbd.log, lock; mode
 * 0700).
 *
 * It listens on a unix socket only. It is made at the first start, supervised by one thread (restarted when it dies, with growing
 * pauses), and outlives a killed daemon: the next start adopts it. One daemon per state directory (a lock file says who). Not here:
 * the schema (migrate.h).
 */
#pragma once

#include "gateway/base/err.h"
#include "schema/db.h"

struct private_server;

/* For the daemon. Returns when the server answers and the database "zonegate" exists. `program` is mariadbd's name or path.
 * E_INVALID: the path is too long for a socket, the program is missing; E_CONFLICT: another process supervises this directory;
 * E_UNAVAILABLE: it does not start (names the log file and its last line). */
MUST_CHECK enum err private_server_start(const char *program, const char *state_dir, struct private_server **out);

/* For commands: uses the server that a daemon runs, or starts one for as long as the command needs it. Same errors. No supervision.
 */
MUST_CHECK enum err private_server_join(const char *program, const char *state_dir, struct private_server **out);

/* Borrowed; lives as long as the server. */
const struct db_target *private_server_target(const struct private_server *server);

/* Ends the supervision and, if it is ours to end, the server: SIGTERM, then up to 20 s. Accepts NULL. */
void private_server_stop(struct private_server *server);

/* Ends the supervision only; mariadbd goes on and the next start adopts it. Accepts NULL. */
void private_server_abandon(struct private_server *server);
