/* See admin_request.h. */
#include "admin_request.h"

#include <string.h>
#include <strings.h>

#include "attr.h"

static const struct {
    const char *path;
    enum admin_page page;
} pages[] = {
    {"/health/live", ADMIN_LIVE},
    {"/health/ready", ADMIN_READY},
    {"/metrics", ADMIN_METRICS},
};

static bool is(const char *word, size_t len, const char *wanted)
{
    return len == strlen(wanted) && memcmp(word, wanted, len) == 0;
}

/* METHOD SP TARGET SP HTTP/1.x; the query does not count. */
static int read_line(const char *line, size_t len, struct admin_request *ret)
{
    const char *target = memchr(line, ' ', len), *version;
    size_t method_len, path_len;

    if (target == NULL)
        return 400;
    method_len = (size_t)(target++ - line);
    version = memchr(target, ' ', len - method_len - 1);
    if (version == NULL || len - (size_t)(version - line) != strlen(" HTTP/1.1") ||
        memcmp(version, " HTTP/1.", strlen(" HTTP/1.")) != 0)
        return 400;
    if (!is(line, method_len, "GET") && !is(line, method_len, "HEAD"))
        return 405;
    ret->is_head = line[0] == 'H';
    path_len = (size_t)(version - target);
    if (memchr(target, '?', path_len) != NULL)
        path_len = (size_t)((const char *)memchr(target, '?', path_len) - target);
    for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
        if (is(target, path_len, pages[i].path)) {
            ret->page = pages[i].page;
            return 200;
        }
    }
    return 404;
}

/* Other headers say nothing that matters: there is no body, and one request a connection. */
static void read_header(const char *line, size_t len, struct admin_request *ret)
{
    static const char name[] = "accept:";
    char value[ADMIN_HEAD_MAX];

    if (len < sizeof name - 1 || strncasecmp(line, name, sizeof name - 1) != 0)
        return;
    len -= sizeof name - 1;
    memcpy(value, line + sizeof name - 1, len);
    value[len] = '\0';
    ret->format = metrics_format_wanted(value);
}

int admin_request_read(const char *text, size_t len, struct admin_request *ret)
{
    const size_t seen = len < ADMIN_HEAD_MAX ? len : ADMIN_HEAD_MAX - 1;
    const char *end = memmem(text, seen, "\r\n\r\n", 4), *line_end;
    struct admin_request request = {.format = METRICS_PROMETHEUS};
    int status;

    if (end == NULL)
        return len < ADMIN_HEAD_MAX ? ADMIN_MORE : 431;
    line_end = memmem(text, (size_t)(end - text) + 2, "\r\n", 2);
    status = read_line(text, (size_t)(line_end - text), &request);
    if (status != 200)
        return status;
    while (line_end < end) {
        const char *line = line_end + 2;

        line_end = memmem(line, (size_t)(end - line) + 2, "\r\n", 2);
        read_header(line, (size_t)(line_end - line), &request);
    }
    *ret = request;
    return 200;
}
