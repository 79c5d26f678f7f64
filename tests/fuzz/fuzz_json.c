/*
 * libFuzzer target: any bytes through json_parse_foreign, what parses through the newest server schema and the rest of the large
 * ones. Checked besides crashes: a refusal has a message that is UTF-8 (it becomes a JSON fault). Build: clang -fsanitize=fuzzer,
 * address,undefined with the libraries zg_json and zg_base.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/text.h"
#include "schema/json/json.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return json_schemas_open() == OK ? 0 : 1;
}

static void validate(const char *name, const json_t *value)
{
    const enum err kind = json_validate(json_schema_named(name), value);
    if (kind != OK && (kind != E_INVALID || !str_is_utf8(err_message(), strlen(err_message()))))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    static const char *const names[] = {"server_create_2_90", "server_create_2_1", "rebuild_2_90", "flavor_create_2_55",
                                        "keypair_create_2_10"};
    json_t *value = NULL;
    if (json_parse_foreign((const char *)bytes, length, &value) != OK)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        validate(names[i], value);
    json_decref(value);
    return 0;
}
