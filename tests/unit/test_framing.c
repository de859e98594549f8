/* framing: which bytes are a request and which are refused, with what; and that no cut into pieces changes
 * that. */
#include "framing.h"

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "http_limits.h"
#include "limits.h"
#include "mem.h"
#include "settings.h"

#define GET "GET / HTTP/1.1\r\nHost: x\r\n"
#define POST "POST /jobs HTTP/1.1\r\nHost: x\r\n"
#define HEAD_OF(method, target) method " " target " HTTP/1.1\r\nHost: x\r\n\r\n"

struct framing_case {
    const char *name;
    const char *text;
    size_t len;       /* 0: strlen(text) */
    int status;       /* 0: a whole request; -1: more is to come */
    const char *said; /* "METHOD path?query body" of a whole request; NULL: does not matter */
    size_t rest;      /* bytes behind the request */
};

#define BYTES(text) text, sizeof(text) - 1

static struct framing_case cases[] = {
    {"a plain request", GET "\r\n", 0, 0, "GET / ", 0},
    {"nothing yet", "", 0, -1, NULL, 0},
    {"the headers are not over", GET, 0, -1, NULL, 0},
    {"path and query", HEAD_OF("DELETE", "/jobs/a%20b?skip=1&x?y"), 0, 0, "DELETE /jobs/a%20b?skip=1&x?y ",
     0},
    {"an empty query is a query", HEAD_OF("GET", "/?"), 0, 0, "GET /? ", 0},
    {"any method that is a word", HEAD_OF("M-SEARCH", "/"), 0, 0, "M-SEARCH / ", 0},
    {"a body by its length", POST "Content-Length: 5\r\n\r\nhello", 0, 0, "POST /jobs hello", 0},
    {"a length with leading zeros", POST "Content-Length: 005\r\n\r\nhello", 0, 0, "POST /jobs hello", 0},
    {"a length of 0", POST "Content-Length: 0\r\n\r\n", 0, 0, "POST /jobs ", 0},
    {"a body that is not there yet", POST "Content-Length: 5\r\n\r\nhell", 0, -1, NULL, 0},
    {"what follows is left alone", GET "\r\n" GET "\r\n", 0, 0, "GET / ", sizeof(GET "\r\n") - 1},
    {"what follows a body is left alone", POST "Content-Length: 2\r\n\r\nokGET", 0, 0, "POST /jobs ok", 3},
    {"a body with a NUL", BYTES(POST "Content-Length: 3\r\n\r\na\0b"), 0, NULL, 0},
    {"empty lines before a request", "\r\n\r\n" GET "\r\n", 0, 0, "GET / ", 0},
    {"too many empty lines", "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n" GET "\r\n", 0, 400, NULL, 0},
    {"space around a value", "GET / HTTP/1.1\r\nHost: \t x \t\r\n\r\n", 0, 0, "GET / ", 0},
    {"no space before a value", "GET / HTTP/1.1\r\nHost:x\r\n\r\n", 0, 0, "GET / ", 0},
    {"an empty value", GET "X:\r\n\r\n", 0, 0, "GET / ", 0},
    {"bytes of 0x80 in a value", GET "X: caf\xC3\xA9\r\n\r\n", 0, 0, "GET / ", 0},

