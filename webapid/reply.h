/*
 * The one place that answers. Each of reply_json(), reply_message(), reply_report(), reply_err() and
 * reply_status() is the one answer to a request: it ends the handler's hold on it (see request.h). May be
 * called from inside the handler or later, on the worker's thread.
 *
 * What every answer gets here: Date, Content-Length, X-Request-Id, an ETag (and 304 instead, if a GET's or
 * HEAD's If-None-Match has it) but after reply_no_store(), the CORS headers of configured origins,
 * Retry-After on 503, and a line in the access log.
 */
#pragma once

#include "attr.h"
#include "buf.h"
#include "err.h"
#include "job_report.h"
#include "request.h"

/* The media type is application/json; body is copied. */
void reply_json(struct request *rq, int status, const struct buf *body);
/* {"message": "...", "requestId": "..."}: problem.h. */
void reply_message(struct request *rq, int status, const char *fmt, ...) PRINTF(3, 4);
/* 400 {"messages": {...}, "requestId": "..."}: the report must not be clean. */
void reply_report(struct request *rq, const struct job_report *report);
/* A message with the status that the error's kind stands for: 400, 404, 409, 403, 503 or 500. A 500 is
 * logged with the error's text, and tells the client nothing of it. */
void reply_err(struct request *rq, const struct err *err);
/* The same of the database's error, in none of its words: 503, or 500, as what is to be expected is an answer
 * and no error (job_store.h); a lock of another session is named as the reason. Logged in any case. */
void reply_db_err(struct request *rq, const struct err *err);
/* The same for a request that is to write, and has only read so far: nothing was done. */
void reply_read_err(struct request *rq, const struct err *err);
/* 200 with a text of another media type, which is lent for ever. */
void reply_text(struct request *rq, const char *media_type, const struct buf *body);
/* No body. */
void reply_status(struct request *rq, int status);

/* Before the answer: one more header, as Location; both are copied. */
void reply_header(struct request *rq, const char *name, const char *value);
/* Before the answer: the tag, with its quotes, as etag_of_job() makes it. Without this the tag is made of the
 * body. */
void reply_etag(struct request *rq, const char *tag);
/* Before the answer: it is about this moment, and no other. It has no tag, and is never 304. */
void reply_no_store(struct request *rq);
