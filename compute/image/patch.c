/* JSON patches of an image: reads the operations in either form, one table of what they do; see edit.h. */
#include <string.h>

#include "compute/image/edit.h"
#include "compute/image/edit_inside.h"
#include "gateway/base/text.h"

struct operation {
    const char *verb;
    const char *path;
    const json_t *value; /* NULL: absent */
};

static enum err run_remove(struct draft *draft, const char *name, const json_t *value)
{
    (void)value;
    return draft_remove(draft, name);
}

static const struct verb {
    const char *name;
    bool needs_value;
    enum err (*run)(struct draft *draft, const char *name, const json_t *value);
} verbs[] = {
    {"add", true, draft_set},
    {"replace", true, draft_replace},
    {"remove", false, run_remove},
};

static const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (str_equal(verbs[i].name, name))
            return &verbs[i];
    return NULL;
}

static struct operation read_v21(const json_t *from)
{
    return (struct operation){json_string_value(json_object_get(from, "op")), json_string_value(json_object_get(from, "path")),
                              json_object_get(from, "value")};
}

/* The verb is the member's name: exactly one of them. */
static struct operation read_v20(const json_t *from)
{
    struct operation operation = {.value = json_object_get(from, "value")};
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        const json_t *path = json_object_get(from, verbs[i].name);
        if (!path)
            continue;
        if (operation.verb)
            return (struct operation){0};
        operation.verb = verbs[i].name;
        operation.path = json_string_value(path);
    }
    return operation;
}

/* RFC 6901: "~1" is a slash, "~0" a tilde. Attributes lie at the top, so a pointer has one token. */
static enum err read_pointer(struct arena *arena, const char *path, const char **out)
{
    if (path[0] != '/')
        return fail(E_INVALID, "Pointer `%s` does not start with \"/\".", path);
    char *name = arena_strdup(arena, path + 1);
    char *to = name;
    for (const char *from = path + 1; *from; from++) {
        if (*from == '/')
            return fail(E_INVALID, "Invalid JSON pointer for this resource: '%s'", path);
        if (*from == '~' && from[1] != '0' && from[1] != '1')
            return fail(E_INVALID, "Pointer `%s` contains \"~\" not part of a recognized escape sequence.", path);
        if (*from == '~')
            *to++ = *++from == '1' ? '/' : '~';
        else
            *to++ = *from;
    }
    *to = '\0';
    if (*name == '\0')
        return fail(E_INVALID, "Invalid JSON pointer for this resource: '%s'", path);
    *out = name;
    return OK;
}

static enum err apply(struct draft *draft, const struct operation *operation)
{
    const char *name = NULL;
    const struct verb *verb = find_verb(operation->verb);
    if (!verb)
        return fail(E_INVALID, "Operations must be one of add, replace and remove.");
    if (!operation->path)
        return fail(E_INVALID, "Operation %s has no path.", verb->name);
    if (verb->needs_value && !operation->value)
        return fail(E_INVALID, "Operation \"%s\" requires a member named \"value\".", verb->name);
    TRY(read_pointer(draft->arena, operation->path, &name));
    return verb->run(draft, name, operation->value);
}

enum err image_patch(struct arena *arena, const struct caller *caller, enum image_patch_form form, const json_t *operations,
                     struct image *image)
{
    CLEANUP(draft_clear) struct draft draft = {.arena = arena, .caller = caller, .image = image};
    size_t i;
    const json_t *each;
    if (!json_is_array(operations))
        return fail(E_INVALID, "Request body must be a JSON array of operation objects.");
    TRY(draft_open(&draft));
    json_array_foreach(operations, i, each)
    {
        if (!json_is_object(each))
            return fail(E_INVALID, "Operations must be JSON objects.");
        const struct operation operation = form == IMAGE_PATCH_V21 ? read_v21(each) : read_v20(each);
        TRY(apply(&draft, &operation));
    }
    draft_store(&draft);
    return OK;
}
