/*
 * The settings table and its reader (inih). A bad line is refused with its number and what would be right; see config.h.
 */
#include "gateway/base/config.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <ini.h>

#include "gateway/base/text.h"

enum setting_type { SETTING_TEXT, SETTING_NAME, SETTING_INT, SETTING_REAL, SETTING_BOOL, SETTING_CHOICE, SETTING_PATH };

struct setting {
    const char *section;
    const char *key;
    enum setting_type type;
    size_t offset;
    int64_t least;
    int64_t most;
    const char *choices; /* "a b c" */
    const char *standard;
    const char *description;
};

#define AT(member) offsetof(struct config, member)

static const struct setting settings[] = {
    {"zone", "name", SETTING_NAME, AT(zone.name), 0, 0, NULL, "", "name of this zone, unique among its siblings (required)"},
    {"zone", "state_dir", SETTING_PATH, AT(zone.state_dir), 0, 0, NULL, "",
     "directory for keys, images and the private database (required)"},
    {"zone", "default_availability_zone", SETTING_TEXT, AT(zone.default_availability_zone), 0, 0, NULL, "",
     "availability zone of hosts without one; empty = the zone's name"},
    {"zone", "capabilities", SETTING_TEXT, AT(zone.capabilities), 0, 0, NULL, "hypervisor=libvirt, os=linux",
     "what /os-zones/info says of this zone: key=value;value, key=value"},
    {"zone", "expose_names", SETTING_BOOL, AT(zone.expose_names), 0, 0, NULL, "false",
     "show zone names, not tags, to users who are not admins"},
    {"api", "listen", SETTING_TEXT, AT(api.listen), 0, 0, NULL, "127.0.0.1:8774", "address:port or [address]:port"},
    {"api", "public_url", SETTING_TEXT, AT(api.public_url), 0, 0, NULL, "",
     "this zone as clients and other zones reach it; empty = from the request's Host"},
    {"api", "tls_cert", SETTING_PATH, AT(api.tls_cert), 0, 0, NULL, "", "PEM certificate chain"},
    {"api", "tls_key", SETTING_PATH, AT(api.tls_key), 0, 0, NULL, "", "PEM private key"},
    {"api", "workers", SETTING_INT, AT(api.workers), 2, 1024, NULL, "64", "most worker threads"},
    {"api", "queue", SETTING_INT, AT(api.queue), 1, 100000, NULL, "1024",
     "requests that may wait for a worker; further ones get 503"},
    {"api", "budget_ms", SETTING_INT, AT(api.budget_ms), 100, 600000, NULL, "10000", "time a request may wait for other zones"},
    {"api", "max_body", SETTING_INT, AT(api.max_body), 1024, 67108864, NULL, "114688", "bytes of a JSON body"},
    {"api", "max_limit", SETTING_INT, AT(api.max_limit), 1, 1000000, NULL, "1000", "rows of a page"},
    {"api", "request_s", SETTING_INT, AT(api.request_s), 1, 3600, NULL, "60",
     "seconds in which a request's head and body must be here; image data gets more by its length"},
    {"database", "connection", SETTING_TEXT, AT(database.connection), 0, 0, NULL, "private",
     "private, mariadb://user:password@host:port/name or mariadb:///name?socket=PATH&user=U"},
    {"database", "mariadbd", SETTING_PATH, AT(database.mariadbd), 0, 0, NULL, "/usr/sbin/mariadbd",
     "server program for connection = private"},
    {"identity", "url", SETTING_TEXT, AT(identity.url), 0, 0, NULL, "",
     "identity of another zone or a Keystone (…/v3); empty = users are kept here"},
    {"identity", "token_lifetime_s", SETTING_INT, AT(identity.token_lifetime_s), 60, 604800, NULL, "86400",
     "seconds a token is valid"},
    {"identity", "hash_queue", SETTING_INT, AT(identity.hash_queue), 1, 10000, NULL, "64",
     "logins that may wait for one of two password hashes"},
    {"identity", "failure_delay_ms", SETTING_INT, AT(identity.failure_delay_ms), 0, 10000, NULL, "200",
     "added per recent failure of a user and address"},
    {"image", "max_size_gib", SETTING_INT, AT(image.max_size_gib), 1, 65536, NULL, "64", "largest image"},
    {"compute", "virt_type", SETTING_CHOICE, AT(compute.virt_type), 0, 0, "auto kvm qemu", "auto",
     "auto proves KVM before it uses it"},
    {"compute", "pool", SETTING_NAME, AT(compute.pool), 0, 0, NULL, "zonegate", "storage pool on the hosts"},
    {"compute", "pool_path", SETTING_PATH, AT(compute.pool_path), 0, 0, NULL, "/var/lib/libvirt/zonegate",
     "where the pool is made when a host lacks it"},
    {"compute", "cpu_ratio", SETTING_INT, AT(compute.cpu_ratio), 1, 64, NULL, "16", "virtual per real CPU"},
    {"compute", "sync_interval_s", SETTING_INT, AT(compute.sync_interval_s), 1, 86400, NULL, "60",
     "seconds between two looks at all power states"},
    {"compute", "lane_queue", SETTING_INT, AT(compute.lane_queue), 1, 10000, NULL, "64", "calls that may wait for one host"},
    {"compute", "console_kib", SETTING_INT, AT(compute.console_kib), 1, 1024, NULL, "100",
     "most of a console log that is returned"},
    {"compute", "task_runners", SETTING_INT, AT(compute.task_runners), 1, 64, NULL, "4", "threads for long tasks"},
    {"compute", "networks", SETTING_TEXT, AT(compute.networks), 0, 0, NULL, "",
     "libvirt networks of the hosts that servers may use: A, B; * = all that are active; empty = none"},
    {"scheduler", "max_attempts", SETTING_INT, AT(scheduler.max_attempts), 1, 100, NULL, "3",
     "hosts on which a server's build is tried before it is in error"},
    {"scheduler", "preset", SETTING_CHOICE, AT(scheduler.preset), 0, 0, "default simple chance", "default",
     "filters and weighers: default, or 2011's drivers simple (least used first) and chance (any host that fits)"},
    {"scheduler", "filters", SETTING_TEXT, AT(scheduler.filters), 0, 0, NULL, "",
     "filters that hosts must pass, in this order: A, B (preset among them: all of the preset's); empty = the preset's"},
    {"scheduler", "weighers", SETTING_TEXT, AT(scheduler.weighers), 0, 0, NULL, "",
     "weighers that rank hosts: A, B; empty = the preset's"},
    {"scheduler", "host_subset_size", SETTING_INT, AT(scheduler.host_subset_size), 1, 1000, NULL, "4",
     "a pick is random among so many of the best, if they are about as good"},
    {"scheduler", "max_placement_results", SETTING_INT, AT(scheduler.max_placement_results), 1, 100000, NULL, "1000",
     "candidates that are asked of Placement for one server"},
    {"scheduler", "max_instances_per_host", SETTING_INT, AT(scheduler.max_instances_per_host), 1, 100000, NULL, "50",
     "for NumInstancesFilter; an aggregate's metadata go before"},
    {"scheduler", "max_io_ops_per_host", SETTING_INT, AT(scheduler.max_io_ops_per_host), 1, 100000, NULL, "8",
     "for IoOpsFilter; an aggregate's metadata go before"},
    {"scheduler", "ram_weight_multiplier", SETTING_REAL, AT(scheduler.ram_weight_multiplier), -1000000000, 1000000000, NULL, "1",
     "free memory: positive spreads, negative packs"},
    {"scheduler", "cpu_weight_multiplier", SETTING_REAL, AT(scheduler.cpu_weight_multiplier), -1000000000, 1000000000, NULL, "1",
     "free vcpus"},
    {"scheduler", "disk_weight_multiplier", SETTING_REAL, AT(scheduler.disk_weight_multiplier), -1000000000, 1000000000, NULL, "1",
     "free disk"},
    {"scheduler", "io_ops_weight_multiplier", SETTING_REAL, AT(scheduler.io_ops_weight_multiplier), -1000000000, 1000000000, NULL,
     "-1", "builds and moves in flight"},
    {"scheduler", "build_failure_weight_multiplier", SETTING_REAL, AT(scheduler.build_failure_weight_multiplier), -1000000000,
     1000000000, NULL, "1000000", "builds that failed there one after the other, fewer are better"},
    {"scheduler", "soft_affinity_weight_multiplier", SETTING_REAL, AT(scheduler.soft_affinity_weight_multiplier), -1000000000,
     1000000000, NULL, "1", "servers of a group of policy soft-affinity"},
    {"scheduler", "soft_anti_affinity_weight_multiplier", SETTING_REAL, AT(scheduler.soft_anti_affinity_weight_multiplier),
     -1000000000, 1000000000, NULL, "1", "servers of a group of policy soft-anti-affinity, fewer are better"},
    {"scheduler", "zone_weight_multiplier", SETTING_REAL, AT(scheduler.zone_weight_multiplier), -1000000000, 1000000000, NULL, "0",
     "servers in a zone, fewer are better: positive spreads over zones, negative packs"},
    {"placement", "listen", SETTING_TEXT, AT(placement.listen), 0, 0, NULL, "",
     "address:port where Placement is also mounted at /; empty = only at /placement of [api] listen"},
    {"placement", "auth_strategy", SETTING_CHOICE, AT(placement.auth_strategy), 0, 0, "identity noauth2", "identity",
     "noauth2 believes every token and is for tests, on loopback only"},
    {"placement", "enforce_scope", SETTING_BOOL, AT(placement.enforce_scope), 0, 0, NULL, "false",
     "ask for system-scoped tokens, but for a project's own usages"},
    {"placement", "enforce_new_defaults", SETTING_BOOL, AT(placement.new_defaults), 0, 0, NULL, "false",
     "the system's admins write and its readers read; else the role admin does all"},
    {"placement", "open_policy", SETTING_BOOL, AT(placement.open_policy), 0, 0, NULL, "false",
     "whoever has a token may do all (tests)"},
    {"placement", "allowed_origin", SETTING_TEXT, AT(placement.allowed_origin), 0, 0, NULL, "",
     "web origins that browsers may ask from, with commas between (CORS)"},
    {"placement", "allow_headers", SETTING_TEXT, AT(placement.allow_headers), 0, 0, NULL, "",
     "request headers that browsers may send, with commas between (CORS)"},
    {"placement", "randomize_allocation_candidates", SETTING_BOOL, AT(placement.randomize_candidates), 0, 0, NULL, "false",
     "which candidates a limit keeps, and their order, is chance"},
    {"placement", "max_body", SETTING_INT, AT(placement.max_body), 1024, 268435456, NULL, "16777216", "bytes of a JSON body"},
    {"zones", "poll_interval_ms", SETTING_INT, AT(zones.poll_interval_ms), 100, 3600000, NULL, "5000",
     "between two looks at a child"},
    {"zones", "child_timeout_ms", SETTING_INT, AT(zones.child_timeout_ms), 50, 600000, NULL, "4000",
     "most that one child may take of a request"},
    {"zones", "below_2_69", SETTING_CHOICE, AT(zones.below_2_69), 0, 0, "skip error", "skip",
     "lists of older clients when a zone is silent"},
    {"zones", "remembered_servers", SETTING_INT, AT(zones.remembered_servers), 0, 1000000, NULL, "20000",
     "servers of other zones that are remembered as hints: UNKNOWN rows of silent zones"},
    {"zones", "forwarding_keep_s", SETTING_INT, AT(zones.forwarding_keep_s), 1, 315360000, NULL, "604800",
     "a server that was deleted so long ago is forgotten by its owner, and by the zones that it has left"},
    {"zones", "insecure", SETTING_BOOL, AT(zones.insecure), 0, 0, NULL, "false", "allow plain http to zones on other machines"},
    {"quota", "instances", SETTING_INT, AT(quota.instances), -1, INT32_MAX, NULL, "10", "servers of a project; -1 is unlimited"},
    {"quota", "cores", SETTING_INT, AT(quota.cores), -1, INT32_MAX, NULL, "20", "their virtual processors"},
    {"quota", "ram", SETTING_INT, AT(quota.ram_mib), -1, INT32_MAX, NULL, "51200", "their memory in MiB"},
    {"quota", "metadata_items", SETTING_INT, AT(quota.metadata_items), -1, INT32_MAX, NULL, "128", "metadata items of a server"},
    {"quota", "injected_files", SETTING_INT, AT(quota.injected_files), -1, INT32_MAX, NULL, "5", "personality files of a server"},
    {"quota", "injected_file_content_bytes", SETTING_INT, AT(quota.injected_file_content_bytes), -1, INT32_MAX, NULL, "10240",
     "bytes of a personality file"},
    {"quota", "injected_file_path_length", SETTING_INT, AT(quota.injected_file_path_bytes), -1, INT32_MAX, NULL, "255",
     "bytes of its path"},
    {"quota", "key_pairs", SETTING_INT, AT(quota.key_pairs), -1, INT32_MAX, NULL, "100", "key pairs of a user"},
    {"quota", "server_groups", SETTING_INT, AT(quota.server_groups), -1, INT32_MAX, NULL, "10", "server groups of a project"},
    {"quota", "server_group_members", SETTING_INT, AT(quota.server_group_members), -1, INT32_MAX, NULL, "10",
     "servers of a user in a server group"},
    {"quota", "recheck_quota", SETTING_BOOL, AT(quota.recheck), 0, 0, NULL, "true",
     "count again after a creation, and undo what is over the limit"},
    {"log", "level", SETTING_CHOICE, AT(log.level), 0, 0, "debug info warn error", "info", "least level that is written"},
    {"debug", "stop_after", SETTING_TEXT, AT(debug.stop_after), 0, 0, NULL, "",
     "KIND:STEP[:undo|:begin]: the process kills itself there (tests)"},
    {"debug", "fail_builds", SETTING_TEXT, AT(debug.fail_builds), 0, 0, NULL, "",
     "STEP:PERCENT[:HOST…]: so many builds fail at that step, on these hosts or on all (tests)"},
};

