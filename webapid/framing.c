/*
 * See framing.h. A machine over bytes: lines are collected in head and judged when their LF is there, so that
 * where the pieces were cut cannot matter. What is refused is refused at the first byte that makes it so.
 */
#include "framing.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "framing_rules.h"
#include "http_limits.h"
#include "limits.h"
#include "mem.h"

enum { EMPTY_LINES_MAX = 8, BODY_KEPT_MAX = 65536, SIZE_LINE_FREE = 18 };

void framing_init(struct framing *framing, const struct http_limits *limits)
{
    *framing = (struct framing){.limits = limits};
    framing->headers = mem_array(limits->headers, sizeof *framing->headers);
    buf_init(&framing->head, limits->head + 1);
    buf_init(&framing->body, limits->body);
}

void framing_done(struct framing *framing)
{
    buf_done(&framing->head);
    buf_done(&framing->body);
    free(framing->headers);
}

void framing_reset(struct framing *framing)
{
    struct buf head = framing->head, body = framing->body;

    /* A connection that sent one large body does not keep its memory for all the small ones that follow. */
    if (body.cap > BODY_KEPT_MAX) {
        buf_done(&body);
        buf_init(&body, framing->limits->body);
    }
    buf_clear(&head);
    buf_clear(&body);
    *framing = (struct framing){.limits = framing->limits,
                                .limit = framing->limit,
                                .limit_arg = framing->limit_arg,
                                .headers = framing->headers,
                                .head = head,
                                .body = body};
}

bool framing_begun(const struct framing *framing)
{
    return framing->state != FRAMING_LINE || framing->head.len > 0;
}

static bool refuse(struct framing *framing, int status, const char *why)
{
    framing->state = FRAMING_REFUSED;
    framing->status = status;
    framing->why = why;
    return false;
}

/* What is more than a limit, which the sentence names. */
static PRINTF(3, 4) bool refuse_beyond(struct framing *framing, int status, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(framing->why_text, sizeof framing->why_text, fmt, args);
    va_end(args);
    return refuse(framing, status, framing->why_text);
}

static bool refuse_uri(struct framing *framing)
{
    return refuse_beyond(framing, 414, "The URI is longer than %zu bytes.", framing->limits->uri);
}

void framing_refuse(struct framing *framing, int status, const char *why)
{
    (void)refuse(framing, status, why);
}

bool framing_has_body(const struct framing *framing)
{
    return framing->chunked || framing->length > 0;
}

/* ---- The request line ---- */

/* http://host/path: the path alone counts, as nothing here depends on the host. */
static bool cut_absolute(struct framing *framing, char **target)
{
    char *host = strstr(*target, "://"), *path;
    size_t scheme = host == NULL ? 0 : (size_t)(host - *target);
    bool known = (scheme == 4 && strncasecmp(*target, "http", 4) == 0) ||
                 (scheme == 5 && strncasecmp(*target, "https", 5) == 0);

    if (!known)
        return refuse(framing, 400, "The request's target must be a path that begins with a slash.");
    host += 3;
    path = host + strcspn(host, "/?");
    if (path == host || !rules_is_host(host, (size_t)(path - host)))
        return refuse(framing, 400, "The request's target has a bad host.");
    if (*path != '/')
        *--path = '/'; /* over the host's last byte, which nobody needs any more */
    *target = path;
    return true;
}

static bool take_target(struct framing *framing, char *target)
{
    const char *method = framing->head.data + framing->method;
    char *query;

    if (strlen(target) > framing->limits->uri)
        return refuse_uri(framing);
    if (!rules_is_target(target, strlen(target)))
        return refuse(framing, 400, "The request's target has bytes that must be percent-encoded.");
    if (strcmp(method, "CONNECT") == 0)
        return refuse(framing, 501, "CONNECT is not supported.");
    if (strcmp(target, "*") == 0 && strcmp(method, "OPTIONS") != 0)
        return refuse(framing, 400, "The request's target must be a path that begins with a slash.");
    if (target[0] != '/' && strcmp(target, "*") != 0 && !cut_absolute(framing, &target))
        return false;
    query = strchr(target, '?');
    if (query != NULL) {
        *query = '\0';
        framing->has_query = true;
        framing->query = (size_t)(query + 1 - framing->head.data);
    }
    framing->path = (size_t)(target - framing->head.data);
    return true;
}

