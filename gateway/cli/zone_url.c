/* See zone_url.h. */
#include "gateway/cli/zone_url.h"

#include <stdio.h>
#include <string.h>

void zone_url(const struct config *config, char *out, size_t size)
{
    const char *scheme = *config->api.tls_cert ? "https" : "http";
    if (*config->api.public_url)
        (void)snprintf(out, size, "%s", config->api.public_url);
    else
        (void)snprintf(out, size, "%s://%s", scheme, config->api.listen);
    size_t length = strlen(out);
    while (length && out[length - 1] == '/')
        out[--length] = '\0';
}