    {"chunks", POST "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", 0, 0,
     "POST /jobs abcde", 0},
    {"chunked in any case", POST "Transfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n", 0, 0, "POST /jobs ", 0},
    {"space around chunked", POST "Transfer-Encoding:\tchunked \r\n\r\n1\r\na\r\n0\r\n\r\n", 0, 0,
     "POST /jobs a", 0},
    {"a size in hexadecimal", POST "Transfer-Encoding: chunked\r\n\r\n00A\r\n0123456789\r\n0\r\n\r\n", 0, 0,
     "POST /jobs 0123456789", 0},
    {"chunk extensions", POST "Transfer-Encoding: chunked\r\n\r\n1;a=\"b c\"\r\na\r\n0 ;x\r\n\r\n", 0, 0,
     "POST /jobs a", 0},
    {"trailers are checked and dropped",
     POST "Transfer-Encoding: chunked\r\n\r\n0\r\nX: 1\r\nY: 2\r\n\r\nGET", 0, 0, "POST /jobs ", 3},
    {"chunks that do not end", POST "Transfer-Encoding: chunked\r\n\r\n0\r\nX: 1\r\n", 0, -1, NULL, 0},
    {"a bad trailer", POST "Transfer-Encoding: chunked\r\n\r\n0\r\nX 1\r\n\r\n", 0, 400, NULL, 0},
    {"a size with a byte beyond ASCII",
     POST "Transfer-Encoding: chunked\r\n\r\n\xFF"
          "5\r\nhello\r\n",
     0, 400, NULL, 0},
    {"a size that overflows", POST "Transfer-Encoding: chunked\r\n\r\n10000000000000005\r\nhello\r\n", 0, 413,
     NULL, 0},
    {"a size with a sign", POST "Transfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n", 0, 400, NULL, 0},
    {"a size with 0x", POST "Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n", 0, 400, NULL, 0},
    {"an empty size", POST "Transfer-Encoding: chunked\r\n\r\n\r\n", 0, 400, NULL, 0},
    {"a chunk that is too long", POST "Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n", 0, 400, NULL, 0},
    {"a chunk that ends with LF", POST "Transfer-Encoding: chunked\r\n\r\n1\r\na\n0\r\n\r\n", 0, 400, NULL,
     0},
    {"a size that ends with LF", POST "Transfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n", 0, 400, NULL, 0},
    {"a chunk whose CR has no LF", POST "Transfer-Encoding: chunked\r\n\r\n1\r\na\rX", 0, 400, NULL, 0},
    {"chunks beyond the limit", POST "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n100000\r\n", 0, 413, NULL,
     0},