static bool take_version(struct framing *framing, const char *version)
{
    if (strlen(version) != 8 || strncmp(version, "HTTP/", 5) != 0 || version[6] != '.' || version[5] < '0' ||
        version[5] > '9' || version[7] < '0' || version[7] > '9')
        return refuse(framing, 400, "The request line must end with HTTP/1.1.");
    if (version[5] != '1')
        return refuse(framing, 505, "Only HTTP/1.1 and HTTP/1.0 are spoken here.");
    framing->minor = version[7] > '0';
    return true;
}

static bool take_request_line(struct framing *framing, char *line, size_t len)
{
    char *target = memchr(line, ' ', len), *version;

    if (memchr(line, '\0', len) != NULL)
        return refuse(framing, 400, "The request line has a NUL byte.");
    if (target == NULL || (version = strchr(target + 1, ' ')) == NULL || strchr(version + 1, ' ') != NULL)
        return refuse(framing, 400, "The request line must be a method, a path and a version.");
    if (target - line > FRAMING_METHOD_MAX || !rules_is_token(line, (size_t)(target - line)))
        return refuse(framing, 400, "The request's method is no word.");
    *target++ = '\0';
    *version++ = '\0';
    framing->method = (size_t)(line - framing->head.data);
    /* The version first: of another version's request nothing else can be judged. */
    return take_version(framing, version) && take_target(framing, target);
}

/* ---- Headers ---- */

static bool take_length(struct framing *framing, const char *value)
{
    if (framing->lengths++ > 0)
        return refuse(framing, 400, "There is more than one Content-Length.");
    if (!rules_read_length(value, HTTP_IMPORT_MAX, &framing->length))
        return refuse(framing, 400, "Content-Length must be a number.");
    return true;
}

static bool take_coding(struct framing *framing, const char *value)
{
    if (framing->codings++ > 0)
        return refuse(framing, 400, "There is more than one Transfer-Encoding.");
    if (strcasecmp(value, "chunked") != 0)
        return refuse(framing, 501, "The only Transfer-Encoding that is supported is chunked.");
    framing->chunked = true;
    return true;
}

static bool take_host(struct framing *framing, const char *value)
{
    if (framing->hosts++ > 0)
        return refuse(framing, 400, "There is more than one Host.");
    if (!rules_is_host(value, strlen(value)))
        return refuse(framing, 400, "Host must be a name or an address, and a port.");
    return true;
}

static bool take_expect(struct framing *framing, const char *value)
{
    if (framing->minor == 0)
        return true; /* HTTP/1.0 has no Expect: it is to be ignored */
    if (strcasecmp(value, "100-continue") != 0)
        return refuse(framing, 417, "The only Expect that is supported is 100-continue.");
    framing->expects_continue = true;
    return true;
}

static bool take_connection(struct framing *framing, const char *value)
{
    framing->closes |= rules_list_has(value, "close");
    framing->keeps |= rules_list_has(value, "keep-alive");
    return true;
}

static const struct {
    const char *name;
    bool (*take)(struct framing *framing, const char *value);
} meanings[] = {
    {"Content-Length", take_length}, {"Transfer-Encoding", take_coding}, {"Host", take_host},
    {"Expect", take_expect},         {"Connection", take_connection},
};

/* Checks one header line and ends its name and value with NULs; *ret is the value. */
static bool cut_header(struct framing *framing, char *line, size_t len, char **ret)
{
    char *colon = memchr(line, ':', len), *value, *end = line + len;

    if (line[0] == ' ' || line[0] == '\t')
        return refuse(framing, 400, "Header lines must not be folded.");
    if (colon == NULL)
        return refuse(framing, 400, "A header line has no colon.");
    if (!rules_is_token(line, (size_t)(colon - line)))
        return refuse(framing, 400, "A header's name is empty or has bytes that it must not have.");
    value = colon + 1;
    if (!rules_is_value(value, (size_t)(end - value)))
        return refuse(framing, 400, "A header's value has control characters.");
    while (value < end && (*value == ' ' || *value == '\t'))
        value++;
    while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    *colon = '\0';
    *end = '\0';
    *ret = value;
    return true;
}

