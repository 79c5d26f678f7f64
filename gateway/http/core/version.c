/*
 * Microversions (Nova API guide "microversions"; spec nova-api.md section 3, placement.md section 1).
 *
 * `OpenStack-API-Version: compute 2.27` wins over the service's older header. The header may be repeated and may list several
 * services; the last entry of ours counts. The majors are one per service: another major is an unsupported version.
 */
#include <string.h>
#include <strings.h>

#include "gateway/http/core/inside.h"

#define STANDARD_HEADER "OpenStack-API-Version"
#define BLANKS          " \t"

static const char *trim(struct arena *arena, const char *text, size_t length)
{
    while (length && strchr(BLANKS, text[length - 1]))
        length--;
    const size_t skip = strspn(text, BLANKS);
    return skip >= length ? "" : arena_strndup(arena, text + skip, length - skip);
}

/* The version in one list entry "compute 2.27"; NULL when it is for another service or has none. */
static const char *entry_version(const char *entry, const char *service)
{
    const size_t name = strcspn(entry, BLANKS);
    if (name != strlen(service) || strncasecmp(entry, service, name) != 0)
        return NULL;
    const char *version = entry + name + strspn(entry + name, BLANKS);
    return *version ? version : NULL;
}

static const char *last_in_list(struct arena *arena, const char *list, const char *service)
{
    const char *found = NULL;
    while (*list) {
        const size_t length = strcspn(list, ",");
        const char *version = entry_version(trim(arena, list, length), service);
        found = version ? version : found;
        list += length + (list[length] == ',');
    }
    return found;
}

static const char *standard_version(const struct request *request)
{
    const char *found = NULL;
    for (size_t i = 0; i < request->headers.count; i++) {
        const struct http_pair *header = &request->headers.items[i];
        if (strcasecmp(header->name, STANDARD_HEADER) != 0)
            continue;
        const char *version = last_in_list(request->arena, header->value, request->service->version_service);
        found = version ? version : found;
    }
    return found;
}

static const char *legacy_version(const struct request *request)
{
    const char *value = request->service->legacy_header ? request_header(request, request->service->legacy_header) : NULL;
    if (!value)
        return NULL;
    const char *comma = strrchr(value, ',');
    const char *last = comma ? comma + 1 : value;
    return trim(request->arena, last, strlen(last));
}

/* Decimal without a leading zero, at most six digits; returns what follows, NULL if it is none. */
static const char *parse_number(const char *text, int *out)
{
    const size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 6 || (text[0] == '0' && digits > 1))
        return NULL;
    int number = 0;
    for (size_t i = 0; i < digits; i++)
        number = number * 10 + (text[i] - '0');
    *out = number;
    return text + digits;
}

/* Major 0 is malformed for Nova; a service with its own words says that it does not support it. */
static bool parse_version(const struct service *service, const char *text, int *major, int *minor)
{
    const char *rest = parse_number(text, major);
    if (!rest || *rest != '.' || (*major == 0 && !service->version_refused))
        return false;
    rest = parse_number(rest + 1, minor);
    return rest && *rest == '\0';
}

static enum err refuse_malformed(struct request *request, const char *asked)
{
    const char *words = request->service->version_malformed;
    request->version_refused = true;
    if (words)
        return fail(E_INVALID, "%s%s", words, asked);
    return fail(E_INVALID, "API Version String %s is of invalid format. Must be of format MajorNum.MinorNum.", asked);
}

static void set_version(struct request *request, int minor)
{
    request->version = minor;
    request->version_text = arena_printf(request->arena, "%d.%d", request->service->version_major, minor);
}

enum err version_negotiate(struct request *request)
{
    const struct service *service = request->service;
    if (!service->version_service)
        return OK;
    set_version(request, service->version_min);
    const char *asked = standard_version(request);
    if (!asked)
        asked = legacy_version(request);
    if (!asked)
        return OK;
    request->version_given = true;
    if (strcasecmp(asked, "latest") == 0) {
        set_version(request, service->version_max);
        return OK;
    }
    int major = 0;
    int minor = 0;
    if (!parse_version(service, asked, &major, &minor))
        return refuse_malformed(request, asked);
    if (major != service->version_major || minor < service->version_min || minor > service->version_max) {
        request->version_text = asked;
        request->version_refused = true;
        if (service->version_refused)
            return fail(E_NOT_ACCEPTABLE, "%s%s", service->version_refused, asked);
        return fail(E_NOT_ACCEPTABLE, "Version %s is not supported by the API. Minimum is %d.%d and maximum is %d.%d.", asked,
                    service->version_major, service->version_min, service->version_major, service->version_max);
    }
    set_version(request, minor);
    return OK;
}

void version_write_headers(struct request *request, struct response *response)
{
    const struct service *service = request->service;
    if (!service || !service->version_service || !request->version_text || (request->version_refused && service->version_refused))
        return;
    response_header_default(request, response, STANDARD_HEADER,
                            arena_printf(request->arena, "%s %s", service->version_service, request->version_text));
    if (service->legacy_header)
        response_header_default(request, response, service->legacy_header, request->version_text);
    response_header_default(request, response, "Vary",
                            service->legacy_header ? arena_printf(request->arena, STANDARD_HEADER ", %s", service->legacy_header)
                                                   : "openstack-api-version"); /* as Placement writes it */
}
