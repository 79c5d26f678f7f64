/*
 * Lanes, volumes and domains on libvirt's test driver inside this process (test:///default): what the driver lets us see of every
 * public function, each called twice where it must be repeatable.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include <libvirt/libvirt.h>
#include <cmocka.h>

#undef fail /* err.h has a function of that name */

#include "compute/hypervisor/hypervisor.h"
#include "gateway/base/text.h"

enum { PATIENCE_MS = 20000 };

/* The last power state that was reported for one server. */
struct listener {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct uuid server;
    int power;
    int reports;
};

static struct listener listener = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, {{0}}, -1, 0};

static void on_power(void *context, const struct uuid *server, int power)
{
    struct listener *to = context;
    (void)pthread_mutex_lock(&to->lock);
    if (uuid_equal(server, &to->server)) {
        to->power = power;
        to->reports++;
        (void)pthread_cond_broadcast(&to->changed);
    }
    (void)pthread_mutex_unlock(&to->lock);
}

static void wait_power(int power)
{
    (void)pthread_mutex_lock(&listener.lock);
    while (listener.power != power)
        (void)pthread_cond_wait(&listener.changed, &listener.lock); /* ctest's limit ends a wait in vain */
    (void)pthread_mutex_unlock(&listener.lock);
}

static void listen_to(const struct uuid *server)
{
    (void)pthread_mutex_lock(&listener.lock);
    listener.server = *server;
    listener.power = -1;
    (void)pthread_mutex_unlock(&listener.lock);
}

static struct budget budget(void)
{
    return budget_from_ms(PATIENCE_MS);
}

static int open_hosts(void **state)
{
    static const struct hypervisor_options options = {.virt_type = "auto",
                                                      .pool = "zonegate",
                                                      .pool_path = "/nowhere/zonegate <pool>",
                                                      .lane_queue = 16,
                                                      .console_bytes = 1024,
                                                      .sync_interval_s = 600};
    struct hypervisors *all;
    if (hypervisors_open(&options, on_power, &listener, &all) != OK)
        return -1;
    *state = all;
    return hypervisor_add(all, "h1", "test:///default") == OK ? 0 : -1;
}

static int close_hosts(void **state)
{
    hypervisors_close(*state);
    return 0;
}

static struct guest small_guest(struct arena *arena)
{
    struct uuid id;
    uuid_new(&id);
    return (struct guest){.id = id,
                          .name = arena_printf(arena, "instance-%s", uuid_to_text(&id).text),
                          .title = "a <small>\nguest & friends",
                          .metadata = "{\"name\": \"<x> & 'y'\"}",
                          .fence = 5,
                          .vcpus = 1,
                          .ram_mib = 64};
}

static void options_are_checked(void **state)
{
    (void)state;
    struct hypervisors *all = NULL;
    const struct hypervisor_options options = {.virt_type = "xen", .pool = "p", .pool_path = "/p", .lane_queue = 1};
    assert_int_equal(hypervisors_open(&options, NULL, NULL, &all), E_INVALID);
    assert_null(all);
    hypervisors_close(NULL);
}

static void hosts_come_and_go(void **state)
{
    struct hypervisors *all = *state;
    int power = -1;
    const struct uuid nobody = {{1}};
    assert_int_equal(hypervisor_power(all, "h9", &nobody, budget(), &power), E_NOT_FOUND);
    assert_string_equal(err_message(), "Compute host h9 could not be found.");
    assert_false(hypervisor_is_up(all, "h9"));
    assert_int_equal(hypervisor_add(all, "h9", ""), E_INVALID);
    assert_int_equal(hypervisor_add(all, "h9", "test+unix:///default?socket=/nowhere/sock"), OK);
    assert_false(hypervisor_is_up(all, "h9"));
    assert_int_equal(hypervisor_power(all, "h9", &nobody, budget(), &power), E_UNAVAILABLE);
    assert_non_null(strstr(err_message(), "h9"));
    assert_int_equal(hypervisor_add(all, "h9", "test:///default"), OK);
    assert_true(hypervisor_is_up(all, "h9"));
    assert_int_equal(hypervisor_power(all, "h9", &nobody, budget(), &power), E_NOT_FOUND);
    assert_int_equal(hypervisor_add(all, "h9", "lxc:///"), OK);
    assert_false(hypervisor_is_up(all, "h9"));
    hypervisor_remove(all, "h9");
    hypervisor_remove(all, "h9");
    assert_false(hypervisor_is_up(all, "h9"));
    assert_true(hypervisor_is_up(all, "h1"));
}

