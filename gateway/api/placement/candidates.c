/*
 * GET /allocation_candidates. The answer is written as text, not as a tree: it may have thousands of entries, all of one shape.
 */
#include "compute/placement/candidates.h"
#include "gateway/api/placement/groups.h"
#include "gateway/api/placement/inside.h"

#define OBJECT_SINCE   12
#define TRAITS_SINCE   17
#define PARENTS_SINCE  29
#define MAPPINGS_SINCE 34

static void add_uuid(struct text *out, const struct uuid *uuid)
{
    const struct uuid_text text = uuid_to_text(uuid);
    text_add_char(out, '"');
    text_add(out, text.text, UUID_TEXT_SIZE - 1);
    text_add_char(out, '"');
}

static void add_comma(struct text *out, bool wanted)
{
    if (wanted)
        text_add_str(out, ", ");
}

/* Entries from `at` on that belong to one provider. */
static size_t count_same(const struct candidate *candidate, size_t at)
{
    size_t count = 1;
    while (at + count < candidate->allocation_count &&
           uuid_equal(candidate->allocations[at].provider, candidate->allocations[at + count].provider))
        count++;
    return count;
}

static void add_amounts(struct text *out, const struct candidate_allocation *items, size_t count)
{
    text_add_str(out, "\"resources\": {");
    for (size_t i = 0; i < count; i++) {
        add_comma(out, i > 0);
        text_add_json(out, items[i].resource_class);
        text_add_str(out, ": ");
        text_add_int(out, items[i].amount);
    }
    text_add_char(out, '}');
}

/* From 1.12: {"UUID": {"resources": {…}}, …} */
static void add_allocations_object(struct text *out, const struct candidate *candidate)
{
    text_add_char(out, '{');
    for (size_t i = 0; i < candidate->allocation_count;) {
        const size_t count = count_same(candidate, i);
        add_comma(out, i > 0);
        add_uuid(out, candidate->allocations[i].provider);
        text_add_str(out, ": {");
        add_amounts(out, candidate->allocations + i, count);
        text_add_char(out, '}');
        i += count;
    }
    text_add_char(out, '}');
}

/* Below: [{"resource_provider": {"uuid": "UUID"}, "resources": {…}}, …] */
static void add_allocations_list(struct text *out, const struct candidate *candidate)
{
    text_add_char(out, '[');
    for (size_t i = 0; i < candidate->allocation_count;) {
        const size_t count = count_same(candidate, i);
        add_comma(out, i > 0);
        text_add_str(out, "{\"resource_provider\": {\"uuid\": ");
        add_uuid(out, candidate->allocations[i].provider);
        text_add_str(out, "}, ");
        add_amounts(out, candidate->allocations + i, count);
        text_add_char(out, '}');
        i += count;
    }
    text_add_char(out, ']');
}

static void add_mappings(struct text *out, const struct candidate *candidate)
{
    text_add_str(out, ", \"mappings\": {");
    for (size_t i = 0; i < candidate->mapping_count; i++) {
        const struct candidate_mapping *mapping = &candidate->mappings[i];
        add_comma(out, i > 0);
        text_add_json(out, mapping->suffix);
        text_add_str(out, ": [");
        for (size_t j = 0; j < mapping->provider_count; j++) {
            add_comma(out, j > 0);
            add_uuid(out, mapping->providers[j]);
        }
        text_add_char(out, ']');
    }
    text_add_char(out, '}');
}

static void add_candidates(const struct request *request, const struct candidates *candidates, struct text *out)
{
    text_add_str(out, "{\"allocation_requests\": [");
    for (size_t i = 0; i < candidates->count; i++) {
        add_comma(out, i > 0);
        text_add_str(out, "{\"allocations\": ");
        if (placement_at_least(request, OBJECT_SINCE))
            add_allocations_object(out, &candidates->items[i]);
        else
            add_allocations_list(out, &candidates->items[i]);
        if (placement_at_least(request, MAPPINGS_SINCE))
            add_mappings(out, &candidates->items[i]);
        text_add_char(out, '}');
    }
    text_add_char(out, ']');
}

static void add_rooms(struct text *out, const struct candidate_summary *summary)
{
    text_add_str(out, "{\"resources\": {");
    for (size_t i = 0; i < summary->resource_count; i++) {
        add_comma(out, i > 0);
        text_add_json(out, summary->resources[i].resource_class);
        text_add_str(out, ": {\"capacity\": ");
        text_add_int(out, summary->resources[i].capacity);
        text_add_str(out, ", \"used\": ");
        text_add_int(out, summary->resources[i].used);
        text_add_char(out, '}');
    }
    text_add_char(out, '}');
}

static void add_trait_names(struct text *out, const struct candidate_summary *summary)
{
    text_add_str(out, ", \"traits\": [");
    for (size_t i = 0; i < summary->trait_count; i++) {
        add_comma(out, i > 0);
        text_add_json(out, summary->traits[i]);
    }
    text_add_char(out, ']');
}

static void add_family(struct text *out, const struct candidate_summary *summary)
{
    text_add_str(out, ", \"parent_provider_uuid\": ");
    if (summary->parent)
        add_uuid(out, summary->parent);
    else
        text_add_str(out, "null");
    text_add_str(out, ", \"root_provider_uuid\": ");
    add_uuid(out, summary->root);
}

static void add_summaries(const struct request *request, const struct candidates *candidates, struct text *out)
{
    text_add_str(out, ", \"provider_summaries\": {");
    for (size_t i = 0; i < candidates->summary_count; i++) {
        const struct candidate_summary *summary = &candidates->summaries[i];
        add_comma(out, i > 0);
        add_uuid(out, summary->uuid);
        text_add_str(out, ": ");
        add_rooms(out, summary);
        if (placement_at_least(request, TRAITS_SINCE))
            add_trait_names(out, summary);
        if (placement_at_least(request, PARENTS_SINCE))
            add_family(out, summary);
        text_add_char(out, '}');
    }
    text_add_str(out, "}}");
}

static enum err list_candidates(struct request *request, struct response *response)
{
    struct candidates_request wanted;
    struct candidates candidates;
    TRY(groups_read(request, &wanted));
    TRY(candidates_find(request->db, request->arena, &wanted, &candidates));
    placement_reply(request, response, 200, NULL, 0);
    add_candidates(request, &candidates, &response->body);
    add_summaries(request, &candidates, &response->body);
    return OK;
}

static const struct body_schema queries[] = {
    {10, "placement_query_candidates_1_10"}, {16, "placement_query_candidates_1_16"},
    {17, "placement_query_candidates_1_17"}, {21, "placement_query_candidates_1_21"},
    {25, "placement_query_candidates_1_25"}, {31, "placement_query_candidates_1_31"},
    {33, "placement_query_candidates_1_33"}, {35, "placement_query_candidates_1_35"},
    {36, "placement_query_candidates_1_36"}, {0},
};

const struct route placement_candidate_routes[] = {
    PLACEMENT_ROUTE("GET", "/allocation_candidates", 10, 0, .rule = RULE_CANDIDATES, .head = HEAD_ACCEPT, .run = list_candidates,
                    .query = queries),
    {0},
};
