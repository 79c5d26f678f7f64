/* Flavors as bytes; see flavor_view.h. */
#include "gateway/api/flavor_view.h"

#include <inttypes.h>

#include "gateway/api/page.h"
#include "schema/json/repr.h"

static const char *truth(bool value)
{
    return value ? "true" : "false";
}

static void begin(struct text *out, const struct request *request, const struct flavor *flavor)
{
    text_add_str(out, "{\"id\":");
    text_add_json(out, flavor->flavorid);
    text_add_str(out, ",\"name\":");
    text_add_json(out, flavor->name);
    text_add_char(out, ',');
    page_add_links(out, request, "flavors", flavor->flavorid);
    if (request->version >= 55) {
        text_add_str(out, ",\"description\":");
        text_add_json(out, flavor->description);
    }
}

void flavor_view_brief(struct text *out, const struct request *request, const struct flavor *flavor)
{
    begin(out, request, flavor);
    text_add_char(out, '}');
}

/* Python's repr of a float is JSON, and as short as the number allows. */
static void add_factor(struct text *out, double factor)
{
    json_auto_t *number = json_real(factor);
    text_add_str(out, ",\"rxtx_factor\":");
    repr_add(out, number);
}

void flavor_view_detail(struct text *out, const struct request *request, const struct flavor *flavor)
{
    begin(out, request, flavor);
    text_add_format(out, ",\"ram\":%" PRId64 ",\"disk\":%" PRId64 ",\"vcpus\":%" PRId64, flavor->ram_mib, flavor->disk_gib,
                    flavor->vcpus);
    if (flavor->swap_mib || request->version >= 75)
        text_add_format(out, ",\"swap\":%" PRId64, flavor->swap_mib);
    else
        text_add_str(out, ",\"swap\":\"\"");
    text_add_format(out,
                    ",\"OS-FLV-EXT-DATA:ephemeral\":%" PRId64 ",\"OS-FLV-DISABLED:disabled\":%s,\"os-flavor-access:is_public\":%s",
                    flavor->ephemeral_gib, truth(flavor->disabled), truth(flavor->is_public));
    add_factor(out, flavor->rxtx_factor);
    if (request->version >= 61) {
        text_add_str(out, ",\"extra_specs\":");
        text_add_str(out, flavor->extra_specs);
    }
    text_add_char(out, '}');
}
