/* `zonegate zone tree`: the tree below this zone as the running zone sees it; a silent zone is drawn as it was last known. */
#include <stdio.h>
#include <string.h>

#include "gateway/base/text.h"
#include "gateway/cli/zone_ask.h"

#define ROWS_MOST 16384

struct branch {
    const char *label; /* corners and name */
    const json_t *node;
};

struct drawing {
    struct cli *cli;
    struct branch *rows;
    size_t count;
    int label_width;
    int state_width;
};

static void add_row(struct drawing *drawing, const char *label, const json_t *node)
{
    const int label_width = zone_width(label);
    const int state_width = zone_width(zone_text(node, "state"));
    drawing->rows[drawing->count++] = (struct branch){label, node};
    drawing->label_width = label_width > drawing->label_width ? label_width : drawing->label_width;
    drawing->state_width = state_width > drawing->state_width ? state_width : drawing->state_width;
}

/* `indent` stands before the children's corners: a bar where a sibling of an ancestor follows. */
static void add_children(struct drawing *drawing, const json_t *node, const char *indent)
{
    struct arena *arena = &drawing->cli->arena;
    const json_t *children = json_object_get(node, "children");
    const size_t count = json_array_size(children);
    for (size_t i = 0; i < count && drawing->count < ROWS_MOST; i++) {
        const json_t *child = json_array_get(children, i);
        const bool last = i + 1 == count;
        add_row(drawing, arena_printf(arena, "%s%s%s", indent, last ? "└─ " : "├─ ", zone_text(child, "name")), child);
        add_children(drawing, child, arena_printf(arena, "%s%s", indent, last ? "   " : "│  "));
    }
}

/* What is free in all availability zones together, and how many servers there are. */
static void print_capacity(const json_t *capacity)
{
    const char *name;
    json_t *zone;
    json_int_t vcpus = 0;
    json_int_t ram_mib = 0;
    json_int_t disk_gib = 0;
    json_object_foreach(json_object_get(capacity, "availability_zones"), name, zone)
    {
        vcpus += json_integer_value(json_object_get(zone, "vcpus"));
        ram_mib += json_integer_value(json_object_get(zone, "ram_mib"));
        disk_gib += json_integer_value(json_object_get(zone, "disk_gib"));
    }
    const json_int_t servers = json_integer_value(json_object_get(capacity, "servers"));
    (void)printf("  %lld server%s", (long long)servers, servers == 1 ? "" : "s");
    if (json_object_size(json_object_get(capacity, "availability_zones")))
        (void)printf(", free: %lld vCPU, %lld MiB, %lld GiB", (long long)vcpus, (long long)ram_mib, (long long)disk_gib);
}

static void print_row(const struct drawing *drawing, const struct branch *row)
{
    const char *state = zone_text(row->node, "state");
    const char *tag = zone_text(row->node, "tag");
    const json_t *latency = json_object_get(row->node, "latency_ms");
    (void)printf("%s%*s  %s%*s  tag %s", row->label, drawing->label_width - zone_width(row->label), "",
                 zone_paint(drawing->cli, state), drawing->state_width - zone_width(state), "", *tag ? tag : "------");
    if (json_is_integer(latency))
        (void)printf("  %lld ms", (long long)json_integer_value(latency));
    if (json_is_object(json_object_get(row->node, "capacity")))
        print_capacity(json_object_get(row->node, "capacity"));
    if (*zone_text(row->node, "reason"))
        (void)printf("  %s", zone_text(row->node, "reason"));
    if (*zone_text(row->node, "last_seen"))
        (void)printf(", last seen %.19sZ", zone_text(row->node, "last_seen"));
    (void)putchar('\n');
}

enum err cmd_zone_tree(struct cli *cli)
{
    json_auto_t *body = NULL;
    int64_t depth = 0;
    TRY(cli_option_int(cli, "depth", 10, &depth));
    TRY(zone_ask(cli, "GET", arena_printf(&cli->arena, "/os-zones/tree?depth=%lld", (long long)depth), NULL, &body));
    const json_t *tree = json_object_get(body, "tree");
    if (zone_print_json(cli, tree))
        return OK;
    struct drawing drawing = {.cli = cli, .rows = arena_alloc(&cli->arena, (ROWS_MOST + 1) * sizeof(struct branch))};
    add_row(&drawing, zone_text(tree, "name"), tree);
    add_children(&drawing, tree, "");
    for (size_t i = 0; i < drawing.count; i++)
        print_row(&drawing, &drawing.rows[i]);
    return OK;
}