static void inventory_is_the_drivers(void **state)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct hypervisor_inventory found;
    assert_int_equal(hypervisor_inventory(*state, "h1", budget(), &arena, &found), OK);
    assert_int_equal(found.vcpus, 16); /* libvirt's built-in test machine */
    assert_int_equal(found.ram_mib, 3072);
    assert_int_equal(found.disk_gib, 100);
    assert_string_equal(found.driver, "Test");
    assert_string_equal(found.arch, "i686");
    assert_int_equal(found.version, 2);
    assert_int_equal(found.sockets * found.cores * found.threads, 16);
    assert_true(*found.hostname);
    assert_false(found.kvm);
}

static void volumes_can_be_repeated(void **state)
{
    struct hypervisors *all = *state;
    bool exists = true;
    assert_int_equal(hypervisor_volume_exists(all, "h1", "a", budget(), &exists), OK);
    assert_false(exists);
    for (int i = 0; i < 2; i++)
        assert_int_equal(hypervisor_volume_create(all, "h1", "a", "raw", 1 << 20, NULL, NULL, budget()), OK);
    assert_int_equal(hypervisor_volume_create(all, "h1", "a", "raw", 2 << 20, NULL, NULL, budget()), E_CONFLICT);
    for (int i = 0; i < 2; i++)
        assert_int_equal(hypervisor_volume_create(all, "h1", "b", "qcow2", 4 << 20, "a", "raw", budget()), OK);
    assert_int_equal(hypervisor_volume_create(all, "h1", "c", "qcow2", 4 << 20, "none", "raw", budget()), E_NOT_FOUND);
    assert_int_equal(hypervisor_volume_exists(all, "h1", "b", budget(), &exists), OK);
    assert_true(exists);
    for (int i = 0; i < 2; i++)
        assert_int_equal(hypervisor_volume_delete(all, "h1", "b", budget()), OK);
    assert_int_equal(hypervisor_volume_exists(all, "h1", "b", budget(), &exists), OK);
    assert_false(exists);
    assert_int_equal(hypervisor_volume_delete(all, "h1", "a", budget()), OK);
}

static void volume_names_are_checked(void **state)
{
    struct hypervisors *all = *state;
    static const char *const names[] = {"", ".", "..", ".hidden", "a/b", "/etc/passwd", "\xff"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        bool exists = false;
        assert_int_equal(hypervisor_volume_create(all, "h1", names[i], "raw", 1, NULL, NULL, budget()), E_INVALID);
        assert_int_equal(hypervisor_volume_delete(all, "h1", names[i], budget()), E_INVALID);
        assert_int_equal(hypervisor_volume_exists(all, "h1", names[i], budget(), &exists), E_INVALID);
        assert_int_equal(hypervisor_volume_upload(all, "h1", names[i], "raw", 0, 1, budget()), E_INVALID);
    }
}

/* The marker of an upload that died: the volume does not count, and is made again. */
static void interrupted_upload_is_repeated(void **state)
{
    struct hypervisors *all = *state;
    bool exists = true;
    assert_int_equal(hypervisor_volume_create(all, "h1", "image", "raw", 4096, NULL, NULL, budget()), OK);
    assert_int_equal(hypervisor_volume_create(all, "h1", "image.part", "raw", 512, NULL, NULL, budget()), OK);
    assert_int_equal(hypervisor_volume_exists(all, "h1", "image", budget(), &exists), OK);
    assert_false(exists);
    for (int i = 0; i < 2; i++)
        assert_int_equal(hypervisor_volume_upload(all, "h1", "image", "raw", STDIN_FILENO, 8192, budget()), OK);
    assert_int_equal(hypervisor_volume_exists(all, "h1", "image", budget(), &exists), OK);
    assert_true(exists);
    assert_int_equal(hypervisor_volume_create(all, "h1", "image", "raw", 8192, NULL, NULL, budget()), OK); /* same size */
    assert_int_equal(hypervisor_volume_exists(all, "h1", "image.part", budget(), &exists), OK);
    assert_false(exists);
    assert_int_equal(hypervisor_volume_delete(all, "h1", "image", budget()), OK);
    assert_int_equal(hypervisor_volume_upload(all, "h1", "x", "raw", -1, 1, budget()), E_INTERNAL);
}

