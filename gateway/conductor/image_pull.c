/*
 * See image_pull.h. Two halves: a build's wish (image_pulls_fetch), and the task that downloads. A build whose pulls failed
 * PULLS_MOST times gives up; while one is at work, the build's waiting does not use up its attempts.
 *
 * A file gets into the zone's own image store under the image's id by a hard link to the verified content, and only when this zone
 * has no image of its own with that id.
 */
#include "gateway/conductor/image_pull.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compute/build/build.h"
#include "compute/image/store.h"
#include "gateway/base/log.h"
#include "gateway/base/text.h"
#include "gateway/gateway.h"
#include "schema/image.h"
#include "schema/json/json.h"
#include "schema/server.h"
#include "zones/download.h"
#include "zones/registry.h"

#define KIND             "image_pull"
#define PULL_RETRIES     400 /* with pauses of at most 10 s: more than an hour */
#define PULLS_MOST       3
#define PATIENT_ATTEMPTS 5 /* of a build that waits: pauses of 3 s */

enum err pulled_store_open(const struct gateway *gateway, struct image_store **out)
{
    CLEANUP(text_clear) struct text path = {0};
    text_add_format(&path, "%s/pulled", gateway->config.zone.state_dir);
    if (mkdir(text_str(&path), 0700) && errno != EEXIST)
        return fail(E_INTERNAL, "cannot make %s: %s", text_str(&path), strerrordesc_np(errno));
    return image_store_open(text_str(&path), (uint64_t)gateway->config.image.max_size_gib << 30, out);
}

static void close_store(struct image_store **store)
{
    image_store_close(*store);
}

static void close_write(struct image_write **write)
{
    image_store_write_close(*write);
}

enum err image_pulls_init(struct image_pulls *pulls, struct gateway *gateway)
{
    CLEANUP(close_store) struct image_store *store = NULL;
    pulls->gateway = gateway;
    atomic_init(&pulls->stopping, false);
    TRY(pulled_store_open(gateway, &store));
    return image_store_sweep(store);
}

void image_pulls_stop(struct image_pulls *pulls)
{
    atomic_store(&pulls->stopping, true);
}

/* --- a wish */

enum err image_pull_add(struct db *db, const struct pull_order *order)
{
    struct uuid content;
    TRY(grant_content(order->grant->sha512, &content));
    json_auto_t *data = json_pack("{s:s, s:s, s:s?, s:s?}", "grant", order->grant_text, "image",
                                  uuid_to_text(&order->grant->image).text, "user", order->user_id, "project", order->project_id);
    const enum err added = data ? task_add(db, KIND, &content, order->request_id, data) : E_INTERNAL;
    return added == E_CONFLICT ? OK : added;
}

static void release_json(void *value)
{
    json_decref(value);
}

/* The image itself, or the kernel or ramdisk of that id: where its grant is. */
static const json_t *find_part(const json_t *image, const char *id)
{
    size_t i = 0;
    const json_t *part = NULL;
    if (str_equal(json_string_value(json_object_get(image, "id")), id))
        return image;
    json_array_foreach(json_object_get(image, "parts"), i, part)
    {
        if (str_equal(json_string_value(json_object_get(part, "id")), id))
            return part;
    }
    return NULL;
}

static enum err find_grant(struct task *task, const struct server *server, const char *id, const char **out_text, struct grant *out)
{
    json_t *image = NULL;
    if (server->image && json_parse_foreign(server->image, strlen(server->image), &image) == OK)
        arena_defer(task->arena, release_json, image);
    const char *text = json_string_value(json_object_get(find_part(image, id), "grant"));
    if (!text)
        return fail(E_NOT_FOUND, "Image %s has no data in this zone.", id);
    *out_text = text;
    return grant_read(task->arena, text, out);
}

/* An image of this zone's own is never mistaken for another zone's of the same id, nor the other way round. `*out_own`: the bytes
 * are this zone's, and need not be brought. */
