/*
 * Where a request ends and what it says, decided strictly and without any I/O: bytes in, one whole request or
 * a refusal out. libevhtp's own parser corrupts and misreads what a hostile client sends, so nothing reaches
 * it that has not passed here.
 *
 * The bytes may come in pieces of any size; what comes out does not depend on the pieces. All is bounded by
 * http_limits.h. Whatever two programs could read differently is refused (RFC 9112, and stricter): two
 * lengths, a length and chunks, space before a colon, folded lines, bare CR or LF, codings other than
 * chunked, two hosts.
 */
#pragma once

#include "buf.h"
#include "attr.h"

#include <stdbool.h>
#include <stddef.h>

enum framing_state {
    FRAMING_LINE,     /* at the request line, or at empty lines before it */
    FRAMING_HEADERS,  /* in the headers */
    FRAMING_BODY,     /* Content-Length bytes */
    FRAMING_SIZE,     /* a chunk's size, with extensions that are skipped */
    FRAMING_CHUNK,    /* its bytes */
    FRAMING_CHUNK_CR, /* the line end after them */
    FRAMING_TRAILERS, /* header lines after the last chunk: checked and dropped */
    FRAMING_DONE,     /* a whole request */
    FRAMING_REFUSED,  /* status and why say what to answer; the connection is to be closed */
};

enum { FRAMING_METHOD_MAX = 32, FRAMING_WHY_SIZE = 96 };

struct framing_header {
    size_t name, value; /* offsets in head.data, each ends with a NUL */
};

struct framing;
struct http_limits;

/* How many bytes the body may have, http_limits' body or import, of a request whose head is read; 0: there is
 * no room for a large one right now, unless it was refused by framing_refuse(). */
typedef size_t framing_limit_fn(void *arg, struct framing *framing);

struct framing {
    /* These stay when the framing is reset. */
    const struct http_limits *limits; /* lent */
    framing_limit_fn *limit;          /* NULL: limits->body */
    void *limit_arg;

    enum framing_state state;

    int status;      /* REFUSED: 400, 413, 414, 417, 431, 501, 503, 505, or framing_refuse()'s */
    const char *why; /* REFUSED: a sentence */
    char why_text[FRAMING_WHY_SIZE]; /* of one that names a number */

    struct buf head;            /* owned: request line and headers, cut into strings */
    struct buf body;            /* owned */
    size_t method, path, query; /* offsets in head.data; query only if has_query */
    bool has_query;
    int minor; /* of HTTP/1: 0 or 1 */
    bool keep_alive;
    struct framing_header *headers; /* owned: room for limits->headers */
    size_t header_count;
    bool expects_continue; /* it waits for 100 before it sends the body */

    /* How far it is; of no use outside. */
    size_t line;                    /* where the current line begins in head.data */
    bool cr;                        /* the last byte was a CR */
    size_t spent;                   /* bytes of head, chunk sizes and trailers so far */
    size_t empty_lines;             /* before the request line */
    size_t left;                    /* bytes of the body or chunk that are to come */
    size_t lengths, codings, hosts; /* how often the header was there */
    size_t length, body_max;
    bool chunked, closes, keeps;
};

void framing_init(struct framing *framing, const struct http_limits *limits);
void framing_done(struct framing *framing); /* zeroed memory is fine, too */
/* Ready for the next request. */
void framing_reset(struct framing *framing);

/* Takes bytes up to the end of the request, and says how many those were. Takes none once it is DONE or
 * REFUSED. */
size_t framing_feed(struct framing *framing, const char *data, size_t len);

/* Whether there is a body, when the head has been read. */
bool framing_has_body(const struct framing *framing);
/* For a framing_limit_fn: what to answer to this head. why must stay. */
void framing_refuse(struct framing *framing, int status, const char *why);

/* Whether anything of a request has arrived; empty lines before it do not count. */
bool framing_begun(const struct framing *framing);

/* When DONE; also when REFUSED, if the request line was good, and "" else. */
const char *framing_method(const struct framing *framing);
const char *framing_path(const struct framing *framing);  /* "/…" or "*" */
const char *framing_query(const struct framing *framing); /* without the `?`; NULL if there was none */

/* The first header of that name (any case) from index `from` on; NULL: none. *next, if not NULL, is where to
 * go on. */
const char *framing_header(const struct framing *framing, const char *name, size_t from, size_t *next);
