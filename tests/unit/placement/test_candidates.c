/* Allocation candidates in the classic worlds: flat hosts, shared disks, NUMA nodes, and what each parameter of the query means. */
#include "tests/unit/placement/test_candidates.h"

static struct lab *lab_of(void **state)
{
    struct store *store = store_get(state);
    struct lab *lab = arena_alloc(&store->arena, sizeof(*lab));
    lab->store = store;
    return lab;
}

static void expect_of(struct lab *lab, const char *query, const struct candidates_request *request, const char *lines)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    const char *expected[LAB_LIST];
    struct candidates found;
    size_t count = 0;
    for (const char *at = lines; *at;) {
        const size_t length = strcspn(at, "\n");
        expected[count++] = arena_strndup(&arena, at, length);
        at += length + (at[length] == '\n');
    }
    qsort(expected, count, sizeof(*expected), lab_compare_texts);
    must(candidates_find(lab->store->db, &arena, request, &found));
    const char **texts = lab_print_all(&arena, lab, &found);
    for (size_t i = 0; i < found.count && found.count != count; i++)
        print_error("%s: %s\n", query, texts[i]);
    assert_int_equal(found.count, count);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(texts[i], expected[i]);
    assert_false(found.truncated);
    lab_check_summaries(lab, request, &found);
}

/* The candidates are these, in any order, and their summaries are right. */
static void expect(struct lab *lab, const char *query, const char *lines)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    const struct candidates_request request = lab_parse(&arena, lab, query);
    expect_of(lab, query, &request, lines);
}

static void flat_hosts_that_have_room(void **state)
{
    struct lab *lab = lab_of(state);
    lab_add(lab, "a", NULL, "VCPU:8 MEMORY_MB:1024 DISK_GB:100");
    lab_add(lab, "b", NULL, "VCPU:8 MEMORY_MB:1024");
    lab_add(lab, "c", NULL, "VCPU:2 MEMORY_MB:1024 DISK_GB:100");
    lab_write(lab);
    expect(lab, "resources=VCPU:4", "a:VCPU=4 |=a\nb:VCPU=4 |=b");
    expect(lab, "resources=VCPU:1,MEMORY_MB:1024,DISK_GB:1",
           "a:DISK_GB=1,MEMORY_MB=1024,VCPU=1 |=a\nc:DISK_GB=1,MEMORY_MB=1024,VCPU=1 |=c");
    expect(lab, "resources=VCPU:9", "");
    expect(lab, "resources=CUSTOM_VF:1", "");
}

static void room_is_capacity_less_use_in_units(void **state)
{
    struct lab *lab = lab_of(state);
    lab_add(lab, "used", NULL, "VCPU:8")->stocks[0].used = 5;
    lab_add(lab, "kept", NULL, "VCPU:8")->stocks[0].reserved = 6;
    lab_add(lab, "twice", NULL, "VCPU:2")->stocks[0].ratio = 2.0;
    lab_add(lab, "seven", NULL, "VCPU:10")->stocks[0].ratio = 0.7; /* 7, although the column's 0.7 is a little less */
    lab_add(lab, "least", NULL, "VCPU:8")->stocks[0].min_unit = 4;
    lab_add(lab, "most", NULL, "VCPU:8")->stocks[0].max_unit = 2;
    lab_add(lab, "even", NULL, "VCPU:8")->stocks[0].step_size = 2;
    lab_write(lab);
    expect(lab, "resources=VCPU:3", "used:VCPU=3 |=used\ntwice:VCPU=3 |=twice\nseven:VCPU=3 |=seven");
    expect(lab, "resources_X=VCPU:4",
           "twice:VCPU=4 |_X=twice\nseven:VCPU=4 |_X=seven\nleast:VCPU=4 |_X=least\neven:VCPU=4 |_X=even");
    expect(lab, "resources=VCPU:7", "seven:VCPU=7 |=seven\nleast:VCPU=7 |=least");
    expect(lab, "resources=VCPU:7&required=!A", "seven:VCPU=7 |=seven\nleast:VCPU=7 |=least"); /* as the database sees it */
    expect(lab, "resources=VCPU:2",
           "used:VCPU=2 |=used\nkept:VCPU=2 |=kept\ntwice:VCPU=2 |=twice\nseven:VCPU=2 |=seven\nmost:VCPU=2 |=most\n"
           "even:VCPU=2 |=even");
}

