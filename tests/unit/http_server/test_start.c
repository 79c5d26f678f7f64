/* What keeps the server from starting, and the words for it. */
#include "gateway/http/server/listen.h"
#include "tests/unit/http_server/zone.h"

static enum err try_start(struct http_server_options options)
{
    struct http_server *server = NULL;
    options.workers = 1;
    zone_core = (struct http_core){.services = zone_services, .hooks = {authenticate, locate}, .max_body = ZONE_MAX_BODY};
    assert_int_equal(core_setup(&zone_core), OK);
    const enum err result = http_server_start(&options, &zone_core, &zone_hooks, &server);
    if (result == OK)
        http_server_stop(server, 0);
    else
        print_message("%s\n", err_message());
    core_clear(&zone_core);
    return result;
}

static void test_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *address;
        enum err result;
        const char *says;
    } rows[] = {
        {"127.0.0.1:0", OK, NULL},
        {"localhost:0", OK, NULL},
        {"[::1]:0", OK, NULL},
        {"[::]:0", OK, NULL},
        {"", E_INVALID, "is not an address to listen on"},
        {"127.0.0.1", E_INVALID, "is not an address to listen on"},
        {":80", E_INVALID, "is not an address to listen on"},
        {"[]:80", E_INVALID, "is not an address to listen on"},
        {"127.0.0.1:", E_INVALID, "is not an address to listen on"},
        {"127.0.0.1:x", E_INVALID, "is not an address to listen on"},
        {"127.0.0.1:-1", E_INVALID, "is not an address to listen on"},
        {"127.0.0.1:65536", E_INVALID, "is not an address to listen on"},
        {"::1:80", E_INVALID, "is not an address to listen on"},
        {"203.0.113.77:0", E_UNAVAILABLE, "203.0.113.77:0 is not an address of this machine"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        print_message("\"%s\"\n", rows[i].address);
        assert_int_equal(try_start((struct http_server_options){.listen = rows[i].address}), rows[i].result);
        if (rows[i].says)
            assert_non_null(strstr(err_message(), rows[i].says));
    }
}

static void test_port_taken(void **state)
{
    (void)state;
    int fd = -1;
    unsigned port = 0;
    char address[64];
    char words[128];
    assert_int_equal(listen_open("127.0.0.1:0", &fd, &port), OK);
    (void)snprintf(address, sizeof(address), "127.0.0.1:%u", port);
    (void)snprintf(words, sizeof(words), "%s is in use by another program", address);
    assert_int_equal(try_start((struct http_server_options){.listen = address}), E_UNAVAILABLE);
    assert_string_equal(err_message(), words);
    (void)close(fd);
    assert_int_equal(try_start((struct http_server_options){.listen = address}), OK);
}

static void test_certificates(void **state)
{
    (void)state;
    char path[] = "/tmp/zonegate-test-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "no PEM\n", 7), 7);
    (void)close(fd);
    const char *listen = "127.0.0.1:0";
    assert_int_equal(try_start((struct http_server_options){.listen = listen, .tls_cert = path}), E_INVALID);
    assert_non_null(strstr(err_message(), "tls_cert and tls_key go together"));
    assert_int_equal(try_start((struct http_server_options){.listen = listen, .tls_cert = "/nowhere.pem", .tls_key = path}),
                     E_INVALID);
    assert_string_equal(err_message(), "/nowhere.pem cannot be opened");
    assert_int_equal(try_start((struct http_server_options){.listen = listen, .tls_cert = path, .tls_key = path}), E_INVALID);
    assert_non_null(strstr(err_message(), "the certificate and key (tls_cert, tls_key) cannot be used: "));
    (void)unlink(path);
}

static void test_public_url(void **state)
{
    (void)state;
    const struct http_server_options options = {.listen = "127.0.0.1:0", .public_url = "https://zone.example:8774//", .workers = 1};
    struct http_server *server = NULL;
    zone_core = (struct http_core){.services = zone_services, .hooks = {authenticate, locate}, .max_body = ZONE_MAX_BODY};
    log_setup(LOG_LEVEL_ERROR, "test");
    assert_int_equal(core_setup(&zone_core), OK);
    assert_int_equal(http_server_start(&options, &zone_core, &zone_hooks, &server), OK);
    struct client client = client_open(http_server_port(server));
    struct answer answer = client_get(&client, "/inline");
    assert_string_equal(text_str(&answer.body), "hello GET https://zone.example:8774 127.0.0.1 server");
    answer_clear(&answer);
    client_close(&client);
    zone_stop(server, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_port_taken),
        cmocka_unit_test(test_certificates),
        cmocka_unit_test(test_public_url),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