struct reader {
    struct config *config;
    const char *path;
    FILE *file;
    int line;
    enum err result;
};

static char *copy_text(const char *text)
{
    char *copy = strdup(text);
    if (!copy)
        abort();
    return copy;
}

static char **text_at(struct config *config, const struct setting *setting)
{
    return (char **)(void *)((char *)config + setting->offset);
}

static void set_text(struct config *config, const struct setting *setting, const char *value)
{
    char **slot = text_at(config, setting);
    free(*slot);
    *slot = copy_text(value);
}

static bool is_choice(const char *choices, const char *value)
{
    const size_t length = strchr(value, ' ') ? 0 : strlen(value);
    for (const char *p = choices; length && p && *p; p = strchr(p, ' ') ? strchr(p, ' ') + 1 : NULL) {
        if (strncmp(p, value, length) == 0 && (p[length] == ' ' || p[length] == '\0'))
            return true;
    }
    return false;
}

static bool is_name(const char *value)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    const size_t length = strlen(value);
    return length > 0 && length <= 63 && strspn(value, allowed) == length && !strchr("_.-", value[0]);
}

static bool set_bool(struct config *config, const struct setting *setting, const char *value)
{
    static const char *const yes = "true yes on 1";
    static const char *const no = "false no off 0";
    const bool is_yes = is_choice(yes, value);
    if (!is_yes && !is_choice(no, value))
        return false;
    *(bool *)(void *)((char *)config + setting->offset) = is_yes;
    return true;
}