static enum err check_owner(const struct gateway *gateway, struct task *task, const char *id, const struct grant *grant,
                            bool *out_own)
{
    struct image own;
    const bool ours = uuid_equal(&grant->zone, &gateway->keys.zone);
    const enum err found = image_get(task->db, task->arena, &grant->image, NULL, &own);
    if (found == E_NOT_FOUND && ours)
        return fail(E_NOT_FOUND, "Image %s is not there any more.", id);
    if (found != OK && found != E_NOT_FOUND)
        return found;
    if (found == OK && !ours)
        return fail(E_INVALID, "Image %s is another zone's, but this zone has an image with that id.", id);
    if (found == OK && !str_equal_nocase(own.sha512, grant->sha512))
        return fail(E_INVALID, "Image %s has other data than when the server was asked for.", id);
    *out_own = ours;
    return OK;
}

static bool is_same_file(const char *a, const char *b)
{
    struct stat left;
    struct stat right;
    return stat(a, &left) == 0 && stat(b, &right) == 0 && left.st_ino == right.st_ino && left.st_dev == right.st_dev;
}

/* Puts the content under the image's id, in the place of what was there under that id before. */
static enum err place_link(const char *from, const char *to)
{
    struct uuid name;
    CLEANUP(text_clear) struct text fresh = {0};
    uuid_new(&name);
    text_add_format(&fresh, "%s.%s.part", to, uuid_to_text(&name).text); /* swept at start after a crash */
    if (link(from, text_str(&fresh)))
        return fail(errno == ENOENT ? E_NOT_FOUND : E_INTERNAL, "cannot link %s: %s", to, strerrordesc_np(errno));
    const int failed = rename(text_str(&fresh), to);
    const int cause = errno;
    (void)unlink(text_str(&fresh)); /* a rename onto the same file leaves both names */
    if (failed && cause == ENOENT)
        return fail(E_UNAVAILABLE, "Another process of this zone has swept %s.", text_str(&fresh));
    return failed ? fail(E_INTERNAL, "cannot rename %s: %s", text_str(&fresh), strerrordesc_np(cause)) : OK;
}

/* E_NOT_FOUND: the content is not here yet. */
static enum err link_content(const struct gateway *gateway, const struct grant *grant)
{
    struct uuid content;
    CLEANUP(text_clear) struct text from = {0};
    CLEANUP(text_clear) struct text to = {0};
    TRY(grant_content(grant->sha512, &content));
    text_add_format(&from, "%s/pulled/images/%s", gateway->config.zone.state_dir, uuid_to_text(&content).text);
    text_add_format(&to, "%s/images/%s", gateway->config.zone.state_dir, uuid_to_text(&grant->image).text);
    return is_same_file(text_str(&from), text_str(&to)) ? OK : place_link(text_str(&from), text_str(&to));
}

/* How many pulls this build has asked for, in its own data. */
static int64_t pulls_of(const struct task *task, const char *id)
{
    return json_integer_value(json_object_get(json_object_get(task->data, "image_pulls"), id));
}

static void count_pull(struct task *task, const char *id)
{
    const int64_t pulls = pulls_of(task, id) + 1;
    if (!json_is_object(json_object_get(task->data, "image_pulls")))
        (void)json_object_set_new(task->data, "image_pulls", json_object());
    (void)json_object_set_new(json_object_get(task->data, "image_pulls"), id, json_integer(pulls));
}

static enum err ask_for_pull(const struct gateway *gateway, struct task *task, const struct server *server, const char *id,
                             const struct pull_order *order)
{
    struct uuid content;
    int64_t live = 0;
    TRY(grant_content(order->grant->sha512, &content));
    TRY(task_live(task->db, &content, &live));
    if (live == 0 && pulls_of(task, id) >= PULLS_MOST)
        return fail(E_BAD_GATEWAY, "Image %s could not be brought from the zone that has it; the log of zone %s says why.", id,
                    gateway->name);
    if (live == 0) {
        TRY(image_pull_add(task->db, order));
        count_pull(task, id);
        log_info("image.wanted", "image=%s server=%s", id, uuid_to_text(&server->uuid).text);
    }
    if (task->attempt > PATIENT_ATTEMPTS)
        task->attempt = PATIENT_ATTEMPTS;
    return fail(E_UNAVAILABLE, "Image %s is being brought from another zone.", id);
}

