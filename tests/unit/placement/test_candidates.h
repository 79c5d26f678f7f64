/*
 * Candidates as text, and their summaries checked against the world.
 *
 * A candidate reads "cn:MEMORY_MB=512,VCPU=1 ss:DISK_GB=10 |=cn,ss _X=cn": what each provider gives, then who stands for which
 * group; providers in the order in which they were made, classes and groups by name.
 */
#pragma once

#include "tests/unit/placement/test_candidates_request.h"

static inline int lab_compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static inline void lab_print_part(struct arena *arena, struct text *out, const struct candidate *candidate,
                                  const struct lab_provider *provider)
{
    const char *parts[LAB_LIST];
    size_t count = 0;
    for (size_t i = 0; i < candidate->allocation_count; i++) {
        if (uuid_equal(candidate->allocations[i].provider, &provider->uuid))
            parts[count++] = arena_printf(arena, "%s=%lld", candidate->allocations[i].resource_class,
                                          (long long)candidate->allocations[i].amount);
    }
    qsort(parts, count, sizeof(*parts), lab_compare_texts);
    for (size_t i = 0; i < count; i++)
        text_add_format(out, "%s%s%s", i == 0 ? provider->name : "", i == 0 ? ":" : ",", parts[i]);
    if (count > 0)
        text_add_char(out, ' ');
}

static inline const char *lab_print_mapping(struct arena *arena, struct lab *lab, const struct candidate_mapping *mapping)
{
    CLEANUP(text_clear) struct text out = {0};
    text_add_format(&out, "%s=", mapping->suffix);
    for (int i = 0; i < lab->count; i++) {
        for (size_t j = 0; j < mapping->provider_count; j++) {
            if (uuid_equal(mapping->providers[j], &lab->providers[i].uuid))
                text_add_format(&out, "%s%s", out.bytes[out.length - 1] == '=' ? "" : ",", lab->providers[i].name);
        }
    }
    return arena_strdup(arena, text_str(&out));
}

static inline const char *lab_print(struct arena *arena, struct lab *lab, const struct candidate *candidate)
{
    CLEANUP(text_clear) struct text out = {0};
    const char *mappings[LAB_LIST];
    for (int i = 0; i < lab->count; i++)
        lab_print_part(arena, &out, candidate, &lab->providers[i]);
    for (size_t i = 0; i < candidate->mapping_count; i++)
        mappings[i] = lab_print_mapping(arena, lab, &candidate->mappings[i]);
    qsort(mappings, candidate->mapping_count, sizeof(*mappings), lab_compare_texts);
    for (size_t i = 0; i < candidate->mapping_count; i++)
        text_add_format(&out, "%s%s", i == 0 ? "|" : " ", mappings[i]);
    return arena_strdup(arena, text_str(&out));
}

/* All of them, sorted. */
static inline const char **lab_print_all(struct arena *arena, struct lab *lab, const struct candidates *candidates)
{
    const char **texts = arena_alloc(arena, (candidates->count + 1) * sizeof(*texts));
    for (size_t i = 0; i < candidates->count; i++)
        texts[i] = lab_print(arena, lab, &candidates->items[i]);
    qsort(texts, candidates->count, sizeof(*texts), lab_compare_texts);
    return texts;
}

/* The provider's root gives something in some candidate, or, for those who know no trees, the provider does. */
static inline bool lab_is_summarized(struct lab *lab, const struct candidates_request *request, const struct candidates *candidates,
                                     int number)
{
    for (size_t i = 0; i < candidates->count; i++) {
        for (size_t j = 0; j < candidates->items[i].allocation_count; j++) {
            const struct lab_provider *giver = lab_find_uuid(lab, candidates->items[i].allocations[j].provider);
            if (request->nested_aware ? giver->root == lab->providers[number].root : giver == &lab->providers[number])
                return true;
        }
    }
    return false;
}

static inline bool lab_asks_for(const struct candidates_request *request, const char *class)
{
    for (size_t i = 0; i < request->group_count; i++) {
        for (size_t j = 0; j < request->groups[i].query.resources.count; j++) {
            if (strcmp(request->groups[i].query.resources.items[j].resource_class, class) == 0)
                return true;
        }
    }
    return false;
}

static inline void lab_check_resources(const struct lab_provider *provider, const struct candidates_request *request,
                                       const struct candidate_summary *summary)
{
    size_t count = 0;
    for (int i = 0; i < LAB_CLASSES; i++) {
        const struct lab_stock *stock = &provider->stocks[i];
        if (stock->total == 0 || (!request->all_classes && !lab_asks_for(request, lab_classes[i])))
            continue;
        assert_true(count < summary->resource_count); /* both are in the order of the ids */
        assert_string_equal(summary->resources[count].resource_class, lab_classes[i]);
        assert_int_equal(summary->resources[count].capacity, (int64_t)((double)(stock->total - stock->reserved) * stock->ratio));
        assert_int_equal(summary->resources[count].used, stock->used);
        count++;
    }
    assert_int_equal(count, summary->resource_count);
}

static inline void lab_check_summary(struct lab *lab, const struct candidates_request *request, int number,
                                     const struct candidate_summary *summary)
{
    const struct lab_provider *provider = &lab->providers[number];
    size_t count = 0;
    for (int i = 0; i < LAB_TRAITS && request->want_traits; i++) {
        if (provider->traits >> i & 1) {
            assert_true(count < summary->trait_count);
            assert_string_equal(summary->traits[count++], lab_traits[i]);
        }
    }
    assert_int_equal(count, summary->trait_count);
    assert_true(uuid_equal(summary->root, &lab->providers[provider->root].uuid));
    assert_int_equal(summary->parent != NULL, provider->parent >= 0);
    if (summary->parent)
        assert_true(uuid_equal(summary->parent, &lab->providers[provider->parent].uuid));
    lab_check_resources(provider, request, summary);
}

/* The summaries are those that belong to these candidates, each once, with the right numbers. */
static inline void lab_check_summaries(struct lab *lab, const struct candidates_request *request,
                                       const struct candidates *candidates)
{
    size_t expected = 0;
    for (int i = 0; i < lab->count; i++) {
        size_t times = 0;
        for (size_t j = 0; j < candidates->summary_count; j++) {
            if (!uuid_equal(candidates->summaries[j].uuid, &lab->providers[i].uuid))
                continue;
            lab_check_summary(lab, request, i, &candidates->summaries[j]);
            times++;
        }
        const bool is_expected = lab_is_summarized(lab, request, candidates, i);
        assert_int_equal(times, is_expected);
        expected += is_expected;
    }
    assert_int_equal(candidates->summary_count, expected);
}
