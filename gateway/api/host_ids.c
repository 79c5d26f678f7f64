/* See host_ids.h. */
#include "gateway/api/host_ids.h"

json_t *host_id(const struct request *request, const struct uuid *uuid)
{
    return request->version >= HOST_UUIDS ? json_string(uuid_to_text(uuid).text) : json_integer(uuid_to_int31(uuid));
}

bool host_id_is(const struct request *request, const struct uuid *uuid, const char *id)
{
    int64_t number = 0;
    if (request->version >= HOST_UUIDS)
        return str_equal_nocase(uuid_to_text(uuid).text, id);
    return str_to_int(id, &number) && number == uuid_to_int31(uuid);
}

bool host_id_matches(const json_t *value, const char *id)
{
    int64_t number = 0;
    if (json_is_integer(value))
        return str_to_int(id, &number) && number == json_integer_value(value);
    return json_is_string(value) && str_equal_nocase(json_string_value(value), id);
}