static void expect_power(struct hypervisors *all, const struct guest *guest, int expected)
{
    int power = -1;
    assert_int_equal(hypervisor_power(all, "h1", &guest->id, budget(), &power), OK);
    assert_int_equal(power, expected);
}

static void life_of_a_guest(void **state)
{
    struct hypervisors *all = *state;
    CLEANUP(arena_clear) struct arena arena = {0};
    struct guest guest = small_guest(&arena);
    int power = -1;
    listen_to(&guest.id);
    assert_int_equal(hypervisor_power(all, "h1", &guest.id, budget(), &power), E_NOT_FOUND);
    assert_int_equal(hypervisor_start(all, "h1", &guest.id, budget()), E_NOT_FOUND);
    assert_int_equal(hypervisor_stop(all, "h1", &guest.id, 0, budget()), E_NOT_FOUND);
    assert_int_equal(hypervisor_undefine(all, "h1", &guest.id, budget()), OK);
    for (int i = 0; i < 2; i++)
        assert_int_equal(hypervisor_define(all, "h1", &guest, budget()), OK);
    expect_power(all, &guest, POWER_SHUTDOWN);
    assert_int_equal(hypervisor_reboot_soft(all, "h1", &guest.id, budget()), E_CONFLICT);
    for (int i = 0; i < 2; i++)
        assert_int_equal(hypervisor_start(all, "h1", &guest.id, budget()), OK);
    wait_power(POWER_RUNNING);
    expect_power(all, &guest, POWER_RUNNING);
    assert_int_equal(hypervisor_reboot_soft(all, "h1", &guest.id, budget()), OK);
    assert_int_equal(hypervisor_define(all, "h1", &guest, budget()), OK); /* while it runs */
    for (int i = 0; i < 2; i++)
        assert_int_equal(hypervisor_stop(all, "h1", &guest.id, 5000, budget()), OK);
    wait_power(POWER_SHUTDOWN);
    assert_int_equal(hypervisor_start(all, "h1", &guest.id, budget()), OK);
    assert_int_equal(hypervisor_stop(all, "h1", &guest.id, 0, budget()), OK);
    assert_int_equal(hypervisor_start(all, "h1", &guest.id, budget()), OK);
    for (int i = 0; i < 2; i++)
        assert_int_equal(hypervisor_undefine(all, "h1", &guest.id, budget()), OK);
    assert_int_equal(hypervisor_power(all, "h1", &guest.id, budget(), &power), E_NOT_FOUND);
}

static void older_fence_is_refused(void **state)
{
    struct hypervisors *all = *state;
    CLEANUP(arena_clear) struct arena arena = {0};
    struct guest guest = small_guest(&arena);
    assert_int_equal(hypervisor_define(all, "h1", &guest, budget()), OK);
    guest.fence = 4;
    assert_int_equal(hypervisor_define(all, "h1", &guest, budget()), E_LOST);
    assert_int_equal(hypervisor_start(all, "h1", &guest.id, budget()), OK);
    assert_int_equal(hypervisor_define(all, "h1", &guest, budget()), E_LOST);
    guest.fence = 6;
    assert_int_equal(hypervisor_define(all, "h1", &guest, budget()), OK);
    guest.fence = 5;
    assert_int_equal(hypervisor_define(all, "h1", &guest, budget()), E_LOST);
    assert_int_equal(hypervisor_undefine(all, "h1", &guest.id, budget()), OK);
}

