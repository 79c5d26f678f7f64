/*
 * An image's bytes: upload (streamed into the store, then inspected) and download.
 *
 * The row says `saving` from before the first byte until the file is complete and inspected; then `active`, or `queued` again. When
 * the client leaves, the file goes at once and the row is put back by whoever looks at it next (image_find, lists, start): the
 * server's thread, which notices, has no database.
 */
#include <strings.h>
#include <string.h>

#include "compute/image/store.h"
#include "gateway/api/image_service.h"
#include "gateway/base/log.h"
#include "gateway/gateway.h"

/* In the request's arena. */
struct upload {
    struct body_sink sink;
    struct image_write *write; /* NULL: taken back */
    struct uuid id;
    const char *disk_format;
};

static void drop_upload(void *object)
{
    struct upload *upload = object;
    image_store_write_close(upload->write);
    upload->write = NULL;
}

static enum err write_sink(struct body_sink *sink, const void *bytes, size_t length)
{
    return image_store_write_add(((struct upload *)sink)->write, bytes, length);
}

static void close_sink(struct body_sink *sink, bool complete)
{
    if (!complete)
        drop_upload(sink);
}

static enum err check_type(const struct request *request)
{
    static const char octets[] = "application/octet-stream";
    const char *type = request_header(request, "Content-Type");
    if (type && (strcspn(type, "; \t") != sizeof(octets) - 1 || strncasecmp(type, octets, sizeof(octets) - 1) != 0))
        return fail(E_MEDIA_TYPE, "The media type %.200s is not supported, use %s", type, octets);
    return OK;
}

/* Early; the sink counts too. */
static enum err check_length(const struct request *request)
{
    int64_t length = 0;
    const char *text = request_header(request, "Content-Length");
    const uint64_t most = image_store_max_bytes(request->gateway->images);
    if (text && str_to_int(text, &length) && length > 0 && (uint64_t)length > most)
        return fail(E_TOO_LARGE, "The image is larger than %llu bytes, the most that this zone takes.", (unsigned long long)most);
    return OK;
}

static enum err check_ready(const struct image *image)
{
    if (strcmp(image->status, IMAGE_QUEUED) != 0)
        return fail(E_CONFLICT, "Image status transition from %s to saving is not allowed", image->status);
    if (!image->disk_format || !image->container_format)
        return fail(E_INVALID, "Properties disk_format, container_format must be set prior to saving data.");
    return OK;
}

static enum err open_upload(struct request *request, struct body_sink **out)
{
    struct image image;
    TRY(image_find_mine(request, &image));
    TRY(check_type(request));
    TRY(check_ready(&image));
    TRY(check_length(request));
    struct upload *upload = arena_alloc(request->arena, sizeof(*upload));
    *upload = (struct upload){.sink = {write_sink, close_sink}, .id = image.id, .disk_format = image.disk_format};
    TRY(image_store_write_begin(request->gateway->images, &image.id, &upload->write));
    arena_defer(request->arena, drop_upload, upload);
    TRY(image_move(request->db, &image.id, IMAGE_QUEUED, IMAGE_SAVING));
    *out = &upload->sink;
    return OK;
}

static enum err keep_upload(struct request *request, struct upload *upload)
{
    struct image_written written;
    TRY(image_store_write_finish(upload->write, upload->disk_format, NULL, &written));
    const struct image_data data = {.size = (int64_t)written.size,
                                    .virtual_size = (int64_t)written.virtual_size,
                                    .checksum = written.digests.md5,
                                    .sha512 = written.digests.sha512};
    const enum err activated = image_activate(request->db, &upload->id, &data);
    if (activated == E_GONE && image_store_remove(request->gateway->images, &upload->id) != OK)
        log_warn("image.orphan", "image=%s", uuid_to_text(&upload->id).text);
    return activated == E_GONE ? fail(E_GONE, "The image was deleted during its upload.") : activated;
}

/* The first error is the client's answer, the second one the log's. */
static enum err give_back(struct request *request, const struct upload *upload, enum err cause)
{
    const char *message = arena_strdup(request->arena, err_message());
    const enum err moved = cause == E_GONE ? OK : image_move(request->db, &upload->id, IMAGE_SAVING, IMAGE_QUEUED);
    if (moved != OK)
        log_warn("image.not_requeued", "image=%s cause=%s", uuid_to_text(&upload->id).text, log_quote(err_message()).text);
    return fail(cause, "%s", message);
}

static enum err upload_image(struct request *request, struct response *response)
{
    struct upload *upload = (struct upload *)request->sink;
    const enum err kept = keep_upload(request, upload);
    const enum err result = kept == OK ? OK : give_back(request, upload, kept);
    drop_upload(upload);
    response->status = 204;
    return result;
}

static enum err download_image(struct request *request, struct response *response)
{
    struct image image;
    TRY(image_find_data(request, &image));
    const bool deactivated = strcmp(image.status, IMAGE_DEACTIVATED) == 0;
    if (deactivated && !request->caller.is_admin)
        return fail(E_FORBIDDEN, "The requested image has been deactivated. Image data download is forbidden.");
    if (!deactivated && strcmp(image.status, IMAGE_ACTIVE) != 0) {
        response->status = 204;
        return OK;
    }
    const enum err opened =
        image_open(request->gateway->images, uuid_to_text(&image.id).text, &response->file, &response->file_length);
    if (opened == E_NOT_FOUND) /* the row says that there is data */
        return fail(E_INTERNAL, "image %s: the file is missing", uuid_to_text(&image.id).text);
    TRY(opened);
    response_header(request, response, "Content-MD5", image.checksum);
    response->content_type = "application/octet-stream";
    return OK;
}

#define DATA "/v2/images/{image_id}/file"

const struct route image_data_routes[] = {
    {.method = "PUT", .path = DATA, .access = ACCESS_MEMBER, .handler = upload_image, .body = BODY_STREAM, .open = open_upload},
    {.method = "GET", .path = DATA, .access = ACCESS_READER, .handler = download_image},
    {.method = NULL},
};
