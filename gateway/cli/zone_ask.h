/*
 * Asking the running zone from the command line, with a short-lived token made from the key file; and how what it says is printed:
 * words of states in colour, but only on a terminal, and never with NO_COLOR or --json.
 */
#pragma once

#include <jansson.h>

#include "gateway/cli/cli.h"

/* `target` below /compute/v2.1; `body` NULL: none. `*out` is the caller's to decref, NULL after 204. E_UNAVAILABLE: no zone
 * answers; else the kind of the answer's status, in the zone's own words. */
MUST_CHECK enum err zone_ask(struct cli *cli, const char *method, const char *target, const json_t *body, json_t **out);

/* As it may stand in a path or query. In the arena. */
const char *zone_encode(struct cli *cli, const char *text);

/* --tls-ca FILE and --tls-pin PIN, as members of a zone. E_INVALID: the file cannot be read. */
MUST_CHECK enum err zone_add_tls(struct cli *cli, json_t *spec);

/* With --json: prints it, true. */
bool zone_print_json(const struct cli *cli, const json_t *value);
/* The word, in the colour of a state or severity where colours are shown. In the arena. */
const char *zone_paint(struct cli *cli, const char *word);
/* A text member; "" when it is missing or null. */
const char *zone_text(const json_t *object, const char *key);
/* Places on the terminal: bytes that start a character. */
int zone_width(const char *text);
