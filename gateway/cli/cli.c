/* Reading the command line; see cli.h. */
#include "gateway/cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/cli/zone_nova.h"
#include "gateway/base/log.h"
#include "gateway/base/text.h"

#define MAX_WORDS   16
#define MAX_OPTIONS 32

#define PLACEMENT_ARGUMENTS "PATH [--microversion 1.N] [--data FILE] [-i] [--database URL]"
#define PLACEMENT_OPTIONS   "microversion= data= include database="

static const struct command {
    const char *group; /* "db", or the whole name */
    const char *name;  /* "upgrade", NULL for a command of one word */
    const char *arguments;
    const char *summary;
    size_t least_words;
    size_t most_words;
    const char *options; /* "name= flag": '=' takes a value */
    enum err (*run)(struct cli *cli);
} commands[] = {
    {"serve", NULL, "[--check]", "run the zone in the foreground; --check only reads the configuration", 0, 0, "check", cmd_serve},
    {"config", NULL, "", "print every setting with its default", 0, 0, "", cmd_config},
    {"db", "upgrade", "", "bring the database's schema up to date", 0, 0, "", cmd_db_upgrade},
    {"db", "status", "", "show the schema's version and what is pending", 0, 0, "", cmd_db_status},
    {"db", "restored", "", "say that the database was restored from a backup, before the zone is started on it", 0, 0, "",
     cmd_db_restored},
    {"host", "add", "NAME URI [--vcpus N] [--ram-mib N] [--disk-gib N] [--availability-zone AZ]", "register a libvirt host", 2, 2,
     "vcpus= ram-mib= disk-gib= availability-zone=", cmd_host_add},
    {"host", "list", "", "list the hosts of this zone", 0, 0, "", cmd_host_list},
    {"host", "delete", "NAME", "forget a host that has no servers", 1, 1, "", cmd_host_delete},
    {"placement", "GET", PLACEMENT_ARGUMENTS, "ask Placement on the database alone, with or without a running zone", 1, 1,
     PLACEMENT_OPTIONS, cmd_placement_get},
    {"placement", "POST", PLACEMENT_ARGUMENTS, "the same with POST", 1, 1, PLACEMENT_OPTIONS, cmd_placement_post},
    {"placement", "PUT", PLACEMENT_ARGUMENTS, "the same with PUT", 1, 1, PLACEMENT_OPTIONS, cmd_placement_put},
    {"placement", "DELETE", PLACEMENT_ARGUMENTS, "the same with DELETE", 1, 1, PLACEMENT_OPTIONS, cmd_placement_delete},
    {"placement", "reshape", "--data FILE [--microversion 1.N] [--database URL]",
     "move inventories and their allocations between providers at once", 0, 0,
     "data= microversion= database=", cmd_placement_reshape},
    {"placement", "audit", "[--fix]", "find claims that contradict the servers, and repair them; exit code 1: something is left", 0,
     0, "fix", cmd_placement_audit},
    {"host", "report", "--direct [NAME]", "tell Placement what the hosts have, without a running zone", 0, 1, "direct",
     cmd_host_report},
    {"user", "bootstrap", "--username NAME --password-file FILE [--project NAME] [--region NAME]",
     "make the first admin, or set its password again", 0, 0, "username= password-file= project= region=", cmd_user_bootstrap},
    {"zone", "list", "", "list the child zones", 0, 0, "", cmd_zone_list},
    {"zone", "tree", "[--depth N]", "draw the tree below this zone, as the running zone sees it", 0, 0, "depth=", cmd_zone_tree},
    {"zone", "plan", "--file FILE", "say where a server would go and who refuses it; FILE is a body of POST /servers (also -f)", 0,
     0, "file=", cmd_zone_plan},
    {"zone", "capacity", "[--flavor F]", "show what is free, and how many more servers fit at most, here and below each child", 0,
     0, "flavor=", cmd_zone_capacity},
    {"zone", "find", "ID|NAME|ADDRESS|RESERVATION", "say where a server is, and by which way it was found", 1, 1, "",
     cmd_zone_find},
    {"zone", "doctor", "[NAME]", "say what is wrong with the links to other zones; exit code 1: warnings, 2: errors", 0, 1, "",
     cmd_zone_doctor},
    {"zone", "health", "[NAME]", "show what the running zone knows of the children's health, or of one's", 0, 1, "",
     cmd_zone_health},
    {"zone", "drain", "NAME [--delete]", "give a child no new servers; --delete: forget it when it has none left", 1, 1, "delete",
     cmd_zone_drain},
    {"zone", "disable", "NAME", "do not ask a child any more", 1, 1, "", cmd_zone_disable},
    {"zone", "enable", "NAME", "undo drain and disable", 1, 1, "", cmd_zone_enable},
    {"zone", "token", "", "print the line that makes this zone a child; to be run in the parent zone", 0, 0, "", cmd_zone_token},
    {"zone", "join",
     "- | --token-file FILE [--name NAME] [--url URL] [--weight-offset X] [--weight-scale X] "
     "[--tls-ca FILE] [--tls-pin PIN] [--insecure]",
     "make the zone that printed the join token a child", 0, 1,
     "token-file= name= url= weight-offset= weight-scale= tls-ca= tls-pin= insecure", cmd_zone_join},
    {"zone", "leave", "PARENT", "forget a parent: this zone, with all that is below it, is no child of it any more", 1, 1, "",
     cmd_zone_leave},
    {"zone", "rekey", "NAME", "renew the keys of a link", 1, 1, "", cmd_zone_rekey},
    {"zone", "links", "", "list the links to children and parents", 0, 0, "", cmd_zone_links},
    {"zone", "policy",
     "NAME [--roles A,B|*] [--projects ID,ID|*] [--read-only yes|no] [--reads-up yes|no] [--catalog yes|no] [--acts-up yes|no]",
     "show or change what a link allows: a parent's roles, projects and writes; what a child may read", 1, 1,
     "roles= projects= read-only= reads-up= catalog= acts-up=", cmd_zone_policy},
    {"zone", "add",
     "NAME URL --username NAME --password-file FILE [--weight-offset X] [--weight-scale X] [--tls-ca FILE] [--tls-pin PIN] "
     "[--insecure]\n       zonegate zone add NAME --kind nova --identity-url URL --project THERE [--local-project ID] --user NAME "
     "--password-file FILE|- [--user-domain NAME] [--project-domain NAME] [--region NAME] [--read-only yes|no]",
     "register a child zone, or a plain OpenStack Nova (read-only unless said otherwise)", 1, 2,
     "username= password-file= weight-offset= weight-scale= tls-ca= tls-pin= insecure " NOVA_OPTIONS, cmd_zone_add},
    {"zone", "set",
     "NAME [--state enabled|draining|disabled] [--weight-offset X] [--weight-scale X] [--url URL] "
     "[--tls-ca FILE] [--tls-pin PIN] [--username NAME --password-file FILE | --token-file FILE] "
     "[of a plain Nova: --read-only yes|no, --project THERE --local-project ID, and the rest of `zone add`]",
     "change a child zone; with a new password or join token it is joined again", 1, 1,
     "state= weight-offset= weight-scale= url= tls-ca= tls-pin= username= password-file= token-file= " NOVA_OPTIONS, cmd_zone_set},
    {"zone", "show", "NAME", "show a child zone", 1, 1, "", cmd_zone_show},
    {"zone", "delete", "NAME", "forget a child zone; its servers stay where they are", 1, 1, "", cmd_zone_delete},
};