    {"two lengths", POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 0, 400, NULL, 0},
    {"the same length twice", POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", 0, 400, NULL, 0},
    {"a list of lengths", POST "Content-Length: 5, 5\r\n\r\n", 0, 400, NULL, 0},
    {"an empty length", POST "Content-Length:\r\n\r\n", 0, 400, NULL, 0},
    {"a negative length", POST "Content-Length: -1\r\n\r\n", 0, 400, NULL, 0},
    {"a length with a sign", POST "Content-Length: +5\r\n\r\n", 0, 400, NULL, 0},
    {"a length in hexadecimal", POST "Content-Length: 0x5\r\n\r\n", 0, 400, NULL, 0},
    {"the greatest length", POST "Content-Length: 1048576\r\n\r\n", 0, -1, NULL, 0},
    {"a length beyond the limit", POST "Content-Length: 1048577\r\n\r\n", 0, 413, NULL, 0},
    {"a length beyond 64 bits", POST "Content-Length: 30000000000000000000\r\n\r\n", 0, 413, NULL, 0},
    {"a length and chunks", POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 0, 400, NULL, 0},
    {"chunks and a length", POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 0, 400, NULL, 0},
    {"chunked twice", POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 0, 400, NULL,
     0},
    {"another coding", POST "Transfer-Encoding: gzip\r\n\r\n", 0, 501, NULL, 0},
    {"another coding before chunked", POST "Transfer-Encoding: gzip, chunked\r\n\r\n", 0, 501, NULL, 0},
    {"a coding that looks like chunked", POST "Transfer-Encoding: xchunked\r\n\r\n", 0, 501, NULL, 0},
    {"an empty coding", POST "Transfer-Encoding:\r\n\r\n", 0, 501, NULL, 0},
    {"chunks in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 0, 400, NULL, 0},
    {"space before the colon of a length", POST "Content-Length : 5\r\n\r\n", 0, 400, NULL, 0},
    {"space before the colon of a coding", POST "Transfer-Encoding : chunked\r\n\r\n", 0, 400, NULL, 0},
    {"a folded length", POST "Content-Length: 5\r\n\t0\r\n\r\n", 0, 400, NULL, 0},
    {"a line folded by a space", GET "X: a\r\n b\r\n\r\n", 0, 400, NULL, 0},

    {"a bare LF after the request line", "GET / HTTP/1.1\nHost: x\r\n\r\n", 0, 400, NULL, 0},
    {"a bare LF after a header", GET "X: a\nY: b\r\n\r\n", 0, 400, NULL, 0},
    {"a bare CR in a header", GET "X: a\rb\r\n\r\n", 0, 400, NULL, 0},
    {"a NUL in the path", BYTES("GET /jobs\0/admin HTTP/1.1\r\nHost: x\r\n\r\n"), 400, NULL, 0},
    {"a NUL in a header's name", BYTES(GET "X\0Y: 1\r\n\r\n"), 400, NULL, 0},
    {"a NUL in a header's value", BYTES(GET "X: 1\0002\r\n\r\n"), 400, NULL, 0},
    {"a control character in the path", HEAD_OF("GET", "/a\x01"), 0, 400, NULL, 0},
    {"a tab in the path", HEAD_OF("GET", "/a\tb"), 0, 400, NULL, 0},
    {"a DEL in the path", HEAD_OF("GET", "/a\x7F"), 0, 400, NULL, 0},
    {"UTF-8 in the path", HEAD_OF("GET", "/caf\xC3\xA9"), 0, 400, NULL, 0},
    {"a fragment", HEAD_OF("GET", "/a#b"), 0, 400, NULL, 0},
    {"a header without a colon", GET "X\r\n\r\n", 0, 400, NULL, 0},
    {"a header without a name", GET ": 1\r\n\r\n", 0, 400, NULL, 0},
    {"a name with a bracket", GET "X(: 1\r\n\r\n", 0, 400, NULL, 0},
    {"a control character in a value", GET "X: \x01\r\n\r\n", 0, 400, NULL, 0},

    {"no Host", "GET / HTTP/1.1\r\n\r\n", 0, 400, NULL, 0},
    {"two Hosts", GET "Host: x\r\n\r\n", 0, 400, NULL, 0},
    {"a Host with a path", "GET / HTTP/1.1\r\nHost: x/y\r\n\r\n", 0, 400, NULL, 0},
    {"a Host with a user", "GET / HTTP/1.1\r\nHost: u@x\r\n\r\n", 0, 400, NULL, 0},
    {"a Host with a bad port", "GET / HTTP/1.1\r\nHost: x:8a\r\n\r\n", 0, 400, NULL, 0},
    {"a Host that is a port alone", "GET / HTTP/1.1\r\nHost: :80\r\n\r\n", 0, 400, NULL, 0},
    {"a Host of IPv6", "GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", 0, 0, "GET / ", 0},
    {"a Host of IPv6 without its end", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 0, 400, NULL, 0},
    {"a Host with junk behind IPv6", "GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n", 0, 400, NULL, 0},
    {"a Host with a letter in IPv6", "GET / HTTP/1.1\r\nHost: [::g]\r\n\r\n", 0, 400, NULL, 0},
    {"an empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 0, 0, "GET / ", 0},
    {"HTTP/1.0 needs no Host", "GET / HTTP/1.0\r\n\r\n", 0, 0, "GET / ", 0},
    {"HTTP/1.2 is as 1.1", "GET / HTTP/1.2\r\nHost: x\r\n\r\n", 0, 0, "GET / ", 0},
    {"HTTP/2.0", "GET / HTTP/2.0\r\nHost: x\r\n\r\n", 0, 505, NULL, 0},
    {"HTTP/9.9", "GET / HTTP/9.9\r\nHost: x\r\n\r\n", 0, 505, NULL, 0},
    {"HTTP/0.9 by number", "GET / HTTP/0.9\r\n\r\n", 0, 505, NULL, 0},
    {"HTTP/2's preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0, 505, NULL, 0},
    {"HTTP/257.257", "GET / HTTP/257.257\r\nHost: x\r\n\r\n", 0, 400, NULL, 0},
    {"HTTP in lower case", "GET / http/1.1\r\nHost: x\r\n\r\n", 0, 400, NULL, 0},
    {"HTTP/0.9 without a version", "GET /\r\n", 0, 400, NULL, 0},
    {"TLS", BYTES("\x16\x03\x01\x02\x00\x01"), 400, NULL, 0},
    {"two spaces", "GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 0, 400, NULL, 0},
    {"space at the end of the line", "GET / HTTP/1.1 \r\nHost: x\r\n\r\n", 0, 400, NULL, 0},
    {"space before the method", " GET / HTTP/1.1\r\nHost: x\r\n\r\n", 0, 400, NULL, 0},
    {"a method that is no word", HEAD_OF("G(T", "/"), 0, 400, NULL, 0},
    {"a method that is too long", HEAD_OF("ABCDEFGHIJABCDEFGHIJABCDEFGHIJABC", "/"), 0, 400, NULL, 0},
    {"a path without a slash", HEAD_OF("GET", "jobs"), 0, 400, NULL, 0},
    {"a star", HEAD_OF("OPTIONS", "*"), 0, 0, "OPTIONS * ", 0},
    {"a star with GET", HEAD_OF("GET", "*"), 0, 400, NULL, 0},
    {"CONNECT", HEAD_OF("CONNECT", "x:443"), 0, 501, NULL, 0},
    {"an absolute target", HEAD_OF("GET", "http://x:80/jobs?a"), 0, 0, "GET /jobs?a ", 0},
    {"an absolute target without a path", HEAD_OF("GET", "HTTPS://x"), 0, 0, "GET / ", 0},
    {"an absolute target with a query alone", HEAD_OF("GET", "http://x?a"), 0, 0, "GET /?a ", 0},
    {"an absolute target without a host", HEAD_OF("GET", "http:///jobs"), 0, 400, NULL, 0},
    {"an absolute target with a user", HEAD_OF("GET", "http://u@x/jobs"), 0, 400, NULL, 0},
    {"an absolute target of another scheme", HEAD_OF("GET", "ftp://x/jobs"), 0, 400, NULL, 0},

    {"100-continue", POST "Content-Length: 1\r\nExpect: 100-Continue\r\n\r\na", 0, 0, "POST /jobs a", 0},
    {"another expectation", POST "Content-Length: 1\r\nExpect: tea\r\n\r\na", 0, 417, NULL, 0},
    {"an expectation in HTTP/1.0 is ignored", "GET / HTTP/1.0\r\nExpect: tea\r\n\r\n", 0, 0, "GET / ", 0},
};

/* What came out, as text that can be compared. */
static char *outcome(const struct framing *framing, size_t used)
{
    const char *query = framing_query(framing);

    if (framing->state == FRAMING_REFUSED)
        return mem_printf("%d %s", framing->status, framing->why);
    if (framing->state != FRAMING_DONE)
        return mem_printf("more");
    return mem_printf("%zu %s %s%s%s %s", used, framing_method(framing), framing_path(framing),
                      query == NULL ? "" : "?", query == NULL ? "" : query, framing->body.data);
}

/* In two pieces, cut at the offset; each is a copy of its own, so that a sanitizer sees a read beyond. */
static char *judge(struct framing *framing, const char *text, size_t len, size_t cut)
{
    const size_t sizes[] = {cut, len - cut};
    size_t used = 0;

    framing_reset(framing);
    for (size_t i = 0; i < 2; i++) {
        char *piece = mem_alloc(sizes[i] + 1);

        memcpy(piece, text + (i == 0 ? 0 : cut), sizes[i]);
        used += framing_feed(framing, piece, sizes[i]);
        free(piece);
    }
    return outcome(framing, used);
}

static void check(void **state)
{
    const struct framing_case *c = *state;
    size_t len = c->len > 0 ? c->len : strlen(c->text);
    struct framing framing;
    AUTO_FREE char *whole = NULL;

    framing_init(&framing, &http_limits_default);
    whole = judge(&framing, c->text, len, len);
    if (c->status == 0)
        assert_int_equal(framing.state, FRAMING_DONE);
    else
        assert_int_equal(framing.state == FRAMING_REFUSED ? framing.status : -1, c->status);
    if (c->said != NULL) {
        AUTO_FREE char *wanted = mem_printf("%zu %s", len - c->rest, c->said);

        assert_string_equal(whole, wanted);
    }
    for (size_t cut = 0; cut < len; cut++) {
        AUTO_FREE char *pieces = judge(&framing, c->text, len, cut);

        if (strcmp(pieces, whole) != 0)
            fail_msg("cut at %zu: %s, not %s", cut, pieces, whole);
    }
    framing_done(&framing);
}

static void feed(struct framing *framing, const char *text)
{
    framing_feed(framing, text, strlen(text));
}

static int status_of(const struct framing *framing)
{
    return framing->state == FRAMING_REFUSED ? framing->status : framing->state == FRAMING_DONE ? 0 : -1;
}

/* Other limits than those that hold where nothing is set: the least and the most that can be. */
static const struct http_limits least = {
    .uri = 512, .head = 1024, .headers = 8, .body = 1024, .import = 1024};
static const struct http_limits most = {.uri = HTTP_URI_MAX,
                                        .head = HTTP_HEADER_BLOCK_MAX,
                                        .headers = HTTP_HEADERS_MAX,
                                        .body = HTTP_BODY_MAX,
                                        .import = HTTP_IMPORT_MAX};
static const struct http_limits *const all_limits[] = {&http_limits_default, &least, &most};

/* A GET of a path with that many bytes, a slash included. */
static int status_of_path(const struct http_limits *limits, size_t len)
{
    struct framing framing;
    AUTO_FREE char *path = mem_alloc(len + 1);
    int status;

    memset(path, 'a', len);
    path[0] = '/';
    framing_init(&framing, limits);
    feed(&framing, "GET ");
    feed(&framing, path);
    feed(&framing, " HTTP/1.1\r\nHost: x\r\n\r\n");
    status = status_of(&framing);
    framing_done(&framing);
    return status;
}

static void paths_have_a_limit(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(all_limits); i++) {
        const struct http_limits *limits = all_limits[i];
        struct framing framing;

        assert_int_equal(status_of_path(limits, limits->uri), 0);
        assert_int_equal(status_of_path(limits, limits->uri + 1), 414);
        assert_int_equal(status_of_path(limits, 2 * limits->uri), 414);
        /* Also of a line that never ends, and before its end. */
        framing_init(&framing, limits);
        for (int n = 0; n < 1000; n++)
            feed(&framing, "0123456789");
        assert_int_equal(status_of(&framing), 414);
        framing_done(&framing);
    }
    assert_int_equal(status_of_path(&least, 512), 0);
}

static int status_of_headers(const struct http_limits *limits, size_t count, size_t value_len)
{
    struct framing framing;
    AUTO_FREE char *value = mem_alloc(value_len + 1);
    int status;

    memset(value, 'v', value_len);
    framing_init(&framing, limits);
    feed(&framing, GET);
    for (size_t i = 1; i < count; i++) {
        feed(&framing, "X: ");
        feed(&framing, value);
        feed(&framing, "\r\n");
    }
    feed(&framing, "\r\n");
    status = status_of(&framing);
    framing_done(&framing);
    return status;
}

static void headers_have_a_limit(void **state)
{
    const size_t others = sizeof(GET "\r\n") - 1 + sizeof "X: \r\n" - 1;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(all_limits); i++) {
        const struct http_limits *limits = all_limits[i];

        assert_int_equal(status_of_headers(limits, limits->headers, 1), 0);
        assert_int_equal(status_of_headers(limits, limits->headers + 1, 1), 431);
        assert_int_equal(status_of_headers(limits, 2, limits->head - others), 0);
        assert_int_equal(status_of_headers(limits, 2, limits->head - others + 1), 431);
    }
}

/* The answer to a body of that length, whose first half has come; in chunks: to chunks of that length. */
static int status_of_body(const struct http_limits *limits, framing_limit_fn *limit, size_t length,
                          bool chunked)
{
    struct framing framing;
    AUTO_FREE char *head =
        chunked ? mem_printf("%zx\r\n", length) : mem_printf("Content-Length: %zu\r\n\r\n", length);
    int status;

    framing_init(&framing, limits);
    framing.limit = limit;
    feed(&framing, chunked ? POST "Transfer-Encoding: chunked\r\n\r\n" : POST);
    feed(&framing, head);
    status = status_of(&framing);
    if (status == 413) {
        AUTO_FREE char *why = mem_printf("The body is larger than %zu bytes.", length - 1);

        assert_string_equal(framing.why, why);
    }
    framing_done(&framing);
    return status;
}

static size_t as_import(void *arg, struct framing *framing)
{
    (void)arg;
    return framing->limits->import;
}

static void bodies_have_a_limit(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(all_limits); i++) {
        const struct http_limits *limits = all_limits[i];

        for (int chunked = 0; chunked < 2; chunked++) {
            assert_int_equal(status_of_body(limits, NULL, limits->body, chunked), -1);
            assert_int_equal(status_of_body(limits, NULL, limits->body + 1, chunked), 413);
            assert_int_equal(status_of_body(limits, as_import, limits->import, chunked), -1);
            assert_int_equal(status_of_body(limits, as_import, limits->import + 1, chunked), 413);
        }
    }
}

static const char *nothing_set(const char *name, void *arg)
{
    (void)name;
    (void)arg;
    return NULL;
}

/* The table of settings has them as text. */
static void limits_are_those_of_the_settings(void **state)
{
    AUTO_BUF struct buf mistakes = {0};
    struct settings settings = {0};
    struct http_limits limits;

    (void)state;
    buf_init(&mistakes, 1024);
    assert_true(config_read(&settings_config, nothing_set, NULL, &settings, &mistakes));
    limits = settings_limits(&settings);
    config_done(&settings_config, &settings);
    assert_int_equal(limits.uri, http_limits_default.uri);
    assert_int_equal(limits.head, http_limits_default.head);
    assert_int_equal(limits.headers, http_limits_default.headers);
    assert_int_equal(limits.body, http_limits_default.body);
    assert_int_equal(limits.import, http_limits_default.import);
    assert_int_equal(limits.json.depth, http_limits_default.json.depth);
    assert_int_equal(limits.json.values, http_limits_default.json.values);
    assert_int_equal(limits.unread, http_limits_default.unread);
}

static void trailers_have_a_limit(void **state)
{
    struct framing framing;

    (void)state;
    framing_init(&framing, &http_limits_default);
    feed(&framing, POST "Transfer-Encoding: chunked\r\n\r\n0\r\n");
    for (int i = 0; i < 2000; i++)
        feed(&framing, "X: 12345\r\n");
    assert_int_equal(status_of(&framing), 431);
    framing_reset(&framing);
    feed(&framing, POST "Transfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 1000; i++)
        feed(&framing, "1;ext=0123456789\r\na\r\n");
    assert_int_equal(status_of(&framing), -1);
    for (int i = 0; i < 10000; i++)
        feed(&framing, "1;ext=0123456789012345678901234567890123456789\r\na\r\n");
    assert_int_equal(status_of(&framing), 431);
    framing_done(&framing);
}

static void many_small_chunks_are_fine(void **state)
{
    struct framing framing;

    (void)state;
    framing_init(&framing, &http_limits_default);
    feed(&framing, POST "Transfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < (int)http_limits_default.body; i++)
        framing_feed(&framing, "1\r\na\r\n", 6);
    assert_int_equal(framing.body.len, http_limits_default.body);
    feed(&framing, "0\r\n\r\n");
    assert_int_equal(status_of(&framing), 0);
    framing_reset(&framing);
    assert_true(framing.body.cap < http_limits_default.body);
    framing_done(&framing);
}

struct alive_case {
    const char *text;
    bool stays;
};

static void connections_stay_or_not(void **state)
{
    static const struct alive_case alive[] = {
        {GET "\r\n", true},
        {GET "Connection: close\r\n\r\n", false},
        {GET "Connection: CLOSE\r\n\r\n", false},
        {GET "Connection: TE, close\r\n\r\n", false},
        {GET "Connection: closed\r\n\r\n", true},
        {GET "Connection: keep-alive\r\nConnection: close\r\n\r\n", false},
        {"GET / HTTP/1.0\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true},
        {"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", false},
    };
    struct framing framing;

    (void)state;
    framing_init(&framing, &http_limits_default);
    for (size_t i = 0; i < ARRAY_LEN(alive); i++) {
        framing_reset(&framing);
        feed(&framing, alive[i].text);
        if (status_of(&framing) != 0 || framing.keep_alive != alive[i].stays)
            fail_msg("%s", alive[i].text);
    }
    framing_done(&framing);
}

static void headers_are_found(void **state)
{
    struct framing framing;
    size_t next = 0;

    (void)state;
    framing_init(&framing, &http_limits_default);
    assert_false(framing_begun(&framing));
    assert_string_equal(framing_method(&framing), "");
    assert_string_equal(framing_path(&framing), "");
    feed(&framing, "\r\n");
    assert_false(framing_begun(&framing));
    feed(&framing, "G");
    assert_true(framing_begun(&framing));
    feed(&framing, "ET / HTTP/1.1\r\nHost: x\r\nIf-Match: a\r\nX: y\r\nif-match: b\r\n\r\n");
    assert_int_equal(status_of(&framing), 0);
    assert_string_equal(framing_header(&framing, "IF-MATCH", 0, &next), "a");
    assert_string_equal(framing_header(&framing, "IF-MATCH", next, &next), "b");
    assert_null(framing_header(&framing, "IF-MATCH", next, NULL));
    assert_null(framing_header(&framing, "Y", 0, NULL));
    assert_null(framing_query(&framing));
    /* Nothing is taken any more. */
    assert_int_equal(framing_feed(&framing, "GET", 3), 0);
    framing_done(&framing);
}

int main(void)
{
    enum { MORE = 8 };
    struct CMUnitTest tests[ARRAY_LEN(cases) + MORE] = {
        cmocka_unit_test(paths_have_a_limit),
        cmocka_unit_test(headers_have_a_limit),
        cmocka_unit_test(trailers_have_a_limit),
        cmocka_unit_test(bodies_have_a_limit),
        cmocka_unit_test(limits_are_those_of_the_settings),
        cmocka_unit_test(many_small_chunks_are_fine),
        cmocka_unit_test(connections_stay_or_not),
        cmocka_unit_test(headers_are_found),
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        tests[i + MORE] = (struct CMUnitTest){cases[i].name, check, NULL, NULL, &cases[i]};
    return cmocka_run_group_tests_name("framing", tests, NULL, NULL);
}