static bool set_int(struct config *config, const struct setting *setting, const char *value)
{
    int64_t number = 0;
    if (!str_to_int(value, &number) || number < setting->least || number > setting->most)
        return false;
    *(int64_t *)(void *)((char *)config + setting->offset) = number;
    return true;
}

static bool set_real(struct config *config, const struct setting *setting, const char *value)
{
    char *end = NULL;
    const double number = strtod(value, &end);
    if (end == value || *end || !(number >= (double)setting->least && number <= (double)setting->most))
        return false;
    *(double *)(void *)((char *)config + setting->offset) = number;
    return true;
}

/* True when the value was fit and is stored. */
static bool set_value(struct config *config, const struct setting *setting, const char *value)
{
    switch (setting->type) {
    case SETTING_INT:
        return set_int(config, setting, value);
    case SETTING_REAL:
        return set_real(config, setting, value);
    case SETTING_BOOL:
        return set_bool(config, setting, value);
    case SETTING_NAME:
        if (!is_name(value))
            return false;
        break;
    case SETTING_CHOICE:
        if (!is_choice(setting->choices, value))
            return false;
        break;
    case SETTING_PATH:
        if (*value && *value != '/')
            return false;
        break;
    case SETTING_TEXT:
        break;
    }
    set_text(config, setting, value);
    return true;
}