const char *cli_option(const struct cli *cli, const char *name)
{
    for (size_t i = 0; i < cli->option_count; i++) {
        if (strcmp(cli->options[i].name, name) == 0)
            return cli->options[i].value;
    }
    return NULL;
}

enum err cli_option_int(const struct cli *cli, const char *name, int64_t missing, int64_t *out)
{
    const char *text = cli_option(cli, name);
    *out = missing;
    if (text && (!str_to_int(text, out) || *out < 0))
        return fail(E_INVALID, "--%s takes a number, not '%s'.", name, text);
    return OK;
}

enum err cli_option_secret(struct cli *cli, const char *name, const char **out)
{
    const char *path = cli_option(cli, name);
    char line[1024];
    if (!path)
        return fail(E_INVALID, "--%s FILE is required.", name);
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (!file)
        return fail(E_INVALID, "%s cannot be read: %s.", path, strerror(errno));
    const bool got = fgets(line, sizeof(line), file) != NULL;
    if (file != stdin)
        (void)fclose(file);
    line[got ? strcspn(line, "\r\n") : 0] = '\0';
    if (!*line)
        return fail(E_INVALID, "%s holds no password.", path);
    *out = arena_strdup(&cli->arena, line);
    return OK;
}

static void print_usage(FILE *out)
{
    (void)fprintf(out, "Usage: zonegate [--config FILE] COMMAND [ARGUMENTS] [--json]\n\nCommands:\n");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        char name[64];
        (void)snprintf(name, sizeof(name), "%s%s%s", commands[i].group, commands[i].name ? " " : "",
                       commands[i].name ? commands[i].name : "");
        (void)fprintf(out, "  %-16s %s\n", name, commands[i].summary);
    }
    (void)fprintf(
        out,
        "\nThe configuration is named by --config (-c) or ZONEGATE_CONFIG. `zonegate COMMAND --help` shows a command's arguments.\n"
        "Exit codes: 0 done, 1 failed, 2 wrong command line, 3 not found, 4 conflict.\n");
}

