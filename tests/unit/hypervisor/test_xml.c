/* Escaping, and finding pieces in what libvirt writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#undef fail /* err.h has a function of that name */

#include "compute/hypervisor/xml.h"
#include "gateway/base/err.h"

static void escapes_every_special_character(void **state)
{
    (void)state;
    static const struct {
        const char *plain;
        const char *escaped;
    } rows[] = {
        {"", ""},
        {"plain äöü", "plain äöü"},
        {"<a & 'b' \"c\">", "&lt;a &amp; &apos;b&apos; &quot;c&quot;&gt;"},
        {"tab\there\nand\rthere", "tab&#9;here&#10;and&#13;there"},
        {"bell\a", "bell\xef\xbf\xbd"},
        {"no\xef\xbf\xbf"
         "char\xef\xbf\xbe",
         "no\xef\xbf\xbd"
         "char\xef\xbf\xbd"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(text_clear) struct text out = {0};
        xml_escape(&out, rows[i].plain);
        assert_string_equal(text_str(&out), rows[i].escaped);
    }
}

static void reads_back_what_was_escaped(void **state)
{
    (void)state;
    const char *value = "<&>'\" \t\n\r &amp; \"'";
    CLEANUP(text_clear) struct text out = {0};
    CLEANUP(arena_clear) struct arena arena = {0};
    text_add_str(&out, "<top><path kind='");
    xml_escape(&out, value);
    text_add_str(&out, "'>");
    xml_escape(&out, value);
    text_add_str(&out, "</path></top>");
    assert_string_equal(xml_text(&arena, xml_document(text_str(&out)), "path"), value);
    assert_string_equal(xml_attribute(&arena, xml_document(text_str(&out)), "path", "kind"), value);
}

static void finds_elements_by_whole_name(void **state)
{
    (void)state;
    CLEANUP(arena_clear) struct arena arena = {0};
    const struct xml_span document =
        xml_document("<a><cpus n='1'/><cpu mode=\"x > y\" n = '0' an='7' n='3'><model>m</model><e/></cpu></a>");
    struct xml_span cpu;
    assert_true(xml_find(document, "cpu", &cpu));
    assert_int_equal(strncmp(cpu.start, "<cpu mode", 9), 0);
    assert_string_equal(xml_attribute(&arena, cpu, "cpu", "mode"), "x > y");
    assert_string_equal(xml_attribute(&arena, cpu, "cpu", "n"), "3");
    assert_string_equal(xml_text(&arena, cpu, "model"), "m");
    assert_string_equal(xml_text(&arena, cpu, "e"), "");
    assert_null(xml_text(&arena, cpu, "mod"));
    assert_null(xml_attribute(&arena, cpu, "cpu", "none"));
    assert_false(xml_find(xml_after(document, cpu), "cpu", &cpu));
}

/* Cut at every byte: nothing found or a whole element, never a byte beyond the end (the sanitizer watches). */
static void survives_truncation(void **state)
{
    (void)state;
    static const char text[] = "<a><cpu mode=\"x\"><model>m&lt;</model></cpu></a>";
    for (size_t length = 0; length < sizeof(text); length++) {
        CLEANUP(arena_clear) struct arena arena = {0};
        char *cut = arena_copy(&arena, text, length + 1);
        cut[length] = '\0';
        struct xml_span cpu;
        const bool found = xml_find((struct xml_span){cut, length}, "cpu", &cpu);
        assert_int_equal(found, length >= strlen("<a><cpu mode=\"x\"><model>m&lt;</model></cpu>"));
        const char *model = xml_text(&arena, (struct xml_span){cut, length}, "model");
        assert_int_equal(model != NULL, length >= strlen("<a><cpu mode=\"x\"><model>m&lt;</model>"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escapes_every_special_character),
        cmocka_unit_test(reads_back_what_was_escaped),
        cmocka_unit_test(finds_elements_by_whole_name),
        cmocka_unit_test(survives_truncation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