/* Looks through another connection to the same world of this process. */
static void domain_carries_the_record(void **state)
{
    struct hypervisors *all = *state;
    CLEANUP(arena_clear) struct arena arena = {0};
    const struct guest_disk disks[] = {{.volume = "d", .target = "vda", .format = "raw"},
                                       {.volume = "c", .target = "hda", .format = "raw", .cdrom = true}};
    const struct guest_nic nic = {.network = "default", .mac = "52:54:00:00:00:01"};
    struct guest guest = small_guest(&arena);
    guest.disks = disks;
    guest.disk_count = 2;
    guest.nics = &nic;
    guest.nic_count = 1;
    assert_int_equal(hypervisor_define(all, "h1", &guest, budget()), OK);
    virConnectPtr connection = virConnectOpen("test:///default");
    assert_non_null(connection);
    virDomainPtr domain = virDomainLookupByName(connection, guest.name);
    assert_non_null(domain);
    char *metadata = virDomainGetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, GUEST_METADATA_URI, 0);
    assert_non_null(metadata);
    assert_non_null(strstr(metadata, "fence=\"5\""));
    assert_non_null(strstr(metadata, "{\"name\": \"&lt;x&gt; &amp; 'y'\"}"));
    char *title = virDomainGetMetadata(domain, VIR_DOMAIN_METADATA_TITLE, NULL, 0);
    assert_string_equal(title, "a <small> guest & friends");
    free(title);
    free(metadata);
    (void)virDomainFree(domain);
    (void)virConnectClose(connection);
    assert_int_equal(hypervisor_undefine(all, "h1", &guest.id, budget()), OK);
}

static void no_console_is_said(void **state)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    const struct guest guest = small_guest(&arena);
    const char *text = NULL;
    size_t length = 0;
    assert_int_equal(hypervisor_console(*state, "h1", &guest.id, budget(), &arena, &text, &length), E_NOT_IMPLEMENTED);
    assert_string_equal(err_message(), "The libvirt driver Test has no console log.");
}

/* A second set of hosts, opened over a world that has a running guest, hears of it without any event. */
static void first_connection_syncs(void **state)
{
    struct hypervisors *all = *state;
    CLEANUP(arena_clear) struct arena arena = {0};
    const struct guest guest = small_guest(&arena);
    assert_int_equal(hypervisor_define(all, "h1", &guest, budget()), OK);
    assert_int_equal(hypervisor_start(all, "h1", &guest.id, budget()), OK);
    listen_to(&guest.id);
    assert_int_equal(hypervisor_add(all, "h2", "test:///default"), OK);
    assert_true(hypervisor_is_up(all, "h2"));
    wait_power(POWER_RUNNING);
    hypervisor_remove(all, "h2");
    assert_int_equal(hypervisor_undefine(all, "h1", &guest.id, budget()), OK);
}

static void *hammer(void *argument)
{
    struct hypervisors *all = argument;
    CLEANUP(arena_clear) struct arena arena = {0};
    const struct guest guest = small_guest(&arena);
    for (int i = 0; i < 20; i++) {
        int power = -1;
        if (hypervisor_define(all, "h1", &guest, budget()) != OK || hypervisor_start(all, "h1", &guest.id, budget()) != OK ||
            hypervisor_power(all, "h1", &guest.id, budget(), &power) != OK || power != POWER_RUNNING ||
            hypervisor_stop(all, "h1", &guest.id, 1000, budget()) != OK ||
            hypervisor_undefine(all, "h1", &guest.id, budget()) != OK)
            return strdup(err_message());
    }
    return NULL;
}

static void many_callers_share_a_lane(void **state)
{
    pthread_t threads[8];
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hammer, *state), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        void *wrong = NULL;
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        if (wrong)
            print_error("%s\n", (const char *)wrong);
        free(wrong);
        assert_null(wrong);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_are_checked),       cmocka_unit_test(hosts_come_and_go),
        cmocka_unit_test(inventory_is_the_drivers),  cmocka_unit_test(volumes_can_be_repeated),
        cmocka_unit_test(volume_names_are_checked),  cmocka_unit_test(interrupted_upload_is_repeated),
        cmocka_unit_test(life_of_a_guest),           cmocka_unit_test(older_fence_is_refused),
        cmocka_unit_test(domain_carries_the_record), cmocka_unit_test(no_console_is_said),
        cmocka_unit_test(first_connection_syncs),    cmocka_unit_test(many_callers_share_a_lane),
    };
    return cmocka_run_group_tests(tests, open_hosts, close_hosts);
}