static const char *what_is_right(const struct setting *setting, char *buffer, size_t size)
{
    switch (setting->type) {
    case SETTING_INT:
        (void)snprintf(buffer, size, "a number from %" PRId64 " to %" PRId64, setting->least, setting->most);
        return buffer;
    case SETTING_REAL:
        (void)snprintf(buffer, size, "a number, such as 1.5, from %" PRId64 " to %" PRId64, setting->least, setting->most);
        return buffer;
    case SETTING_BOOL:
        return "true or false";
    case SETTING_NAME:
        return "up to 63 letters, digits, '_', '.' or '-', starting with a letter or digit";
    case SETTING_CHOICE:
        (void)snprintf(buffer, size, "one of: %s", setting->choices);
        return buffer;
    case SETTING_PATH:
        return "an absolute path";
    case SETTING_TEXT:
        break;
    }
    return "a text";
}

static const struct setting *find_setting(const char *section, const char *key, bool *section_known)
{
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        if (strcmp(settings[i].section, section) != 0)
            continue;
        *section_known = true;
        if (strcmp(settings[i].key, key) == 0)
            return &settings[i];
    }
    return NULL;
}

/* The known key of the section that shares most leading letters; for the error message. */
static const char *closest_key(const char *section, const char *key)
{
    const char *best = NULL;
    size_t best_common = 0;
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        size_t common = 0;
        while (key[common] && key[common] == settings[i].key[common])
            common++;
        if (strcmp(settings[i].section, section) == 0 && (!best || common > best_common)) {
            best = settings[i].key;
            best_common = common;
        }
    }
    return best;
}

