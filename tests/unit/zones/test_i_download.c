/* Downloads: pieces in order, broken bodies noticed, refusals read, the taker's error kept, limits held. The other zone is a socket
 * that says what it is told to say. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#undef fail /* err.h has a function of that name */

#include "gateway/base/text.h"
#include "zones/download.h"

#include "tests/unit/zones/pair.h"

#define LARGE (3U << 20)

/* Answers one connection with these bytes, then closes it. */
struct speaker {
    int listener;
    char url[64];
    pthread_t thread;
    struct text words;
    struct text heard;
};

static void *speak(void *argument)
{
    struct speaker *speaker = argument;
    char bytes[16384];
    const int fd = accept(speaker->listener, NULL, NULL);
    while (fd >= 0 && !strstr(text_str(&speaker->heard), "\r\n\r\n")) {
        const ssize_t got = recv(fd, bytes, sizeof(bytes), 0);
        if (got <= 0)
            break;
        text_add(&speaker->heard, bytes, (size_t)got);
    }
    for (size_t sent = 0; fd >= 0 && sent < speaker->words.length;) {
        const ssize_t went = send(fd, speaker->words.bytes + sent, speaker->words.length - sent, MSG_NOSIGNAL);
        if (went <= 0)
            break;
        sent += (size_t)went;
    }
    if (fd >= 0)
        (void)close(fd);
    return NULL;
}