enum err image_pulls_fetch(void *context, struct task *task, const char *image_id)
{
    struct image_pulls *pulls = context;
    struct gateway *gateway = pulls->gateway;
    struct server server;
    struct grant grant;
    const char *text = NULL;
    bool own = false;
    TRY(server_get_any(task->db, task->arena, &task->subject, &server));
    TRY(find_grant(task, &server, image_id, &text, &grant));
    TRY(check_owner(gateway, task, image_id, &grant, &own));
    const enum err linked = own ? OK : link_content(gateway, &grant);
    if (linked != E_NOT_FOUND)
        return linked;
    const struct pull_order order = {&grant, text, server.user_id, server.project_id, task->request_id};
    return ask_for_pull(gateway, task, &server, image_id, &order);
}

/* --- the task */

struct pulling {
    struct task *task;
    struct image_pulls *pulls;
    struct grant grant;
    const char *grant_text;
    struct uuid content;
    struct image_store *store;
    struct image_write *write;
};

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static enum err take_piece(void *context, const void *bytes, size_t length)
{
    const struct pulling *pulling = context;
    if (atomic_load(&pulling->pulls->stopping))
        return fail(E_UNAVAILABLE, "The zone is stopping.");
    return image_store_write_add(pulling->write, bytes, length);
}

/* The words of a refusal go to the log and the server's fault. */
static enum err read_refusal(const struct zone *parent, const struct http_answer *answer)
{
    json_auto_t *body = NULL;
    const char *message = NULL;
    if (json_parse_foreign(answer->body, answer->body_length, &body) == OK)
        message = json_string_value(json_object_get(json_object_iter_value(json_object_iter(body)), "message"));
    if (answer->status == 503)
        return fail(E_UNAVAILABLE, "Zone %s has not got the image yet: %s", parent->row.name,
                    message ? message : "no reason given");
    return fail(answer->status == 404 ? E_NOT_FOUND : E_FORBIDDEN, "Zone %s does not give the image (%d): %s", parent->row.name,
                answer->status, message ? message : "no reason given");
}

static enum err judge(struct pulling *pulling, const struct zone *parent, const struct download *download)
{
    struct image_written written;
    const struct http_answer *answer = &download->answer;
    if (answer->kind == ZONE_LOOP || (answer->kind == ZONE_ANSWERED && answer->status == 508))
        return fail(E_NOT_FOUND, "Zone %s cannot be asked: the way is a loop.", parent->row.name);
    if (answer->kind != ZONE_ANSWERED || answer->status == 401)
        return fail(E_UNAVAILABLE, "Zone %s does not give the image: %s", parent->row.name,
                    answer->why ? answer->why : "no answer");
    if (answer->status != 200)
        return read_refusal(parent, answer);
    if ((int64_t)download->length != pulling->grant.size)
        return fail(E_INVALID, "Zone %s sent %llu bytes, not the %lld that were announced.", parent->row.name,
                    (unsigned long long)download->length, (long long)pulling->grant.size);
    return image_store_write_finish(pulling->write, NULL, pulling->grant.sha512, &written);
}

