/* What batch.c and batch_task.c share. */
#pragma once

#include "gateway/conductor/batch.h"
#include "gateway/conductor/places.h"

struct batch {
    struct request *request;
    struct create_order order;
    const char *sizing_text;
    struct uuid subject; /* of its task */
    struct batch_place *places;
    size_t count;
};

/* A batch whose places are all open. The order is borrowed. */
struct batch batch_new(struct request *request, const struct create_order *order);
struct batch_order batch_order_of(const struct batch *batch);

/* The task's data: order, places and who asks; NULL without memory. And back, borrowing from `data`. E_INTERNAL: it is damaged. */
json_t *batch_write(const struct batch *batch, bool decided);
MUST_CHECK enum err batch_read(struct task *task, struct request *request, struct batch *out);

/* Rounds of select and hold for the places that have none; as many as there is room for get one. */
MUST_CHECK enum err batch_hold(struct batch *batch);
/* The same, and then at least min_count are held, named from 1, and the others dropped. Else nothing is held. */
MUST_CHECK enum err batch_prepare(struct batch *batch);
/* Inside the deciding transaction: the servers of this zone. E_UNAVAILABLE: their holds were lost. */
MUST_CHECK enum err batch_decide_here(struct batch *batch, struct db *db);
/* The deciding transaction failed, with the message of err_message(): nothing is held any more, unless it may have been decided
 * (then the places last as long as they were promised). Returns `why`. */
MUST_CHECK enum err batch_undecided(struct batch *batch, enum err why);
/* All of them; in the request's arena. */
struct uuids batch_servers(const struct batch *batch);
void batch_name(struct batch *batch);
bool batch_is_committed(const struct batch *batch);
/* The servers that exist are members of their group, if that one is this zone's; again changes nothing. */
void batch_join(struct batch *batch);
