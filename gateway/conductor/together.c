/* See together.h. A batch is open (it takes items), then carried, then done; the last thread that leaves it frees it. */
#include "gateway/conductor/together.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "zones/fanout.h"

struct batch {
    struct batch *next; /* in the list of those that are not done */
    const char *key;
    void *items[TOGETHER_MOST];
    size_t count;
    size_t users;       /* threads that have not left yet */
    pthread_cond_t end; /* it is done */
    bool carried;       /* takes no more items */
    bool done;
};

struct together {
    together_carry_f *carry;
    pthread_mutex_t lock;
    pthread_cond_t turn;   /* a batch is done: the next one of its key may be carried */
    struct batch *batches; /* lock; those under way and those to come, oldest first */
};

struct together *together_new(together_carry_f *carry)
{
    struct together *together = calloc(1, sizeof(*together));
    if (!together)
        return NULL;
    together->carry = carry;
    (void)pthread_mutex_init(&together->lock, NULL);
    (void)pthread_cond_init(&together->turn, NULL);
    return together;
}

void together_free(struct together *together)
{
    if (!together)
        return;
    (void)pthread_cond_destroy(&together->turn);
    (void)pthread_mutex_destroy(&together->lock);
    free(together);
}

/* Under the lock. The last of this key that takes items; NULL. */
static struct batch *find_open(const struct together *together, const char *key)
{
    for (struct batch *batch = together->batches; batch; batch = batch->next) {
        if (!batch->carried && batch->count < TOGETHER_MOST && strcmp(batch->key, key) == 0)
            return batch;
    }
    return NULL;
}

/* Under the lock: an older batch of the same key is not done. */
static bool must_wait(const struct together *together, const struct batch *mine)
{
    for (const struct batch *batch = together->batches; batch != mine; batch = batch->next) {
        if (strcmp(batch->key, mine->key) == 0)
            return true;
    }
    return false;
}

static void append(struct together *together, struct batch *batch)
{
    struct batch **end = &together->batches;
    while (*end)
        end = &(*end)->next;
    *end = batch;
}

static void drop(struct together *together, const struct batch *batch)
{
    struct batch **at = &together->batches;
    while (*at != batch)
        at = &(*at)->next;
    *at = batch->next;
}

static void tell(struct fanout *fanout, bool waits)
{
    if (fanout)
        fanout_waits(fanout, waits);
}

/* Under the lock, which is given away meanwhile. */
static void wait_told(struct together *together, pthread_cond_t *what, struct fanout *fanout)
{
    tell(fanout, true);
    (void)pthread_cond_wait(what, &together->lock);
}

/* Under the lock. */
static void leave(struct batch *batch)
{
    if (--batch->users > 0)
        return;
    (void)pthread_cond_destroy(&batch->end);
    free(batch);
}

static void lead(struct together *together, struct batch *mine, struct fanout *fanout)
{
    append(together, mine);
    while (must_wait(together, mine))
        wait_told(together, &together->turn, fanout);
    mine->carried = true;
    (void)pthread_mutex_unlock(&together->lock);
    tell(fanout, false);
    together->carry(mine->items, mine->count);
    (void)pthread_mutex_lock(&together->lock);
    mine->done = true;
    drop(together, mine);
    (void)pthread_cond_broadcast(&together->turn);
    (void)pthread_cond_broadcast(&mine->end);
    leave(mine);
}

static void follow(struct together *together, struct batch *batch, void *item, struct fanout *fanout)
{
    batch->items[batch->count++] = item;
    batch->users++;
    while (!batch->done)
        wait_told(together, &batch->end, fanout);
    leave(batch);
}

size_t together_waiting(struct together *together)
{
    size_t count = 0;
    (void)pthread_mutex_lock(&together->lock);
    for (const struct batch *batch = together->batches; batch; batch = batch->next)
        count += batch->carried ? 0 : batch->count;
    (void)pthread_mutex_unlock(&together->lock);
    return count;
}

static struct batch *batch_new(const char *key, void *item)
{
    struct batch *batch = calloc(1, sizeof(*batch));
    if (!batch)
        return NULL;
    batch->key = key;
    batch->items[0] = item;
    batch->count = 1;
    batch->users = 1;
    (void)pthread_cond_init(&batch->end, NULL);
    return batch;
}

void together_run(struct together *together, const char *key, void *item, struct fanout *fanout)
{
    (void)pthread_mutex_lock(&together->lock);
    struct batch *open = find_open(together, key);
    struct batch *mine = open ? NULL : batch_new(key, item);
    if (open)
        follow(together, open, item, fanout);
    else if (mine)
        lead(together, mine, fanout);
    (void)pthread_mutex_unlock(&together->lock);
    tell(fanout, false);
    if (!open && !mine) /* no memory: alone */
        together->carry(&item, 1);
}
