/*
 * The embedded schemas: read, put together ($ref, extends: see json.h), checked, kept by name for the life of the process.
 */
#include <assert.h>
#include <string.h>

#include "schema/embedded.h"
#include "schema/json/json.h"
#include "schema/json/keywords.h"
#include "schema/json/patterns.h"

#define TYPES       "types"
#define EXTENDS_MAX 32

/* Process state, made once at start and read-only afterwards: the schemas are part of the program, like its tables. */
static json_t *named; /* schema name → schema */

static enum err read_files(json_t *files)
{
    for (const struct embedded_file *file = embedded_schemas; file->name; file++) {
        json_error_t error;
        json_auto_t *document = json_loadb((const char *)file->bytes, file->length, JSON_REJECT_DUPLICATES, &error);
        if (!document)
            return fail(E_INTERNAL, "schema %s: line %d: %s", file->name, error.line, error.text);
        char name[128];
        const size_t length = strcspn(file->name, ".");
        if (length >= sizeof(name))
            return fail(E_INTERNAL, "schema %s: the name is too long", file->name);
        memcpy(name, file->name, length);
        name[length] = '\0';
        if (json_object_set(files, name, document))
            return fail(E_INTERNAL, "schema %s: no object", file->name);
    }
    return OK;
}

/* Takes away the member at "a/b/c". */
static enum err remove_path(json_t *schema, const char *path)
{
    json_t *at = schema;
    const char *step = path;
    for (const char *slash = strchr(step, '/'); slash; slash = strchr(step, '/')) {
        char key[128];
        const size_t length = (size_t)(slash - step);
        if (length >= sizeof(key))
            return fail(E_INTERNAL, "remove: '%s' is too long", path);
        memcpy(key, step, length);
        key[length] = '\0';
        at = json_object_get(at, key);
        step = slash + 1;
    }
    if (json_object_del(at, step))
        return fail(E_INTERNAL, "remove: there is no '%s'", path);
    return OK;
}

static enum err remove_paths(json_t *schema, const json_t *paths)
{
    size_t i;
    const json_t *path;
    json_array_foreach(paths, i, path)
    {
        if (!json_is_string(path))
            return fail(E_INTERNAL, "remove: a list of paths is expected");
        TRY(remove_path(schema, json_string_value(path)));
    }
    return OK;
}

/* Objects member by member; all else is replaced. Recursion is bounded by the depth of the embedded file. */
static void merge_members(json_t *into, const json_t *from)
{
    const char *key;
    json_t *member;
    json_object_foreach((json_t *)from, key, member)
    {
        json_t *old = json_object_get(into, key);
        if (json_is_object(old) && json_is_object(member))
            merge_members(old, member);
        else
            json_object_set_new(into, key, json_deep_copy(member));
    }
}

/* A new schema: the file, with what it extends, `$ref` still in it. */
static enum err assemble(const json_t *files, const char *name, int depth, json_t **out)
{
    const json_t *file = json_object_get(files, name);
    if (!file || depth > EXTENDS_MAX)
        return fail(E_INTERNAL, file ? "extends itself" : "there is no schema '%s' to extend", name);
    const char *base = json_string_value(json_object_get(file, "extends"));
    json_auto_t *schema = NULL;
    if (!base) {
        schema = json_deep_copy(file);
    } else {
        TRY(assemble(files, base, depth + 1, &schema));
        TRY(remove_paths(schema, json_object_get(file, "remove")));
        json_auto_t *changes = json_copy((json_t *)file);
        json_object_del(changes, "extends");
        json_object_del(changes, "remove");
        merge_members(schema, changes);
    }
    *out = schema;
    schema = NULL;
    return OK;
}

/* The entry that `{"$ref": "NAME"}` means; NULL in *out for what is no reference. */
static enum err find_reference(const json_t *node, const json_t *entries, json_t **out)
{
    const json_t *reference = json_object_get(node, "$ref");
    *out = NULL;
    if (!reference)
        return OK;
    json_t *entry = json_object_get(entries, json_string_value(reference) ? json_string_value(reference) : "");
    if (!entry || json_object_size(node) != 1)
        return fail(E_INTERNAL, "$ref '%s' is unknown, or not alone", json_string_value(reference));
    *out = entry;
    return OK;
}

/* Puts entries of types.json in the place of references; they are shared, not copied. */
static enum err expand_references(json_t *node, const json_t *entries)
{
    json_t *entry;
    const char *key;
    json_t *member;
    json_object_foreach(node, key, member)
    {
        TRY(find_reference(member, entries, &entry));
        if (entry)
            json_object_iter_set(node, json_object_key_to_iter(key), entry);
        else
            TRY(expand_references(member, entries));
    }
    size_t i;
    json_array_foreach(node, i, member)
    {
        TRY(find_reference(member, entries, &entry));
        if (entry)
            json_array_set(node, i, entry);
        else
            TRY(expand_references(member, entries));
    }
    return OK;
}

static enum err open_one(const json_t *files, const char *name, const json_t *entries, json_t *schemas)
{
    json_t *schema = NULL;
    TRY(assemble(files, name, 0, &schema));
    json_object_set_new(schemas, name, schema);
    TRY(expand_references(schema, entries));
    return schema_check(schema);
}

static enum err open_all(json_t *schemas)
{
    json_auto_t *files = json_object();
    TRY(read_files(files));
    json_auto_t *no_entries = json_object();
    json_t *entries = json_object_get(files, TYPES) ? json_object_get(files, TYPES) : no_entries;
    if (expand_references(entries, entries) != OK)
        return fail(E_INTERNAL, "schema " TYPES ".json: %s", err_message());
    const char *name;
    json_t *unused;
    json_object_foreach(files, name, unused)
    {
        if (strcmp(name, TYPES) != 0 && open_one(files, name, entries, schemas) != OK)
            return fail(E_INTERNAL, "schema %s.json: %s", name, err_message());
    }
    return OK;
}

enum err json_schemas_open(void)
{
    assert(!named);
    json_auto_t *schemas = json_object();
    const enum err kind = open_all(schemas);
    if (kind != OK) {
        patterns_clear();
        return kind;
    }
    named = schemas;
    schemas = NULL;
    return OK;
}

const json_t *json_schema_named(const char *name)
{
    const json_t *schema = json_object_get(named, name);
    assert(schema);
    return schema;
}

void json_schemas_close(void)
{
    json_decref(named);
    named = NULL;
    patterns_clear();
}
