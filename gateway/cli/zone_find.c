/* `zonegate zone find ID|NAME|ADDRESS|RESERVATION`: where it is, and by which way. What the word is, is seen by its form. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/id.h"
#include "gateway/base/text.h"
#include "gateway/cli/zone_ask.h"

static const char *key_of(const char *word)
{
    struct in6_addr address;
    if (uuid_is_text(word))
        return "id";
    if (inet_pton(AF_INET, word, &address) == 1 || inet_pton(AF_INET6, word, &address) == 1)
        return "ip";
    if (str_starts(word, "r-") && strlen(word) == 15 && strspn(word + 2, "0123456789abcdefghijklmnopqrstuvwxyz") == 13)
        return "reservation_id";
    return "name";
}

static void print_match(const json_t *match)
{
    size_t i;
    const json_t *hop;
    (void)printf("%s  %s  %s  in %s  tag %s\n", zone_text(match, "id"), zone_text(match, "name"), zone_text(match, "status"),
                 zone_text(match, "zone"), zone_text(match, "tag"));
    json_array_foreach(json_object_get(match, "hops"), i, hop)
    {
        (void)printf("  → %s  %lld ms\n", zone_text(hop, "zone"), (long long)json_integer_value(json_object_get(hop, "ms")));
    }
}

enum err cmd_zone_find(struct cli *cli)
{
    json_auto_t *body = NULL;
    size_t i;
    const json_t *match;
    const char *word = cli->words[0];
    TRY(zone_ask(cli, "GET", arena_printf(&cli->arena, "/os-zones/find?%s=%s", key_of(word), zone_encode(cli, word)), NULL, &body));
    const json_t *found = json_object_get(body, "find");
    const json_t *matches = json_object_get(found, "matches");
    if (!zone_print_json(cli, found)) {
        json_array_foreach(matches, i, match)
        {
            print_match(match);
        }
        (void)printf("%zu found with %lld messages in %lld ms.\n", json_array_size(matches),
                     (long long)json_integer_value(json_object_get(found, "messages")),
                     (long long)json_integer_value(json_object_get(found, "ms")));
    }
    return json_array_size(matches) ? OK : fail(E_NOT_FOUND, "No server has that %s.", key_of(word));
}