static void print_command(const struct command *command)
{
    (void)printf("Usage: zonegate [--config FILE] %s%s%s %s\n\n%s.\n", command->group, command->name ? " " : "",
                 command->name ? command->name : "", command->arguments, command->summary);
}

/* Does the command know the option, and does it take a value? */
static bool knows_option(const struct command *command, const char *name, bool *takes_value)
{
    const size_t length = strlen(name);
    for (const char *p = command->options; *p;) {
        const size_t word = strcspn(p, " ");
        const bool value = word && p[word - 1] == '=';
        if (word - (value ? 1 : 0) == length && strncmp(p, name, length) == 0) {
            *takes_value = value;
            return true;
        }
        p += word + (p[word] ? 1 : 0);
    }
    return false;
}

struct reading {
    int argc;
    char **argv;
    const char *words[MAX_WORDS];
    size_t word_count;
    struct cli_option options[MAX_OPTIONS];
    size_t option_count;
    bool help;
};

/* Does any command take a value for it? What no command knows takes none, and is refused when the command is known. */
static bool takes_a_value(const char *name)
{
    bool takes_value = strcmp(name, "config") == 0;
    for (size_t i = 0; i < ARRAY_LEN(commands) && !takes_value; i++)
        (void)knows_option(&commands[i], name, &takes_value);
    return takes_value;
}

static enum err keep_option(struct cli *cli, struct reading *reading, const char *name, const char *value)
{
    if (strcmp(name, "json") == 0)
        cli->json = true;
    else if (strcmp(name, "help") == 0)
        reading->help = true;
    else if (strcmp(name, "config") == 0)
        cli->config_path = value;
    else if (reading->option_count == MAX_OPTIONS)
        return fail(E_INVALID, "Too many options.");
    else
        reading->options[reading->option_count++] = (struct cli_option){name, value ? value : ""};
    return OK;
}

static enum err read_option(struct cli *cli, struct reading *reading, int *index)
{
    char *name = reading->argv[*index] + 2;
    char *equals = strchr(name, '=');
    const char *value = equals ? equals + 1 : NULL;
    if (equals)
        *equals = '\0';
    const bool takes_value = takes_a_value(name);
    if (takes_value && !value) {
        if (*index + 1 >= reading->argc)
            return fail(E_INVALID, "--%s takes a value.", name);
        value = reading->argv[++*index];
    }
    if (value && !takes_value)
        return fail(E_INVALID, "--%s takes no value.", name);
    return keep_option(cli, reading, name, value);
}

static enum err read_line(struct cli *cli, struct reading *reading)
{
    for (int i = 1; i < reading->argc; i++) {
        char *word = reading->argv[i];
        if (strcmp(word, "-c") == 0 && i + 1 == reading->argc)
            return fail(E_INVALID, "-c takes a value.");
        if (strcmp(word, "-c") == 0)
            cli->config_path = reading->argv[++i];
        else if (strcmp(word, "-h") == 0)
            reading->help = true;
        else if (strcmp(word, "-f") == 0 && i + 1 < reading->argc)
            TRY(keep_option(cli, reading, "file", reading->argv[++i]));
        else if (strcmp(word, "-i") == 0)
            TRY(keep_option(cli, reading, "include", NULL));
        else if (strncmp(word, "--", 2) == 0)
            TRY(read_option(cli, reading, &i));
        else if (reading->word_count == MAX_WORDS)
            return fail(E_INVALID, "Too many words.");
        else
            reading->words[reading->word_count++] = word;
    }
    return OK;
}

