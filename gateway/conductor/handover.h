/*
 * Finding another zone for a server that is to be built and that the hosts asked so far have failed (DESIGN section 7; spec link.md
 * section 9): the zones below, for a server that came back from one of them also this zone's own hosts, and then the zone above, by
 * the ticket that came with the order.
 *
 * What is sent is stored in the task before; an unknown outcome sends the same again, and somebody else is asked only after a
 * refusal that is final. Task data: "order": {"server", "embedded", "reservation_id", "launch_index", "onward": {"zone",
 * "ticket"}}, "away": {"zone", "host", "blob", "until", "unknown"} the entry in use, "refused": how many refused, "above": the zone
 * above was asked.
 */
#pragma once

#include <jansson.h>

#include "compute/build/build.h"
#include "compute/scheduler/sizing.h"
#include "gateway/conductor/record.h"
#include "gateway/conductor/ticket.h"
#include "gateway/http/core/core.h"
#include "schema/task/task.h"

struct zone;

/* What another zone would need to build the server: a new object; NULL where there is none to ask. `from`: the ticket that came
 * with the order. It holds secrets: it lives in the data of the server's tasks and ends with them. */
json_t *handover_order(struct request *request, const struct record_parts *parts, const struct ticket_from *from);
/* The parts of such an order. */
struct record_parts handover_parts(const json_t *order, const struct uuid *uuid);

struct handover {
    const struct sizing *sizing;
    const char *sizing_text; /* the same */
    struct build_past past;  /* attempts: builds begun so far */
    bool own_hosts;          /* this zone's may take it too */
    const struct uuid *from; /* with own_hosts: the zone below that gave it back */
};

/* A step of a task. OK: `*owner` has it. E_CONFLICT: nobody takes it. E_UNAVAILABLE: the outcome is not known yet. */
MUST_CHECK enum err handover_run(struct request *request, struct task *task, const struct handover *handover, struct uuid *owner);
/* Something was sent that may have made the server elsewhere. */
bool handover_is_begun(const struct task *task);
/* Takes back what handover_run may have made. E_UNAVAILABLE: not yet. */
MUST_CHECK enum err handover_undo(struct request *request, struct task *task, const struct handover *handover);
/* Deletes the server at `owner`, through `hop`, a direct child. */
MUST_CHECK enum err handover_delete(struct request *request, const struct uuid *server, const struct uuid *owner,
                                    const struct zone *hop);