static void a_disk_is_shared_by_aggregate(void **state)
{
    struct lab *lab = lab_of(state);
    lab_add(lab, "a", NULL, "VCPU:8 g0");
    lab_add(lab, "b", NULL, "VCPU:8 DISK_GB:50 g0");
    lab_add(lab, "c", NULL, "VCPU:8 g1");
    lab_add(lab, "ss", NULL, "DISK_GB:1000 MISC_SHARES_VIA_AGGREGATE g0");
    lab_add(lab, "no", NULL, "DISK_GB:1000 g1"); /* it lacks the trait */
    lab_write(lab);
    expect(lab, "resources=VCPU:1,DISK_GB:10",
           "a:VCPU=1 ss:DISK_GB=10 |=a,ss\nb:VCPU=1 ss:DISK_GB=10 |=b,ss\nb:DISK_GB=10,VCPU=1 |=b");
    expect(lab, "resources=VCPU:1,DISK_GB:100", "a:VCPU=1 ss:DISK_GB=100 |=a,ss\nb:VCPU=1 ss:DISK_GB=100 |=b,ss");
    expect(lab, "resources=VCPU:1&resources_D=DISK_GB:100", "a:VCPU=1 ss:DISK_GB=100 |=a _D=ss\nb:VCPU=1 ss:DISK_GB=100 |=b _D=ss");
    expect(lab, "resources=DISK_GB:100", "ss:DISK_GB=100 |=ss\nno:DISK_GB=100 |=no"); /* once, though three anchors have it */
    expect(lab, "resources_X=VCPU:1,DISK_GB:10", "b:DISK_GB=10,VCPU=1 |_X=b");
}

static void a_child_in_the_aggregate_makes_its_tree_an_anchor(void **state)
{
    struct lab *lab = lab_of(state);
    lab_add(lab, "cn", NULL, "MEMORY_MB:8");
    lab_add(lab, "numa", "cn", "VCPU:8 g0");
    lab_add(lab, "ss", NULL, "");
    lab_add(lab, "disk", "ss", "DISK_GB:100 MISC_SHARES_VIA_AGGREGATE g0"); /* who shares may be a child */
    lab_write(lab);
    expect(lab, "resources=MEMORY_MB:1,DISK_GB:10", "cn:MEMORY_MB=1 disk:DISK_GB=10 |=cn,disk");
    expect(lab, "resources=VCPU:1,MEMORY_MB:1,DISK_GB:10", "cn:MEMORY_MB=1 numa:VCPU=1 disk:DISK_GB=10 |=cn,numa,disk");
}

static void traits_are_met_together_and_not_inherited(void **state)
{
    struct lab *lab = lab_of(state);
    lab_add(lab, "cn", NULL, "VCPU:8 A");
    lab_add(lab, "pf1", "cn", "CUSTOM_VF:4 B");
    lab_add(lab, "pf2", "cn", "CUSTOM_VF:4 C");
    lab_add(lab, "idle", "cn", "DISK_GB:1 D");
    lab_write(lab);
    expect(lab, "resources=VCPU:1,CUSTOM_VF:1&required=A,B", "cn:VCPU=1 pf1:CUSTOM_VF=1 |=cn,pf1");
    expect(lab, "resources=VCPU:1,CUSTOM_VF:1&required=!B", "cn:VCPU=1 pf2:CUSTOM_VF=1 |=cn,pf2");
    expect(lab, "resources=CUSTOM_VF:1&required=A", ""); /* the root gives nothing */
    expect(lab, "resources=VCPU:1&required=D", "");
    expect(lab, "resources=VCPU:1,CUSTOM_VF:1&required=B,C", "");
    expect(lab, "resources_X=CUSTOM_VF:1&required_X=C,!B", "pf2:CUSTOM_VF=1 |_X=pf2");
    expect(lab, "resources=VCPU:1&resources_X=CUSTOM_VF:1&required=A&required_X=B", "cn:VCPU=1 pf1:CUSTOM_VF=1 |=cn _X=pf1");
}

