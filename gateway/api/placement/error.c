/*
 * Error bodies of Placement (API guideline "errors"): JSON, or HTML or plain text for a client that wants these.
 *
 * `detail` begins with a sentence of its status; no HTML gets through it. From 1.23 each error has a code.
 */
#include <string.h>

#include "gateway/api/placement/inside.h"

#define CODE_DEFAULT "placement.undefined_code"
#define CODES_SINCE  23

static const struct status_words {
    int status;
    const char *title;
    const char *sentence; /* %s: the method, or the content type of the reply */
} words_of_status[] = {
    {400, "Bad Request", "The server could not comply with the request since it is either malformed or otherwise incorrect."},
    {401, "Unauthorized",
     "This server could not verify that you are authorized to access the document you requested. Either you supplied the wrong "
     "credentials (e.g., bad password), or your browser does not understand how to supply the credentials required."},
    {403, "Forbidden", "Access was denied to this resource."},
    {404, "Not Found", "The resource could not be found."},
    {405, "Method Not Allowed", "The method specified is not allowed for this resource."},
    {406, "Not Acceptable", "The resource could not be generated that was acceptable to your browser."},
    {409, "Conflict", "There was a conflict when trying to complete your request."},
    {413, "Request Entity Too Large", "The body of your request was too large for this server."},
    {415, "Unsupported Media Type", "The request media type is not supported by this server."},
    {431, "Request Header Fields Too Large", "The head of your request was too large for this server."},
    {500, "Internal Server Error", "The server has either erred or is incapable of performing the requested operation."},
    {503, "Service Unavailable", "The server is currently unavailable. Please try again at a later time."},
    {504, "Gateway Timeout", "The gateway has timed out."},
};

static const struct status_words *find_words(int status)
{
    static const struct status_words other = {0, "Error", "The request could not be carried out."};
    for (size_t i = 0; i < ARRAY_LEN(words_of_status); i++)
        if (words_of_status[i].status == status)
            return &words_of_status[i];
    return &other;
}

/* Line ends become blanks, and what looks like a tag is left out. */
static void add_without_tags(struct text *out, const char *message)
{
    for (const char *p = message; *p; p++) {
        const char *end = *p == '<' ? strchr(p, '>') : NULL;
        if (end)
            p = end;
        else if (*p != '\r')
            text_add_char(out, (char)(*p == '\n' ? ' ' : *p));
    }
}

static void write_json(const struct request *request, const struct status_words *words, const char *message, struct text *out)
{
    CLEANUP(text_clear) struct text detail = {0};
    text_add_str(&detail, words->sentence);
    if (!str_equal(words->sentence, message)) {
        text_add_str(&detail, "\n\n ");
        add_without_tags(&detail, message);
    }
    text_add_format(out, "{\"errors\": [{\"status\": %d, \"title\": \"%s\", \"detail\": ", words->status, words->title);
    text_add_json(out, text_str(&detail));
    if (!request->version_refused && request->version >= CODES_SINCE)
        text_add_format(out, ", \"code\": \"%s\"", request->error_code ? request->error_code : CODE_DEFAULT);
    text_add_format(out, ", \"request_id\": \"%s\"", request->request_id);
    if (words->status == 406 && request->version_refused)
        text_add_format(out, ", \"max_version\": \"%d.%d\", \"min_version\": \"%d.%d\"", request->service->version_major,
                        request->service->version_max, request->service->version_major, request->service->version_min);
    text_add_str(out, "}]}");
}

static void add_html(struct text *out, const char *message)
{
    static const struct {
        char character;
        const char *entity;
    } entities[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&#x27;"}};
    for (; *message; message++) {
        const char *entity = NULL;
        for (size_t i = 0; i < ARRAY_LEN(entities); i++)
            entity = entities[i].character == *message ? entities[i].entity : entity;
        if (entity)
            text_add_str(out, entity);
        else
            text_add_char(out, *message);
    }
}

static void write_html(const struct status_words *words, const char *message, struct text *out)
{
    text_add_format(out, "<html>\n <head>\n  <title>%d %s</title>\n </head>\n <body>\n  <h1>%d %s</h1>\n  %s<br /><br />\n",
                    words->status, words->title, words->status, words->title, words->sentence);
    add_html(out, message);
    text_add_str(out, "\n </body>\n</html>");
}

void placement_write_error(const struct request *request, int status, const char *message, struct response *response)
{
    struct status_words words = *find_words(status);
    words.status = status;
    const char *type = placement_error_type(request_header(request, "Accept"));
    text_reset(&response->body);
    if (strcmp(type, "application/json") == 0)
        write_json(request, &words, message, &response->body);
    else if (strcmp(type, "text/html") == 0)
        write_html(&words, message, &response->body);
    else
        text_add_format(&response->body, "%d %s\n\n%s\n\n%s\n", status, words.title, words.sentence, message);
    response->status = status;
    response->content_type = strcmp(type, "text/html") == 0 ? "text/html; charset=UTF-8" : type;
}
