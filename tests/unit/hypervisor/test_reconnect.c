/* A host whose libvirtd is killed, comes back, or stands still. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#undef fail /* err.h has a function of that name */

#include "compute/hypervisor/hypervisor.h"
#include "tests/unit/hypervisor/private_libvirtd.h"

enum { PATIENCE_MS = 30000 };

static const struct uuid nobody = {{1}};

struct lab {
    struct private_libvirtd daemon;
    struct hypervisors *all;
};

static int open_lab(void **state)
{
    if (!libvirtd_possible())
        return 0;
    static const struct hypervisor_options options = {.virt_type = "auto",
                                                      .pool = "zonegate",
                                                      .pool_path = "/nowhere/pool",
                                                      .lane_queue = 4,
                                                      .console_bytes = 1024,
                                                      .sync_interval_s = 600};
    struct lab *lab = calloc(1, sizeof(*lab));
    *state = lab;
    if (libvirtd_open(&lab->daemon, "test", "/default") != 0 || hypervisors_open(&options, NULL, NULL, &lab->all) != OK)
        return -1;
    return hypervisor_add(lab->all, "h1", lab->daemon.uri) == OK ? 0 : -1;
}

static int close_lab(void **state)
{
    struct lab *lab = *state;
    if (!lab)
        return 0;
    hypervisors_close(lab->all);
    if (lab->daemon.pid > 0)
        (void)kill(lab->daemon.pid, SIGCONT);
    libvirtd_close(&lab->daemon);
    free(lab);
    return 0;
}

static struct lab *lab_of(void **state)
{
    if (!*state)
        skip();
    return *state;
}

static enum err ask(struct hypervisors *all, int64_t budget_ms)
{
    int power = -1;
    return hypervisor_power(all, "h1", &nobody, budget_from_ms(budget_ms), &power);
}

static void wait_up(struct hypervisors *all, bool up)
{
    const int64_t end_ms = clock_mono_ms() + PATIENCE_MS;
    while (hypervisor_is_up(all, "h1") != up && clock_mono_ms() < end_ms)
        look_again_soon();
    assert_int_equal(hypervisor_is_up(all, "h1"), up);
}

static void killed_host_is_down_and_comes_back(void **state)
{
    struct lab *lab = lab_of(state);
    struct hypervisors *all = lab->all;
    assert_true(hypervisor_is_up(all, "h1"));
    assert_int_equal(ask(all, PATIENCE_MS), E_NOT_FOUND);
    libvirtd_end(&lab->daemon, SIGKILL);
    wait_up(all, false); /* nobody called: the connection's end was heard */
    assert_int_equal(ask(all, PATIENCE_MS), E_UNAVAILABLE);
    assert_non_null(strstr(err_message(), "Host h1 cannot be reached"));
    assert_int_equal(libvirtd_start(&lab->daemon), 0);
    wait_up(all, true); /* nobody called: the keeper asked */
    assert_int_equal(ask(all, PATIENCE_MS), E_NOT_FOUND);
    libvirtd_end(&lab->daemon, SIGKILL);
    assert_int_equal(libvirtd_start(&lab->daemon), 0);
    assert_int_equal(ask(all, PATIENCE_MS), E_NOT_FOUND); /* a call connects by itself */
}

/* A daemon that accepts and never answers: callers leave in time, the queue fills, nothing hangs when the hosts are closed. */
static void stopped_host_costs_no_more_than_the_budget(void **state)
{
    struct lab *lab = lab_of(state);
    struct hypervisors *all = lab->all;
    assert_int_equal(ask(all, PATIENCE_MS), E_NOT_FOUND);
    assert_int_equal(kill(lab->daemon.pid, SIGSTOP), 0);
    const int64_t begin_ms = clock_mono_ms();
    assert_int_equal(ask(all, 100), E_TIMEOUT);
    assert_string_equal(err_message(), "Host h1 did not answer in time: 'power' may still happen.");
    assert_false(hypervisor_is_up(all, "h1"));
    const enum err second = ask(all, 100);
    assert_true(second == E_TIMEOUT || second == E_UNAVAILABLE); /* the first sync may hold the other thread */
    assert_int_equal(ask(all, 100), E_UNAVAILABLE);              /* both threads are stuck: not begun */
    assert_true(clock_mono_ms() - begin_ms < 5000);
    assert_int_equal(kill(lab->daemon.pid, SIGCONT), 0);
    wait_up(all, true);
    assert_int_equal(ask(all, PATIENCE_MS), E_NOT_FOUND);
    assert_int_equal(kill(lab->daemon.pid, SIGSTOP), 0);
    assert_int_equal(ask(all, 100), E_TIMEOUT);
    const int64_t close_ms = clock_mono_ms();
    lab->all = NULL;
    hypervisors_close(all);
    assert_true(clock_mono_ms() - close_ms < 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(killed_host_is_down_and_comes_back, open_lab, close_lab),
        cmocka_unit_test_setup_teardown(stopped_host_costs_no_more_than_the_budget, open_lab, close_lab),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