static void any_of_some_traits(void **state)
{
    struct lab *lab = lab_of(state);
    lab_add(lab, "a", NULL, "VCPU:1 A");
    lab_add(lab, "b", NULL, "VCPU:1 B C");
    lab_add(lab, "c", NULL, "VCPU:1 C");
    lab_add(lab, "d", NULL, "VCPU:1 A C D");
    lab_write(lab);
    expect(lab, "resources=VCPU:1&required=in:A,B", "a:VCPU=1 |=a\nb:VCPU=1 |=b\nd:VCPU=1 |=d");
    expect(lab, "resources=VCPU:1&required=in:A,B&required=C", "b:VCPU=1 |=b\nd:VCPU=1 |=d");
    expect(lab, "resources_1=VCPU:1&required_1=in:A,B&required_1=in:C,NOBODY&required_1=!D", "b:VCPU=1 |_1=b");
    expect(lab, "resources=VCPU:1&required=in:NOBODY,D&required=!D", "");
}

static void an_aggregate_on_the_root_spans_the_tree(void **state)
{
    struct lab *lab = lab_of(state);
    lab_add(lab, "r1", NULL, "VCPU:1 g0");
    lab_add(lab, "c1", "r1", "CUSTOM_VF:1");
    lab_add(lab, "r2", NULL, "VCPU:1");
    lab_add(lab, "c2", "r2", "CUSTOM_VF:1 g0");
    lab_write(lab);
    expect(lab, "resources=CUSTOM_VF:1&member_of=g0", "c1:CUSTOM_VF=1 |=c1\nc2:CUSTOM_VF=1 |=c2");
    expect(lab, "resources=VCPU:1,CUSTOM_VF:1&member_of=g0", "r1:VCPU=1 c1:CUSTOM_VF=1 |=r1,c1");
    expect(lab, "resources=CUSTOM_VF:1&member_of=!g0", "");
    expect(lab, "resources=VCPU:1&member_of=!g0", "r2:VCPU=1 |=r2");
    expect(lab, "resources_X=CUSTOM_VF:1&member_of_X=g0", "c2:CUSTOM_VF=1 |_X=c2"); /* one provider: itself */
    expect(lab, "resources_X=CUSTOM_VF:1&member_of_X=!g0", "c1:CUSTOM_VF=1 |_X=c1");
    expect(lab, "resources=VCPU:1&member_of=g3", "");
    expect(lab, "resources=VCPU:1&member_of=nosuch", "");
    expect(lab, "resources=VCPU:1&member_of=!nosuch", "r1:VCPU=1 |=r1\nr2:VCPU=1 |=r2");
}

static void who_shares_is_in_the_aggregates_itself(void **state)
{
    struct lab *lab = lab_of(state);
    lab_add(lab, "a", NULL, "VCPU:1 g0 g1");
    lab_add(lab, "s1", NULL, "DISK_GB:10 MISC_SHARES_VIA_AGGREGATE g0");
    lab_add(lab, "s2", NULL, "DISK_GB:10 MISC_SHARES_VIA_AGGREGATE g0 g1");
    lab_write(lab);
    expect(lab, "resources=VCPU:1,DISK_GB:1&member_of=g1", "a:VCPU=1 s2:DISK_GB=1 |=a,s2");
    expect(lab, "resources=VCPU:1,DISK_GB:1&member_of=in:g1,g0&member_of=g0",
           "a:VCPU=1 s1:DISK_GB=1 |=a,s1\na:VCPU=1 s2:DISK_GB=1 |=a,s2");
    expect(lab, "resources=VCPU:1&resources_D=DISK_GB:1&member_of_D=!g1", "a:VCPU=1 s1:DISK_GB=1 |=a _D=s1");
    expect(lab, "resources=DISK_GB:1&member_of=!g1", "s1:DISK_GB=1 |=s1");
}

