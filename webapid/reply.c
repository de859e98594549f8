/* See reply.h. */
#include "reply.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "cors.h"
#include "db.h"
#include "etag.h"
#include "http_date.h"
#include "log.h"
#include "mem.h"
#include "meters.h"
#include "problem.h"
#include "request_internal.h"

enum { BODY_MAX = 1 << 20, TEXT_SIZE = 2048 };

static const char retry_after_s[] = "1";

void reply_header(struct request *rq, const char *name, const char *value)
{
    assert(rq->header_count < REQUEST_HEADERS_MAX);
    rq->names[rq->header_count] = mem_strdup(name);
    rq->texts[rq->header_count++] = mem_strdup(value);
}

void reply_etag(struct request *rq, const char *tag)
{
    free(rq->etag);
    rq->etag = mem_strdup(tag);
}

void reply_no_store(struct request *rq)
{
    reply_header(rq, "Cache-Control", "no-store");
    rq->no_store = true;
}

/* NULL: it has none. */
static const char *tag_of(const struct request *rq, const char *body, size_t len, char of_body[ETAG_SIZE])
{
    if (rq->no_store)
        return NULL;
    if (rq->etag != NULL)
        return rq->etag;
    etag_of_body(body, len, of_body);
    return of_body;
}

/* A GET whose client has this answer already. */
static bool is_not_modified(struct request *rq, int status, const char *tag)
{
    const char *wanted = request_header(rq, "If-None-Match");

    return status == 200 && request_is_get(rq) && tag != NULL && wanted != NULL && etag_matches(wanted, tag);
}

static void put_cors(struct guard *guard, const struct request *rq)
{
    const char *origin = cors_allow(rq->env->origins, framing_header(rq->framing, "Origin", 0, NULL));

    if (rq->env->origins == NULL || rq->env->origins[0] == NULL)
        return;
    guard_header(guard, "Vary", "Origin");
    if (origin == NULL)
        return;
    guard_header(guard, "Access-Control-Allow-Origin", origin);
    guard_header(guard, "Access-Control-Expose-Headers",
                 "ETag, Location, Retry-After, WWW-Authenticate, X-Request-Id");
}

static void put_headers(struct guard *guard, const struct request *rq, int status, const char *tag)
{
    char date[HTTP_DATE_SIZE];

    http_date_now(date);
    guard_header(guard, "Date", date);
    guard_header(guard, "Content-Type", rq->media_type == NULL ? "application/json" : rq->media_type);
    if (tag != NULL)
        guard_header(guard, "ETag", tag);
    guard_header(guard, "X-Request-Id", rq->id);
    if (status == 503)
        guard_header(guard, "Retry-After", retry_after_s);
    put_cors(guard, rq);
    for (size_t i = 0; i < rq->header_count; i++)
        guard_header(guard, rq->names[i], rq->texts[i]);
}

/* Counts and logs it. */
void reply_account(const struct request *rq, const struct guard *guard, int status, size_t bytes)
{
    int64_t us = clock_monotonic_us(&clock_system) - guard_since_us(guard);

    meters_answered(rq->env->worker->meters, rq->route, status, us);
    log_info("http.request",
             "method=%s path=%s status=%d bytes=%zu ms=%" PRId64 ".%03d remote=%s request=%s by=%s%s",
             LOGQ(request_method_text(rq)), LOGQ(request_path(rq)), status, bytes, us / 1000,
             (int)(us % 1000), guard_remote(guard), rq->id, rq->by, rq->cut ? " cut=1" : "");
}

/* Answers to the guard, which may be the request's no more. */
static void send(struct request *rq, struct guard *guard, int status, const char *body, size_t len)
{
    char of_body[ETAG_SIZE];
    const char *tag = tag_of(rq, body, len, of_body);
    size_t sent = len;

    if (is_not_modified(rq, status, tag))
        status = 304;
    if (status == 304 || request_is_head(rq))
        sent = 0;
    put_headers(guard, rq, status, tag);
    reply_account(rq, guard, status, sent);
    guard_answer(guard, status, body, sent, len);
}

static void finish(struct request *rq, int status, const char *body, size_t len)
{
    if (rq->guard != NULL)
        send(rq, rq->guard, status, body, len);
    request_free(rq);
}

/* Only of what can be asked for once more: of a write the answer is all that tells what came of it. */
static bool is_beyond_room(struct request *rq, int status, const struct buf *body)
{
    char of_body[ETAG_SIZE];

    if (rq->guard == NULL || !request_is_get(rq) || request_is_head(rq) ||
        guard_has_room(rq->guard, body->len))
        return false;
    return !is_not_modified(rq, status, tag_of(rq, body->data, body->len, of_body));
}