static enum err download_from(struct pulling *pulling, const struct zone *parent)
{
    struct task *task = pulling->task;
    const struct gateway *gateway = pulling->pulls->gateway;
    static const char *const roles[] = {"reader"};
    const struct caller caller = {.user_id = text_of(task->data, "user"),
                                  .user_name = "",
                                  .project_id = text_of(task->data, "project"),
                                  .project_name = "",
                                  .project_domain_id = "",
                                  .roles = roles,
                                  .role_count = ARRAY_LEN(roles),
                                  .request_id = task->request_id};
    const char *base = arena_printf(task->arena, "%s/compute/v2.1", zones_options(gateway->zones)->url);
    const struct link_origin origin = link_origin_from(&caller, NULL, base, NULL);
    struct download download = {
        .zone = parent,
        .origin = &origin,
        .target = arena_printf(task->arena, "/compute/v2.1/os-zones/images/%s/file", uuid_to_text(&pulling->grant.image).text),
        .limit = (uint64_t)pulling->grant.size,
        .take = take_piece,
        .context = pulling};
    headers_add(task->arena, &download.headers, GRANT_HEADER, pulling->grant_text);
    TRY(zone_download(gateway->zones, task->arena, &download));
    return judge(pulling, parent, &download);
}

/* Another gateway of this zone may be writing the same file: then this one waits. */
static enum err try_parent(struct pulling *pulling, const struct zone *parent)
{
    CLEANUP(close_write) struct image_write *write = NULL;
    const enum err begun = image_store_write_begin(pulling->store, &pulling->content, &write);
    if (begun == E_CONFLICT)
        return fail(E_UNAVAILABLE, "Another process of this zone is bringing the image.");
    TRY(begun);
    pulling->write = write;
    const enum err result = download_from(pulling, parent);
    pulling->write = NULL;
    log_info("image.pull", "image=%s parent=%s result=%s bytes=%lld", uuid_to_text(&pulling->grant.image).text, parent->row.name,
             err_name(result), (long long)pulling->grant.size);
    return result;
}

/* The owner first, if it is a parent; then the others. A parent that may have the image later outranks one that has not got it. */
static enum err try_parents(struct pulling *pulling)
{
    const struct zones_view *view = zones_view(pulling->pulls->gateway->zones, pulling->task->arena);
    const struct zone *owner = view_parent_by_uuid(view, &pulling->grant.zone);
    enum err result = owner ? try_parent(pulling, owner) : fail(E_NOT_FOUND, "This zone has no parent to ask for the image.");
    const char *message = arena_strdup(pulling->task->arena, err_message());
    for (size_t i = 0; result != OK && i < view->parent_count; i++) {
        if (&view->parents[i] == owner)
            continue;
        const enum err next = try_parent(pulling, &view->parents[i]);
        if (next == OK)
            return OK;
        if (result != E_UNAVAILABLE) {
            result = next;
            message = arena_strdup(pulling->task->arena, err_message());
        }
    }
    return result == OK ? OK : fail(result, "%s", message);
}

static enum err run_download(struct task *task)
{
    const struct build_environment *environment = task->context;
    struct pulling pulling = {.task = task, .pulls = environment->fetch_context, .grant_text = text_of(task->data, "grant")};
    CLEANUP(close_store) struct image_store *store = NULL;
    int fd = -1;
    uint64_t size = 0;
    TRY(grant_read(task->arena, pulling.grant_text, &pulling.grant));
    TRY(grant_fits(&pulling.grant, &pulling.grant.image, clock_wall_us() / 1000000));
    TRY(grant_content(pulling.grant.sha512, &pulling.content));
    TRY(pulled_store_open(pulling.pulls->gateway, &store));
    pulling.store = store;
    if (image_open(store, uuid_to_text(&pulling.content).text, &fd, &size) == OK) {
        (void)close(fd);
        return OK;
    }
    return try_parents(&pulling);
}

static enum err pull_failed(struct task *task, enum err kind, const char *message)
{
    log_warn("image.pull_failed", "image=%s kind=%s message=%s", text_of(task->data, "image"), err_name(kind),
             log_quote(message).text);
    return OK;
}

static const struct task_step pull_steps[] = {{"download", run_download, NULL}};

const struct task_kind image_pull_kind = {KIND, pull_steps, ARRAY_LEN(pull_steps), PULL_RETRIES, NULL, pull_failed, false};