static void speaker_open(struct speaker *speaker)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    speaker->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_return_code(bind(speaker->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_return_code(listen(speaker->listener, 4), 0);
    assert_return_code(getsockname(speaker->listener, (struct sockaddr *)&address, &length), 0);
    (void)snprintf(speaker->url, sizeof(speaker->url), "http://127.0.0.1:%d", ntohs(address.sin_port));
    assert_int_equal(pthread_create(&speaker->thread, NULL, speak, speaker), 0);
}

static void speaker_close(struct speaker *speaker)
{
    (void)shutdown(speaker->listener, SHUT_RDWR);
    (void)pthread_join(speaker->thread, NULL);
    (void)close(speaker->listener);
    text_clear(&speaker->words);
    text_clear(&speaker->heard);
}

struct taken {
    struct text bytes;
    size_t most_at_once;
    size_t refuse_after;
};

static enum err take(void *context, const void *bytes, size_t length)
{
    struct taken *taken = context;
    text_add(&taken->bytes, bytes, length);
    if (length > taken->most_at_once)
        taken->most_at_once = length;
    if (taken->refuse_after && taken->bytes.length >= taken->refuse_after)
        return fail(E_LOST, "That is enough.");
    return OK;
}

struct scene {
    struct pair *pair;
    struct speaker speaker;
    struct arena arena;
    struct taken taken;
    struct download download;
    struct caller caller;
    struct link_origin origin;
};

/* The child asks its parent, which says `words`. */
static enum err play(struct scene *scene, uint64_t limit)
{
    static const char *const roles[] = {"reader", "admin"};
    scene->caller = (struct caller){
        .user_id = "u", .user_name = "", .project_id = "p", .project_name = "", .roles = roles, .role_count = ARRAY_LEN(roles)};
    scene->origin = link_origin_from(&scene->caller, NULL, "http://child/compute/v2.1", NULL);
    speaker_open(&scene->speaker);
    scene->pair->child.other.row.api_url = scene->speaker.url;
    scene->download = (struct download){.zone = &scene->pair->child.other,
                                        .origin = &scene->origin,
                                        .target = "/file",
                                        .limit = limit,
                                        .take = take,
                                        .context = &scene->taken};
    headers_add(&scene->arena, &scene->download.headers, "X-Zone-Grant", "g");
    return zone_download(&scene->pair->child.zones, &scene->arena, &scene->download);
}

static int open_scene(void **state)
{
    struct scene *scene = calloc(1, sizeof(*scene));
    scene->pair = pair_open();
    *state = scene;
    return 0;
}

static int close_scene(void **state)
{
    struct scene *scene = *state;
    speaker_close(&scene->speaker);
    text_clear(&scene->taken.bytes);
    arena_clear(&scene->arena);
    pair_close(scene->pair);
    free(scene);
    return 0;
}

static void say(struct scene *scene, int status, size_t announced, size_t sent)
{
    struct text *words = &scene->speaker.words;
    text_add_format(words, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n\r\n", status, announced);
    for (size_t i = 0; i < sent; i++)
        text_add_char(words, (char)(i * 31 + i / 251));
}

static void test_pieces_in_order(void **state)
{
    struct scene *scene = *state;
    say(scene, 200, LARGE, LARGE);
    assert_int_equal(play(scene, LARGE), OK);
    assert_int_equal(scene->download.answer.kind, ZONE_ANSWERED);
    assert_int_equal(scene->download.answer.status, 200);
    assert_int_equal(scene->download.length, LARGE);
    assert_int_equal(scene->download.answer.body_length, 0);
    assert_true(scene->taken.most_at_once <= 65536);
    assert_memory_equal(scene->taken.bytes.bytes, scene->speaker.words.bytes + (scene->speaker.words.length - LARGE), LARGE);
}

/* What is sent up: a delegation that the parent accepts, without the role admin, and the headers that were given. */
static void test_the_question(void **state)
{
    struct scene *scene = *state;
    struct caller caller;
    struct link_caller *link = NULL;
    say(scene, 200, 1, 1);
    assert_int_equal(play(scene, 1), OK);
    const char *heard = text_str(&scene->speaker.heard);
    const char *delegation = strstr(heard, LINK_DELEGATION ": ");
    assert_true(str_starts(heard, "GET /file HTTP/1.1\r\n"));
    assert_non_null(strstr(heard, "X-Zone-Grant: g\r\n"));
    assert_non_null(strstr(heard, LINK_BUDGET ": "));
    assert_non_null(delegation);
    delegation += strlen(LINK_DELEGATION ": ");
    const struct link_question question = {
        .method = "GET", .target = "/file", .delegation = arena_strndup(&scene->arena, delegation, strcspn(delegation, "\r"))};
    /* The target is no resource: the policy's refusal comes last, when all proofs were good. */
    assert_int_equal(link_check(&scene->pair->parent.zones, &question, NULL, &scene->arena, &caller, &link), E_FORBIDDEN);
}

static void test_a_body_that_breaks_off(void **state)
{
    struct scene *scene = *state;
    say(scene, 200, LARGE, LARGE / 2);
    assert_int_equal(play(scene, LARGE), OK);
    assert_int_equal(scene->download.answer.kind, ZONE_GARBAGE);
    assert_non_null(scene->download.answer.why);
}

static void test_more_than_announced(void **state)
{
    struct scene *scene = *state;
    say(scene, 200, 1000, 1000);
    assert_int_equal(play(scene, 999), E_TOO_LARGE);
    assert_true(scene->download.length <= 999);
}

static void test_the_taker_refuses(void **state)
{
    struct scene *scene = *state;
    scene->taken.refuse_after = 1;
    say(scene, 200, LARGE, LARGE);
    assert_int_equal(play(scene, LARGE), E_LOST);
    assert_string_equal(err_message(), "That is enough.");
    assert_true(scene->taken.bytes.length < LARGE);
    assert_int_equal(health_overall(scene->pair->child.other.health), HEALTH_UNKNOWN); /* says nothing about the zone */
}

static void test_a_refusal_is_read(void **state)
{
    struct scene *scene = *state;
    text_add_str(&scene->speaker.words, "HTTP/1.1 403 X\r\nContent-Length: 4\r\n\r\nnono");
    assert_int_equal(play(scene, 1), OK);
    assert_int_equal(scene->download.answer.status, 403);
    assert_string_equal(scene->download.answer.body, "nono");
    assert_int_equal(scene->taken.bytes.length, 0);
}

static void test_a_long_refusal_is_cut(void **state)
{
    struct scene *scene = *state;
    say(scene, 500, LARGE, LARGE);
    assert_int_equal(play(scene, 1), OK);
    assert_int_equal(scene->download.answer.status, 500);
    assert_int_equal(scene->download.answer.body_length, 65536);
}

static void test_nobody_there(void **state)
{
    struct scene *scene = *state;
    say(scene, 200, 1, 1);
    assert_int_equal(play(scene, 1), OK);
    scene->pair->child.other.row.api_url = "http://127.0.0.1:1";
    assert_int_equal(zone_download(&scene->pair->child.zones, &scene->arena, &scene->download), OK);
    assert_int_equal(scene->download.answer.kind, ZONE_REFUSED);
    assert_int_equal(health_overall(scene->pair->child.other.health), HEALTH_DOWN);
    assert_int_equal(zone_download(&scene->pair->child.zones, &scene->arena, &scene->download), OK);
    assert_int_equal(scene->download.answer.kind, ZONE_REFUSED);
}

static void test_not_asked_at_all(void **state)
{
    struct scene *scene = *state;
    scene->pair->child.other.row.state = ZONE_ADMIN_DISABLED;
    assert_int_equal(play(scene, 1), OK);
    assert_int_equal(scene->download.answer.kind, ZONE_DISABLED);
    scene->pair->child.other.row.state = ZONE_ENABLED;
    scene->pair->child.other.session_count = 0;
    assert_int_equal(zone_download(&scene->pair->child.zones, &scene->arena, &scene->download), OK);
    assert_int_equal(scene->download.answer.kind, ZONE_AUTH);
    scene->pair->child.other.row.api_url = "http://zone.example";
    assert_int_equal(zone_download(&scene->pair->child.zones, &scene->arena, &scene->download), OK);
    assert_int_equal(scene->download.answer.kind, ZONE_REFUSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pieces_in_order, open_scene, close_scene),
        cmocka_unit_test_setup_teardown(test_the_question, open_scene, close_scene),
        cmocka_unit_test_setup_teardown(test_a_body_that_breaks_off, open_scene, close_scene),
        cmocka_unit_test_setup_teardown(test_more_than_announced, open_scene, close_scene),
        cmocka_unit_test_setup_teardown(test_the_taker_refuses, open_scene, close_scene),
        cmocka_unit_test_setup_teardown(test_a_refusal_is_read, open_scene, close_scene),
        cmocka_unit_test_setup_teardown(test_a_long_refusal_is_cut, open_scene, close_scene),
        cmocka_unit_test_setup_teardown(test_nobody_there, open_scene, close_scene),
        cmocka_unit_test_setup_teardown(test_not_asked_at_all, open_scene, close_scene),
    };
    if (seal_setup() != OK || http_client_setup() != OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