static bool take_header(struct framing *framing, char *line, size_t len)
{
    char *value;

    if (framing->header_count == framing->limits->headers)
        return refuse_beyond(framing, 431, "There are more than %zu headers.", framing->limits->headers);
    if (!cut_header(framing, line, len, &value))
        return false;
    framing->headers[framing->header_count++] =
        (struct framing_header){(size_t)(line - framing->head.data), (size_t)(value - framing->head.data)};
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++)
        if (strcasecmp(line, meanings[i].name) == 0)
            return meanings[i].take(framing, value);
    return true;
}

static bool refuse_body(struct framing *framing)
{
    if (framing->body_max < framing->limits->body)
        return refuse_beyond(framing, 413, "This method and path take no body of more than %zu bytes.",
                             framing->body_max);
    return refuse_beyond(framing, 413, "The body is larger than %zu bytes.", framing->body_max);
}

static bool take_limit(struct framing *framing)
{
    framing->body_max =
        framing->limit == NULL ? framing->limits->body : framing->limit(framing->limit_arg, framing);
    if (framing->state == FRAMING_REFUSED)
        return false;
    if (framing->body_max == 0)
        return refuse(framing, 503, "Another large body is being received; try again later.");
    framing->body.max = framing->body_max;
    return framing->length <= framing->body_max || refuse_body(framing);
}

/* The empty line after the headers: what they say together. */
static bool end_headers(struct framing *framing)
{
    if (framing->minor == 1 && framing->hosts == 0)
        return refuse(framing, 400, "There is no Host.");
    if (framing->codings > 0 && framing->lengths > 0)
        return refuse(framing, 400, "There is both a Content-Length and a Transfer-Encoding.");
    if (framing->codings > 0 && framing->minor == 0)
        return refuse(framing, 400, "HTTP/1.0 has no Transfer-Encoding.");
    if (!take_limit(framing))
        return false;
    framing->keep_alive = !framing->closes && (framing->minor == 1 || framing->keeps);
    framing->left = framing->length;
    framing->state = framing->chunked ? FRAMING_SIZE : framing->left > 0 ? FRAMING_BODY : FRAMING_DONE;
    return true;
}

/* ---- Chunks ---- */

static bool take_size(struct framing *framing, const char *line, size_t len)
{
    if (!rules_read_chunk_size(line, len, framing->body_max, &framing->left))
        return refuse(framing, 400, "A chunk's size is no hexadecimal number.");
    if (framing->left > framing->body_max - framing->body.len)
        return refuse_body(framing);
    /* Many small chunks are fine: of a size's line only what is beyond any size counts, which is extensions.
     */
    framing->spent -= len + 2 < SIZE_LINE_FREE ? len + 2 : SIZE_LINE_FREE;
    framing->state = framing->left > 0 ? FRAMING_CHUNK : FRAMING_TRAILERS;
    return true;
}

static bool take_trailer(struct framing *framing, char *line, size_t len)
{
    char *value;

    if (len > 0)
        return cut_header(framing, line, len, &value);
    framing->state = FRAMING_DONE;
    return true;
}

/* ---- Lines ---- */