static const struct command *find_command(const struct reading *reading, size_t *used)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        const bool group = reading->word_count > 0 && strcmp(reading->words[0], commands[i].group) == 0;
        const bool name = !commands[i].name || (reading->word_count > 1 && strcmp(reading->words[1], commands[i].name) == 0);
        if (group && name) {
            *used = commands[i].name ? 2 : 1;
            return &commands[i];
        }
    }
    return NULL;
}

static enum err check_line(const struct command *command, const struct cli *cli)
{
    const char *arguments = *command->arguments ? command->arguments : "none";
    bool takes_value = false;
    for (size_t i = 0; i < cli->option_count; i++) {
        if (!knows_option(command, cli->options[i].name, &takes_value))
            return fail(E_INVALID, "There is no option --%s here; the arguments are: %s", cli->options[i].name, arguments);
    }
    if (cli->word_count < command->least_words || cli->word_count > command->most_words)
        return fail(E_INVALID, "The arguments are: %s", arguments);
    return OK;
}

static int exit_code(enum err result)
{
    static const struct {
        enum err kind;
        int code;
    } codes[] = {{OK, 0}, {E_NOT_FOUND, 3}, {E_CONFLICT, 4}};
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        if (codes[i].kind == result)
            return codes[i].code;
    }
    (void)fprintf(stderr, "zonegate: %s\n", err_message());
    return 1;
}

/* --database URL stands for a configuration of defaults with that connection. */
static enum err open_config(struct cli *cli)
{
    const char *url = cli_option(cli, "database");
    if (!url)
        return config_open(cli->config_path, &cli->config);
    char *connection = strdup(url);
    if (!connection)
        abort();
    config_init(&cli->config);
    free(cli->config.database.connection);
    cli->config.database.connection = connection;
    return OK;
}

static int run_command(struct cli *cli, const struct command *command)
{
    if (command->run == cmd_config) {
        const enum err printed = cmd_config(cli);
        return exit_code(printed);
    }
    if (!cli->config_path)
        cli->config_path = getenv("ZONEGATE_CONFIG");
    if (!cli->config_path && !cli_option(cli, "database")) {
        (void)fprintf(stderr, "zonegate: a configuration is needed: --config FILE, or ZONEGATE_CONFIG in the environment.\n");
        return 2;
    }
    enum err result = open_config(cli);
    if (result == OK) {
        log_setup(LOG_LEVEL_WARN, cli->config.zone.name);
        result = command->run(cli);
        if (result == E_NOT_FOUND || result == E_CONFLICT)
            (void)fprintf(stderr, "zonegate: %s\n", err_message());
    }
    const int code = result == OK ? cli->status : exit_code(result);
    config_clear(&cli->config);
    return code;
}

int cli_main(int argc, char **argv)
{
    struct cli cli = {0};
    struct reading reading = {.argc = argc, .argv = argv};
    size_t used = 0;
    if (seal_setup() != OK || read_line(&cli, &reading) != OK) {
        (void)fprintf(stderr, "zonegate: %s\n", err_message());
        return 2;
    }
    cli.options = reading.options;
    cli.option_count = reading.option_count;
    if (cli_option(&cli, "version")) {
        (void)printf("zonegate %s\n", ZONEGATE_VERSION);
        return 0;
    }
    const struct command *command = find_command(&reading, &used);
    if (!command) {
        print_usage(reading.help ? stdout : stderr);
        return reading.help ? 0 : 2;
    }
    if (reading.help) {
        print_command(command);
        return 0;
    }
    cli.words = reading.words + used;
    cli.word_count = reading.word_count - used;
    if (check_line(command, &cli) != OK) {
        (void)fprintf(stderr, "zonegate: %s\n", err_message());
        return 2;
    }
    const int code = run_command(&cli, command);
    arena_clear(&cli.arena);
    return code;
}

enum err cmd_config(struct cli *cli)
{
    (void)cli;
    config_print(stdout);
    return OK;
}