static enum err read_setting(struct reader *reader, const char *section, const char *key, const char *value, int line)
{
    bool section_known = false;
    const struct setting *setting = find_setting(section, key, &section_known);
    if (!section_known)
        return fail(
            E_INVALID,
            "%s:%d: there is no section [%s]; known are zone, api, database, identity, image, compute, scheduler, placement, "
            "zones, quota, log, debug.",
            reader->path, line, section);
    if (!setting)
        return fail(E_INVALID, "%s:%d: there is no setting '%s' in [%s]; did you mean '%s'?", reader->path, line, key, section,
                    closest_key(section, key));
    char buffer[256];
    if (!set_value(reader->config, setting, value))
        return fail(E_INVALID, "%s:%d: [%s] %s = '%s' is wrong: it must be %s.", reader->path, line, section, key, value,
                    what_is_right(setting, buffer, sizeof(buffer)));
    return OK;
}

static int on_setting(void *context, const char *section, const char *key, const char *value)
{
    struct reader *reader = context;
    if (reader->result == OK && key)
        reader->result = read_setting(reader, section, key, value ? value : "", reader->line);
    return reader->result == OK;
}

void config_init(struct config *out)
{
    memset(out, 0, sizeof(*out));
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        if (settings[i].type == SETTING_INT)
            (void)set_int(out, &settings[i], settings[i].standard);
        else if (settings[i].type == SETTING_REAL)
            (void)set_real(out, &settings[i], settings[i].standard);
        else if (settings[i].type == SETTING_BOOL)
            (void)set_bool(out, &settings[i], settings[i].standard);
        else
            set_text(out, &settings[i], settings[i].standard);
    }
}

