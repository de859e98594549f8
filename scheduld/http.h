/*
 * HTTP requests on the event loop: libcurl's multi interface on libevent, and the only file that knows curl.
 * HTTP/1.1 with kept connections, TLS verified, no redirects followed, answers bounded.
 *
 * libcurl sends a POST again by itself when a kept connection turns out to be closed before a byte of the
 * answer came, even if the server has read it all: requests that must not happen twice need a token of their
 * own (RunTask's clientToken), and who may lose the right to send is asked each time (may_send). Idle
 * connections are dropped after 15 s, so that this is rare; those in use after 5 minutes, so that a new
 * address of the endpoint is found.
 */
#pragma once

#include "attr.h"
#include "err.h"
#include "http_header.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;
struct http;
struct http_request;

struct http_options {
    struct event_base *base; /* lent */
    const char *user_agent;  /* copied; NULL: none is sent */
    const char *ca_bundle;   /* copied; file of CA certificates, NULL: the system's */
};

/* Fails if libcurl does. */
bool http_new(const struct http_options *options, struct http **ret, struct err *err);
/* Drops what is under way without calling back. Not from inside a callback. NULL is fine. */
void http_free(struct http *http);

enum http_outcome {
    HTTP_ANSWERED, /* any status, the whole body */
    HTTP_NOT_SENT, /* no byte of the request went out: no address, no connection, TLS refused, withheld */
    HTTP_LOST,     /* some of it went out and no whole answer came: reset, timeout, cut, not HTTP */
    HTTP_TOO_BIG,  /* the answer is bigger than answer_max, or its headers are beyond reason */
};

struct http_answer {
    enum http_outcome outcome;
    bool withheld;                     /* may_send() said no; LOST: not to the first time */
    int status;                        /* ANSWERED only, as the rest; else 0 */
    const struct http_header *headers; /* lent for the callback; 1xx answers' are left out */
    size_t header_count;
    const char *body; /* lent for the callback; NUL-terminated */
    size_t body_len;
    const char *reason; /* not ANSWERED: curl's words. "" else */
    int64_t took_ms;
};

struct http_send {
    const char *method; /* "GET", "POST", "PUT" */
    const char *url;
    const struct http_header *headers; /* sent as they are; Host and Content-Length are made */
    size_t header_count;
    const char *body; /* copied; NULL: none */
    size_t body_len;
    int64_t connect_timeout_ms, timeout_ms; /* timeout_ms is for all of it */
    size_t answer_max;                      /* bytes of the body */
    bool direct;                            /* no proxy, whatever the environment says: metadata services */
    /* Asked when all is ready for the request to go out, each time that it does. False: it does not. Must not
     * call any function of this file. NULL: always. */
    bool (*may_send)(void *arg);
    void *may_send_arg;
};

/* Exactly once, from the loop, never from inside http_start(). The request is gone when it is called. */
typedef void http_fn(void *arg, const struct http_answer *answer);

struct http_request *http_start(struct http *http, const struct http_send *send, http_fn *done, void *arg);
/* The callback does not come any more. What was sent was sent. */
void http_cancel(struct http_request *request);

/* The first header of that name (any case), or NULL. */
const char *http_answer_header(const struct http_answer *answer, const char *name);

/* An HTTP date ("Tue, 24 Nov 2026 10:30:42 GMT") in seconds since 1970; false if it is none. */
bool http_date_parse(const char *text, int64_t *ret);