static void a_tree_can_be_named(void **state)
{
    struct lab *lab = lab_of(state);
    lab_add(lab, "a", NULL, "VCPU:1 g0");
    lab_add(lab, "a1", "a", "CUSTOM_VF:1");
    lab_add(lab, "b", NULL, "VCPU:1 CUSTOM_VF:1 g0");
    lab_add(lab, "ss", NULL, "DISK_GB:10 MISC_SHARES_VIA_AGGREGATE g0");
    lab_write(lab);
    expect(lab, "resources=VCPU:1&in_tree=a", "a:VCPU=1 |=a");
    expect(lab, "resources=VCPU:1,CUSTOM_VF:1&in_tree=a1", "a:VCPU=1 a1:CUSTOM_VF=1 |=a,a1");
    expect(lab, "resources=VCPU:1,DISK_GB:1&in_tree=a", ""); /* the disk is of another tree */
    expect(lab, "resources=VCPU:1&in_tree=a&resources_D=DISK_GB:1", "a:VCPU=1 ss:DISK_GB=1 |=a _D=ss");
    expect(lab, "resources=VCPU:1&resources_D=DISK_GB:1&in_tree_D=ss",
           "a:VCPU=1 ss:DISK_GB=1 |=a _D=ss\nb:VCPU=1 ss:DISK_GB=1 |=b _D=ss");
    expect(lab, "resources=DISK_GB:1&in_tree=ss&resources_C=VCPU:1", ""); /* the anchor is in that tree, too */
    expect(lab, "resources_X=VCPU:1&in_tree_X=a&resources_Y=VCPU:1&in_tree_Y=b", "");
    expect(lab, "resources=VCPU:1&in_tree=nosuch", "");
}

static void make_numa(struct lab *lab)
{
    lab_add(lab, "cn", NULL, "DISK_GB:100 A");
    lab_add(lab, "n0", "cn", "VCPU:4 MEMORY_MB:64 B");
    lab_add(lab, "n1", "cn", "VCPU:4 MEMORY_MB:64 C");
    lab_add(lab, "pf0", "n0", "CUSTOM_VF:8");
    lab_add(lab, "pf1", "n1", "CUSTOM_VF:8");
    lab_add(lab, "other", NULL, "D");
    lab_write(lab);
}

static void groups_are_isolated_or_not(void **state)
{
    struct lab *lab = lab_of(state);
    make_numa(lab);
    expect(lab, "resources_L=VCPU:2&resources_R=VCPU:1&group_policy=isolate",
           "n0:VCPU=2 n1:VCPU=1 |_L=n0 _R=n1\nn0:VCPU=1 n1:VCPU=2 |_L=n1 _R=n0");
    expect(lab, "resources_L=VCPU:2&resources_R=VCPU:2&group_policy=none",
           "n0:VCPU=4 |_L=n0 _R=n0\nn1:VCPU=4 |_L=n1 _R=n1\nn0:VCPU=2 n1:VCPU=2 |_L=n0 _R=n1\nn0:VCPU=2 n1:VCPU=2 |_L=n1 _R=n0");
    expect(lab, "resources_L=VCPU:3&resources_R=VCPU:2&group_policy=none", /* 5 of 4 do not fit */
           "n0:VCPU=3 n1:VCPU=2 |_L=n0 _R=n1\nn0:VCPU=2 n1:VCPU=3 |_L=n1 _R=n0");
    expect(lab, "resources=VCPU:3&resources_L=VCPU:2&group_policy=isolate", /* the group without a suffix may overlap, with room */
           "n0:VCPU=3 n1:VCPU=2 |=n0 _L=n1\nn0:VCPU=2 n1:VCPU=3 |=n1 _L=n0");
    expect(lab, "resources=VCPU:1,DISK_GB:5&required=A,C", "cn:DISK_GB=5 n1:VCPU=1 |=cn,n1");
    expect(lab, "resources_1=VCPU:1&resources_2=VCPU:1&resources_3=VCPU:1&group_policy=isolate", "");
}