/* A whole line, without its CR and LF. */
static bool take_line(struct framing *framing)
{
    char *line = framing->head.data + framing->line;
    size_t len = framing->head.len - framing->line;
    bool good;

    switch (framing->state) {
    case FRAMING_LINE:
        if (len == 0)
            return ++framing->empty_lines <= EMPTY_LINES_MAX ||
                   refuse(framing, 400, "There are too many empty lines before the request.");
        if (!take_request_line(framing, line, len))
            return false;
        framing->state = FRAMING_HEADERS;
        break;
    case FRAMING_HEADERS:
        if (!(len > 0 ? take_header(framing, line, len) : end_headers(framing)))
            return false;
        break;
    case FRAMING_SIZE:
    case FRAMING_TRAILERS:
        good =
            framing->state == FRAMING_SIZE ? take_size(framing, line, len) : take_trailer(framing, line, len);
        framing->head.len = framing->line; /* nobody asks for it later */
        return good;
    case FRAMING_BODY:
    case FRAMING_CHUNK:
    case FRAMING_CHUNK_CR:
    case FRAMING_DONE:
    case FRAMING_REFUSED:
        abort(); /* no lines in these */
    }
    buf_putc(&framing->head, '\0');
    framing->line = framing->head.len;
    return true;
}

/* Too long is judged by bytes that were sent, not by what was kept of them. */
static bool spend(struct framing *framing)
{
    size_t line = framing->head.len - framing->line;

    if (framing->state == FRAMING_LINE &&
        line > framing->limits->uri + FRAMING_METHOD_MAX + sizeof "  HTTP/1.1")
        return refuse_uri(framing);
    if (++framing->spent > framing->limits->head)
        return refuse_beyond(framing, 431, "Request line, headers and trailers are longer than %zu bytes.",
                             framing->limits->head);
    return true;
}

static bool take_line_byte(struct framing *framing, char c)
{
    if (c == '\n') {
        if (!framing->cr)
            return refuse(framing, 400, "A line ends with a bare LF.");
        framing->cr = false;
        return spend(framing) && take_line(framing);
    }
    if (framing->cr)
        return refuse(framing, 400, "A CR is not followed by LF.");
    if (!spend(framing))
        return false;
    if (c == '\r') {
        framing->cr = true;
        return true;
    }
    if (framing->state == FRAMING_LINE && ((unsigned char)c < ' ' || c == 0x7F))
        return refuse(framing, 400, "This is no HTTP request.");
    buf_putc(&framing->head, c);
    return true;
}

/* ---- Bytes ---- */

static size_t take_body(struct framing *framing, const char *data, size_t len)
{
    size_t n = len < framing->left ? len : framing->left;

    buf_put(&framing->body, data, n);
    framing->left -= n;
    if (framing->left == 0)
        framing->state = framing->state == FRAMING_BODY ? FRAMING_DONE : FRAMING_CHUNK_CR;
    return n;
}

static void take_chunk_end(struct framing *framing, char c)
{
    if (c != (framing->cr ? '\n' : '\r')) {
        refuse(framing, 400, "A chunk is longer than its size.");
        return;
    }
    if (framing->cr)
        framing->state = FRAMING_SIZE;
    framing->cr = !framing->cr;
}

size_t framing_feed(struct framing *framing, const char *data, size_t len)
{
    size_t at = 0;

    while (at < len) {
        switch (framing->state) {
        case FRAMING_LINE:
        case FRAMING_HEADERS:
        case FRAMING_SIZE:
        case FRAMING_TRAILERS:
            take_line_byte(framing, data[at++]);
            break;
        case FRAMING_BODY:
        case FRAMING_CHUNK:
            at += take_body(framing, data + at, len - at);
            break;
        case FRAMING_CHUNK_CR:
            take_chunk_end(framing, data[at++]);
            break;
        case FRAMING_DONE:
        case FRAMING_REFUSED:
            return at;
        }
    }
    return at;
}

/* ---- What it says ---- */

const char *framing_method(const struct framing *framing)
{
    return framing->path > 0 ? framing->head.data + framing->method : "";
}

const char *framing_path(const struct framing *framing)
{
    return framing->path > 0 ? framing->head.data + framing->path : "";
}

const char *framing_query(const struct framing *framing)
{
    return framing->has_query ? framing->head.data + framing->query : NULL;
}

const char *framing_header(const struct framing *framing, const char *name, size_t from, size_t *next)
{
    for (size_t i = from; i < framing->header_count; i++) {
        if (strcasecmp(framing->head.data + framing->headers[i].name, name) == 0) {
            if (next != NULL)
                *next = i + 1;
            return framing->head.data + framing->headers[i].value;
        }
    }
    return NULL;
}
