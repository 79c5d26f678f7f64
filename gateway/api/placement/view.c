/* See view.h. */
#include "gateway/api/placement/view.h"

#include <string.h>

static const char *name_subject(struct arena *arena, const char *before, const char *subject)
{
    const char *mark = strchr(before, '$');
    if (!mark)
        return before;
    return arena_printf(arena, "%.*s%s%s", (int)(mark - before), before, subject, mark + 1);
}

enum err view_tell(struct request *request, enum err result, const struct placement_telling *tellings, const char *subject)
{
    if (result == OK)
        return OK;
    for (; tellings->problem != PROBLEM_NONE; tellings++)
        if (tellings->problem == placement_problem())
            return placement_wrap(request, tellings->kind, tellings->code, name_subject(request->arena, tellings->before, subject));
    return result;
}

enum err view_provider_uuid(const struct request *request, struct uuid *out)
{
    const char *text = request_param(request, "uuid");
    if (uuid_from_text(text, out) != OK)
        return fail(E_NOT_FOUND, "No resource provider with uuid %.200s found", text);
    return OK;
}

enum err view_find_provider(struct request *request, struct placement_provider *out)
{
    struct uuid uuid;
    TRY(view_provider_uuid(request, &uuid));
    return placement_provider_get(request->db, request->arena, &uuid, out);
}

enum err view_check_generation(struct request *request, const struct placement_provider *provider, const json_t *body,
                               const char *words)
{
    if (view_integer(body, "resource_provider_generation") == provider->generation)
        return OK;
    return placement_fail(request, E_CONFLICT, CODE_CONCURRENT, "%s", words);
}

json_t *view_uuid(const struct uuid *uuid)
{
    return json_string(uuid_to_text(uuid).text);
}

int64_t view_integer(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

int64_t view_later(int64_t a_us, int64_t b_us)
{
    return a_us > b_us ? a_us : b_us;
}