void reply_json(struct request *rq, int status, const struct buf *body)
{
    if (buf_full(body)) {
        rq->media_type = NULL;
        log_error("http.too_large", "path=%s bytes=%zu request=%s", LOGQ(request_path(rq)), body->len,
                  rq->id);
        reply_message(rq, 500, "The answer is too large.");
        return;
    }
    if (is_beyond_room(rq, status, body)) {
        request_drop_answer(rq);
        reply_message(rq, 503,
                      "Too many large answers wait for their clients to read them; try again later.");
        return;
    }
    finish(rq, status, body->data, body->len);
}

void reply_text(struct request *rq, const char *media_type, const struct buf *body)
{
    rq->media_type = media_type;
    reply_json(rq, 200, body);
}

void reply_status(struct request *rq, int status)
{
    finish(rq, status, "", 0);
}

void reply_message(struct request *rq, int status, const char *fmt, ...)
{
    AUTO_BUF struct buf body = {0};
    char text[TEXT_SIZE];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    buf_init(&body, BODY_MAX);
    problem_put(&body, rq->id, text);
    finish(rq, status, body.data, body.len);
}

void reply_report(struct request *rq, const struct job_report *report)
{
    AUTO_BUF struct buf body = {0};

    assert(report->messages != NULL);
    buf_init(&body, BODY_MAX);
    problem_put_fields(&body, rq->id, report->messages);
    reply_json(rq, 400, &body);
}

static int status_of(enum err_kind kind)
{
    switch (kind) {
    case ERR_INVALID:
        return 400;
    case ERR_NOT_FOUND:
        return 404;
    case ERR_CONFLICT:
        return 409;
    case ERR_DENIED:
        return 403;
    case ERR_UNAVAILABLE:
        return 503;
    case ERR_NONE:
    case ERR_INTERNAL:
        break;
    }
    return 500;
}

/* The words are about our database, and not for everybody. */
static void log_unavailable(const struct request *rq, const struct err *err)
{
    log_warning("http.unavailable", "method=%s path=%s error=%s request=%s", LOGQ(request_method_text(rq)),
                LOGQ(request_path(rq)), LOGQ(err->text), rq->id);
}

void reply_err(struct request *rq, const struct err *err)
{
    int status = status_of(err->kind);

    if (status == 500) {
        log_error("http.failed", "method=%s path=%s error=%s request=%s", LOGQ(request_method_text(rq)),
                  LOGQ(request_path(rq)), LOGQ(err->text), rq->id);
        reply_message(rq, status, "An error occurred on the server; its log says more.");
    } else if (status == 503) {
        log_unavailable(rq, err);
        reply_message(rq, status, "The database does not answer; try again later.");
    } else {
        reply_message(rq, status, "%s", err->text);
    }
}

static const char read_text[] = "try again later.";

/* What is under way may go on, and nobody hears how it ends. */
static const char *unsure_text(const struct request *rq)
{
    if (request_is_get(rq) || (rq->route != NULL && (rq->route->flags & ROUTE_READ)))
        return read_text;
    return "what was asked for may have been done, or may yet be. Look before you ask again.";
}

static void answer_db_err(struct request *rq, const struct err *err, const char *unsure)
{
    struct err ours = *err;

    if (err->kind != ERR_UNAVAILABLE)
        ours.kind = ERR_INTERNAL;
    if (db_err_is_lock(err)) {
        log_unavailable(rq, err);
        reply_message(rq, 503,
                      "Nothing was done: another session of the database has locked what this needs, the"
                      " job's row most likely. Try again later.");
    } else if (db_err_is_unsure(err)) {
        log_unavailable(rq, err);
        reply_message(rq, 503, "The database does not answer: %s", unsure);
    } else {
        reply_err(rq, &ours);
    }
}

void reply_db_err(struct request *rq, const struct err *err)
{
    answer_db_err(rq, err, unsure_text(rq));
}

void reply_read_err(struct request *rq, const struct err *err)
{
    answer_db_err(rq, err, read_text);
}

void reply_late(struct request *rq)
{
    AUTO_BUF struct buf body = {0};
    AUTO_FREE char *text = mem_printf("The answer took too long: %s", unsure_text(rq));
    struct guard *guard = request_release(rq);

    request_drop_answer(rq); /* what the handler has said so far is about another answer */
    buf_init(&body, BODY_MAX);
    problem_put(&body, rq->id, text);
    send(rq, guard, 503, body.data, body.len);
}