static void sums_keep_to_max_unit(void **state)
{
    struct lab *lab = lab_of(state);
    lab_add(lab, "a", NULL, "VCPU:8 DISK_GB:8")->stocks[0].max_unit = 3;
    lab_write(lab);
    expect(lab, "resources=VCPU:2&resources_X=VCPU:1", "a:VCPU=3 |=a _X=a");
    expect(lab, "resources=VCPU:2&resources_X=VCPU:2", "");
    expect(lab, "resources=DISK_GB:4&resources_X=DISK_GB:4", "a:DISK_GB=8 |=a _X=a");
    expect(lab, "resources=DISK_GB:4&resources_X=DISK_GB:5", "");
}

static void groups_in_one_subtree(void **state)
{
    struct lab *lab = lab_of(state);
    make_numa(lab);
    expect(lab, "resources_C=VCPU:1&resources_N=CUSTOM_VF:1&group_policy=none&same_subtree=_C,_N",
           "n0:VCPU=1 pf0:CUSTOM_VF=1 |_C=n0 _N=pf0\nn1:VCPU=1 pf1:CUSTOM_VF=1 |_C=n1 _N=pf1");
    expect(lab, "required_T=B&resources_N=CUSTOM_VF:1&group_policy=none&same_subtree=_T,_N", "pf0:CUSTOM_VF=1 |_N=pf0 _T=n0");
    expect(lab, "required_T=A&resources_1=CUSTOM_VF:1&resources_2=CUSTOM_VF:2&group_policy=isolate&same_subtree=_T,_1,_2",
           "pf0:CUSTOM_VF=1 pf1:CUSTOM_VF=2 |_1=pf0 _2=pf1 _T=cn\npf0:CUSTOM_VF=2 pf1:CUSTOM_VF=1 |_1=pf1 _2=pf0 _T=cn");
    expect(lab, "resources_1=CUSTOM_VF:1&resources_2=CUSTOM_VF:2&group_policy=isolate&same_subtree=_1,_2", "");
    expect(
        lab,
        "resources_D=DISK_GB:1&resources_C=VCPU:1&resources_N=CUSTOM_VF:1&group_policy=none&same_subtree=_D,_C&same_subtree=_C,_N",
        "cn:DISK_GB=1 n0:VCPU=1 pf0:CUSTOM_VF=1 |_C=n0 _D=cn _N=pf0\ncn:DISK_GB=1 n1:VCPU=1 pf1:CUSTOM_VF=1 |_C=n1 _D=cn _N=pf1");
}

static void a_root_has_traits(void **state)
{
    struct lab *lab = lab_of(state);
    lab_add(lab, "a", NULL, "VCPU:1 A g0");
    lab_add(lab, "b", NULL, "VCPU:1 A B g0");
    lab_add(lab, "c", NULL, "");
    lab_add(lab, "c1", "c", "VCPU:1 A g0");
    lab_add(lab, "ss", NULL, "DISK_GB:9 MISC_SHARES_VIA_AGGREGATE g0");
    lab_write(lab);
    expect(lab, "resources=VCPU:1&root_required=A", "a:VCPU=1 |=a\nb:VCPU=1 |=b");
    expect(lab, "resources=VCPU:1&root_required=A,!B", "a:VCPU=1 |=a");
    expect(lab, "resources=VCPU:1,DISK_GB:1&root_required=A,B", "b:VCPU=1 ss:DISK_GB=1 |=b,ss"); /* not the one who shares */
    expect(lab, "resources=VCPU:1&root_required=!A", "c1:VCPU=1 |=c1");
    expect(lab, "resources=DISK_GB:1&root_required=A", "ss:DISK_GB=1 |=ss");
    expect(lab, "resources=DISK_GB:1&root_required=NOBODY", "");
}

