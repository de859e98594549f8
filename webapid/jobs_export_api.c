/*
 * GET /jobs/export: all jobs, one a line, in the order of creation. See jobs_api.h.
 *
 * Read page by page, the next one when the client has taken the one before: memory does not grow, other
 * requests have their turn in between, and a client that is slow holds nothing. So it is no snapshot: a job
 * that comes, goes or changes meanwhile is in it as it is when its page is read, or not at all. What is made
 * after the beginning is left out: it may have the id of a job that is in it already and was deleted since.
 */
#include "jobs_api.h"

#include <stdlib.h>

#include "err.h"
#include "job_json.h"
#include "job_store.h"
#include "log.h"
#include "mem.h"
#include "reply.h"
#include "reply_stream.h"

enum { PAGE = 500, PIECE_MAX = 32 * 1024 * 1024 /* JOB_EXPORT_BYTES, and a job that was written by hand */ };

static const struct err too_large = {ERR_INTERNAL, .text = "a page is larger than an answer may be"};

struct exporting {
    int64_t after, to; /* ordinals */
    bool begun;
};

static void on_page(void *arg, const struct db_result *result, const struct err *err);

static void next_page(struct request *rq)
{
    const struct exporting *e = request_kept(rq);

    if (request_is_awaited(rq))
        job_store_export(request_worker(rq)->reads, e->after, e->to, PAGE, on_page, rq);
    else
        reply_stream_end(rq, false);
}

static void put_page(struct buf *piece, struct exporting *e, const struct db_result *result)
{
    struct job_row row;

    for (int i = 0; i < db_rows(result); i++) {
        row = job_store_exported(result, i);
        job_json_put_definition(piece, &row);
        buf_putc(piece, '\n');
        e->after = row.ordinal;
    }
}

static void fail(struct request *rq, const struct err *err)
{
    const struct exporting *e = request_kept(rq);

    if (!e->begun) {
        reply_db_err(rq, err);
        return;
    }
    log_warning("http.export_cut", "error=%s request=%s", LOGQ(err->text), request_id(rq));
    reply_stream_end(rq, false);
}

static void on_page(void *arg, const struct db_result *result, const struct err *err)
{
    struct request *rq = arg;
    struct exporting *e = request_kept(rq);
    AUTO_BUF struct buf piece = {0};

    if (err != NULL) {
        fail(rq, err);
        return;
    }
    if (!e->begun && !reply_stream(rq, "application/x-ndjson", next_page))
        return;
    e->begun = true;
    buf_init(&piece, PIECE_MAX);
    put_page(&piece, e, result);
    if (buf_full(&piece))
        fail(rq, &too_large); /* never as if it were whole */
    else if (piece.len > 0)
        reply_stream_put(rq, &piece);
    else
        reply_stream_end(rq, true);
}

static void on_last(void *arg, const struct db_result *result, const struct err *err)
{
    struct exporting *e = request_kept(arg);

    if (err != NULL) {
        fail(arg, err);
        return;
    }
    e->to = job_store_number(result);
    next_page(arg);
}

void jobs_export(struct request *rq)
{
    request_keep(rq, mem_alloc(sizeof(struct exporting)), free);
    job_store_last(request_worker(rq)->reads, on_last, rq);
}