static enum err check_whole(const struct config *config, const char *path)
{
    if (!*config->zone.name)
        return fail(E_INVALID, "%s: [zone] name is missing.", path);
    if (!*config->zone.state_dir)
        return fail(E_INVALID, "%s: [zone] state_dir is missing.", path);
    if (!*config->api.tls_cert != !*config->api.tls_key)
        return fail(E_INVALID, "%s: [api] tls_cert and tls_key belong together; one of them is missing.", path);
    return OK;
}

/*
 * Gives inih one line at a time and counts it: Debian's inih does not tell its handler the line's number. Blanks in front are cut
 * off (inih would take an indented setting for more of the value above it); a line that inih's buffer cannot hold is refused.
 */
static char *next_line(char *line, int size, void *stream)
{
    struct reader *reader = stream;
    reader->line++;
    if (reader->result != OK || !fgets(line, size, reader->file))
        return NULL;
    if (!strchr(line, '\n') && !feof(reader->file)) {
        reader->result = fail(E_INVALID, "%s:%d: the line is longer than %d bytes.", reader->path, reader->line, size - 2);
        return NULL;
    }
    const size_t blanks = strspn(line, " \t");
    memmove(line, line + blanks, strlen(line + blanks) + 1);
    return line;
}

static enum err read_file(struct reader *reader)
{
    const int bad_line = ini_parse_stream(next_line, reader, on_setting, reader);
    TRY(reader->result);
    if (bad_line != 0)
        return fail(E_INVALID, "%s:%d: this is not INI; a line is [section], key = value, or # comment.", reader->path, bad_line);
    return check_whole(reader->config, reader->path);
}

enum err config_open(const char *path, struct config *out)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return fail(E_INVALID, "The configuration %s cannot be read: %s.", path, strerror(errno));
    struct config config;
    config_init(&config);
    config.path = copy_text(path);
    struct reader reader = {&config, path, file, 0, OK};
    const enum err result = read_file(&reader);
    (void)fclose(file);
    if (result != OK) {
        config_clear(&config);
        return result;
    }
    *out = config;
    return OK;
}

void config_clear(struct config *config)
{
    if (!config)
        return;
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        if (settings[i].type != SETTING_INT && settings[i].type != SETTING_REAL && settings[i].type != SETTING_BOOL)
            free(*text_at(config, &settings[i]));
    }
    free(config->path);
    memset(config, 0, sizeof(*config));
}

void config_print(FILE *out)
{
    const char *section = "";
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        char buffer[256];
        if (strcmp(section, settings[i].section) != 0)
            (void)fprintf(out, "%s[%s]\n", i ? "\n" : "", settings[i].section);
        section = settings[i].section;
        (void)fprintf(out, "# %s; %s\n#%s = %s\n", settings[i].description, what_is_right(&settings[i], buffer, sizeof(buffer)),
                      settings[i].key, settings[i].standard);
    }
}