static void those_who_know_no_trees(void **state)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct lab *lab = lab_of(state);
    lab_add(lab, "cn", NULL, "VCPU:8 g0");
    lab_add(lab, "pf", "cn", "CUSTOM_VF:4 VCPU:1");
    lab_add(lab, "idle", "cn", "DISK_GB:1");
    lab_add(lab, "ss", NULL, "DISK_GB:1000 MISC_SHARES_VIA_AGGREGATE g0");
    lab_write(lab);
    static const char *const cases[][2] = {
        {"resources=VCPU:1,CUSTOM_VF:1", "pf:CUSTOM_VF=1,VCPU=1 |=pf"},
        {"resources=VCPU:2,CUSTOM_VF:1", ""},
        {"resources=VCPU:2,DISK_GB:1", "cn:VCPU=2 ss:DISK_GB=1 |=cn,ss"},
        {"resources=CUSTOM_VF:1,DISK_GB:1", "pf:CUSTOM_VF=1 ss:DISK_GB=1 |=pf,ss"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct candidates_request request = lab_parse(&arena, lab, cases[i][0]);
        request.nested_aware = false;
        request.all_classes = false;
        request.want_traits = false;
        expect_of(lab, cases[i][0], &request, cases[i][1]);
    }
}

static void trees_of_other_anchors_stay_apart(void **state)
{
    struct lab *lab = lab_of(state);
    lab_add(lab, "a", NULL, "VCPU:1 g0");
    lab_add(lab, "b", NULL, "MEMORY_MB:1 g0"); /* in the aggregate, but it does not share */
    lab_add(lab, "s1", NULL, "DISK_GB:9 MISC_SHARES_VIA_AGGREGATE g0");
    lab_add(lab, "s2", NULL, "CUSTOM_BW:9 MISC_SHARES_VIA_AGGREGATE g1");
    lab_add(lab, "both", NULL, "g0 g1"); /* has nothing, but joins the two */
    lab_write(lab);
    expect(lab, "resources=VCPU:1,MEMORY_MB:1", "");
    expect(lab, "resources=VCPU:1,CUSTOM_BW:1", "");
    expect(lab, "resources=DISK_GB:1,CUSTOM_BW:1", "s1:DISK_GB=1 s2:CUSTOM_BW=1 |=s1,s2");
}

static void wrong_requests_are_refused(void **state)
{
    static const char *const cases[][2] = {
        {"resources=MCPU:1", "Invalid resource class in resources parameter: No such resource class MCPU."},
        {"resources=VCPU:1&required=X,A,!Y", "No such trait(s): X, Y."},
        {"resources=VCPU:1&root_required=X", "No such trait(s): X."},
        {"required=A&resources_X=VCPU:1", "The request group without a suffix must specify resources."},
        {"resources_X=VCPU:1&same_subtree=_X,_Y", "Real suffixes should be specified in `same_subtree`: '_Y' not found."},
        {"limit=3", "At least one request group (`resources` or `resources{$S}`) is required."},
    };
    CLEANUP(arena_clear) struct arena arena = {0};
    struct lab *lab = lab_of(state);
    lab_add(lab, "a", NULL, "VCPU:1");
    lab_write(lab);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct candidates found;
        const struct candidates_request request = lab_parse(&arena, lab, cases[i][0]);
        must_fail(candidates_find(lab->store->db, &arena, &request, &found), E_INVALID, cases[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flat_hosts_that_have_room),
        cmocka_unit_test(room_is_capacity_less_use_in_units),
        cmocka_unit_test(a_disk_is_shared_by_aggregate),
        cmocka_unit_test(a_child_in_the_aggregate_makes_its_tree_an_anchor),
        cmocka_unit_test(traits_are_met_together_and_not_inherited),
        cmocka_unit_test(any_of_some_traits),
        cmocka_unit_test(an_aggregate_on_the_root_spans_the_tree),
        cmocka_unit_test(who_shares_is_in_the_aggregates_itself),
        cmocka_unit_test(a_tree_can_be_named),
        cmocka_unit_test(groups_are_isolated_or_not),
        cmocka_unit_test(sums_keep_to_max_unit),
        cmocka_unit_test(groups_in_one_subtree),
        cmocka_unit_test(a_root_has_traits),
        cmocka_unit_test(those_who_know_no_trees),
        cmocka_unit_test(trees_of_other_anchors_stay_apart),
        cmocka_unit_test(wrong_requests_are_refused),
    };
    return cmocka_run_group_tests(tests, store_setup, store_teardown);
}
