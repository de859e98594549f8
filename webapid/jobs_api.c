/*
 * See jobs_api.h. What a request that writes has read is kept with it until the database has answered.
 *
 * A change of fields that stand for themselves is one UPDATE. The fields that say when the job fires, or what
 * RunTask overrides, have to fit those that the job has already, so they are read, merged, checked, and
 * written only if nobody changed the job in between; else all of it is done again. So is a request that is to
 * be refused: "no such job" comes first.
 */
#include "jobs_api.h"

#include <inttypes.h>
#include <stdlib.h>

#include "api.h"
#include "clock.h"
#include "etag.h"
#include "job_json.h"
#include "job_list.h"
#include "job_store.h"
#include "job_times.h"
#include "json.h"
#include "limits.h"
#include "mem.h"
#include "reply.h"

enum {
    SHOWN_MAX = 16 * 1024 * 1024, /* of one job: less than 100 kB, unless its row was written by hand */
    LIST_MAX = SHOWN_MAX + 4 * JOB_LIST_BYTES, /* with what the scheduler says of each */
    LINKS_MAX = 64 * 1024,                     /* next and prev have what the query had, percent-encoded */
    REVISIONS_MAX = HTTP_HEADER_BLOCK_MAX,
    TRIES_MAX = 50,
};

struct writing {
    struct job_draft draft;
    struct job_report report;
    struct err unreadable; /* why the body is no JSON; kind ERR_NONE: it is */
    struct buf revisions;  /* those that If-Match asks for */
    bool conditional;      /* there is an If-Match */
    bool looked;           /* the update is good only for the revision that was looked at */
    int tries;
};

static void writing_free(void *state)
{
    struct writing *w = state;

    job_draft_done(&w->draft);
    job_report_done(&w->report);
    buf_done(&w->revisions);
    free(w);
}

static struct writing *writing_new(struct request *rq)
{
    struct writing *w = mem_alloc(sizeof *w);

    buf_init(&w->revisions, REVISIONS_MAX);
    w->conditional = etag_revisions(request_header(rq, "If-Match"), &w->revisions);
    request_keep(rq, w, writing_free);
    return w;
}

static void reply_missing(struct request *rq)
{
    reply_message(rq, 404, "Job %s does not exist.", request_param(rq));
}

static void reply_moved(struct request *rq)
{
    reply_message(rq, 412, "Job %s has been changed: it is not in the state that If-Match asks for.",
                  request_param(rq));
}

/* --- GET --- */

static void on_shown(void *arg, const struct db_result *result, const struct err *err)
{
    struct request *rq = arg;
    AUTO_BUF struct buf body = {0};
    struct job_row row;

    if (err != NULL) {
        reply_db_err(rq, err);
        return;
    }
    if (db_rows(result) == 0) {
        reply_missing(rq);
        return;
    }
    row = job_store_row(result, 0);
    buf_init(&body, SHOWN_MAX);
    job_json_put(&body, &row, api_zones(rq));
    api_reply_tagged(rq, 200, row.revision, &body);
}

void job_show(struct request *rq)
{
    job_store_get(request_worker(rq)->reads, request_param(rq), on_shown, rq);
}

/* What GET /jobs asks of the database. Its answers come in any order: a list that was cancelled, say, is
 * answered before a count that is run once more. */
struct listing {
    struct job_list list;
    int awaited;            /* answers that are to come; the last one is answered by ours */
    struct err err;         /* of the first of them that failed; kind ERR_NONE: none has */
    struct buf jobs, links; /* owned: the answer's beginning, and its end */
    int64_t counted;
};

static void listing_free(void *state)
{
    struct listing *listing = state;

    buf_done(&listing->jobs);
    buf_done(&listing->links);
    free(listing);
}

static void answer_listing(struct request *rq)
{
    struct listing *listing = request_kept(rq);
    struct buf *body = &listing->jobs;

    if (listing->err.kind != ERR_NONE) {
        reply_db_err(rq, &listing->err);
        return;
    }
    if (listing->list.total)
        job_list_put_total(body, listing->counted);
    buf_put(body, listing->links.data, listing->links.len);
    buf_putc(body, '}');
    reply_json(rq, 200, body);
}

static void note_answer(struct request *rq, const struct err *err)
{
    struct listing *listing = request_kept(rq);

    if (err != NULL && listing->err.kind == ERR_NONE)
        listing->err = *err;
    if (--listing->awaited == 0)
        answer_listing(rq);
}

static void on_counted(void *arg, const struct db_result *result, const struct err *err)
{
    struct listing *listing = request_kept(arg);

    if (err == NULL)
        listing->counted = job_store_number(result);
    note_answer(arg, err);
}

static void put_listed(struct listing *listing, const struct db_result *result, struct zones *zones)
{
    const struct job_list *list = &listing->list;
    const int shown = db_rows(result) < list->page.count ? db_rows(result) : (int)list->page.count;
    struct job_row row = {0};

    buf_init(&listing->jobs, LIST_MAX);
    buf_puts(&listing->jobs, "{\"jobs\":[");
    for (int i = 0; i < shown; i++) {
        row = job_store_row(result, i);
        if (i > 0)
            buf_putc(&listing->jobs, ',');
        job_json_put(&listing->jobs, &row, zones);
    }
    buf_putc(&listing->jobs, ']');
    buf_init(&listing->links, LINKS_MAX);
    job_list_put_links(&listing->links, list,
                       &(struct job_list_last){shown, row.more, row.ordinal, row.text[JOB_ID]});
}

static void on_listed(void *arg, const struct db_result *result, const struct err *err)
{
    if (err == NULL)
        put_listed(request_kept(arg), result, api_zones(arg));
    note_answer(arg, err);
}

void jobs_list(struct request *rq)
{
    const struct job_list_query query = {
        .skip = request_query(rq, "skip"),
        .count = request_query(rq, "count"),
        .after = request_query(rq, "after"),
        .task_definition = request_query(rq, "taskDefinition"),
        .suspended = request_query(rq, "suspended"),
        .prefix = request_query(rq, "prefix"),
        .total = request_query(rq, "total"),
    };
    AUTO_JOB_REPORT struct job_report report = {0};
    struct listing *listing = mem_alloc(sizeof *listing);
    struct db *db = request_worker(rq)->reads;

    request_keep(rq, listing, listing_free);
    if (!job_list_read(&query, &listing->list, &report)) {
        reply_report(rq, &report);
        return;
    }
    listing->awaited = listing->list.total ? 2 : 1;
    if (listing->list.total)
        job_store_count(db, &listing->list, on_counted, rq);
    job_store_list(db, &listing->list, on_listed, rq);
}

/* --- PUT --- */

static void change(struct request *rq);

static void on_changed(void *arg, const struct db_result *result, const struct err *err)
{
    struct request *rq = arg;
    struct writing *w = request_kept(rq);
    struct job_write write;

    if (err != NULL) {
        reply_db_err(rq, err);
        return;
    }
    write = job_store_written(result);
    if (write.outcome == JOB_WRITTEN) {
        if (job_draft_has(&w->draft, JOB_TASK_COUNT) || job_draft_has(&w->draft, JOB_MAX_COUNT))
            job_json_warn_of_counts(write.task_count, write.max_count, &w->report);
        api_reply_saved(rq, 200, request_param(rq), write.revision, &w->report);
    } else if (write.outcome == JOB_MOVED && w->looked) {
        change(rq); /* somebody was faster */
    } else if (write.outcome == JOB_MOVED && w->conditional) {
        reply_moved(rq);
    } else {
        reply_missing(rq);
    }
}

static void update_if_revision(struct request *rq, int64_t revision)
{
    struct writing *w = request_kept(rq);
    AUTO_FREE char *only = mem_printf("{%" PRId64 "}", revision);

    w->looked = true;
    job_store_update(request_worker(rq)->writes, request_param(rq), &w->draft, only, on_changed, rq);
}

static void on_looked(void *arg, const struct db_result *result, const struct err *err)
{
    struct request *rq = arg;
    struct writing *w = request_kept(rq);
    struct job_row row;

    if (err != NULL) {
        reply_read_err(rq, err);
        return;
    }
    if (db_rows(result) == 0) {
        reply_missing(rq);
        return;
    }
    if (w->unreadable.kind != ERR_NONE) {
        reply_err(rq, &w->unreadable);
        return;
    }
    row = job_store_row(result, 0);
    if (job_draft_times(&w->draft))
        job_times_check(&w->draft, &row, api_zones(rq), clock_wall_s(&clock_system), &w->report);
    if (job_draft_overrides(&w->draft) && job_report_clean(&w->report))
        job_json_check_lengths(&w->draft, &row, &w->report);
    if (!job_report_clean(&w->report))
        reply_report(rq, &w->report);
    else if (w->conditional && !etag_has_revision(w->revisions.data, row.revision))
        reply_moved(rq);
    else if (w->draft.given == 0)
        api_reply_saved(rq, 200, request_param(rq), row.revision, &w->report);
    else
        update_if_revision(rq, row.revision);
}

/* Reads the body and does what it says; again, when somebody else changed the job in the meantime. */
static void change(struct request *rq)
{
    struct writing *w = request_kept(rq);
    const struct worker *worker = request_worker(rq);
    AUTO_JSON struct json_object *value = NULL;

    if (++w->tries > TRIES_MAX) {
        reply_message(rq, 503, "Job %s is being changed by others all the time; try again later.",
                      request_param(rq));
        return;
    }
    job_draft_done(&w->draft);
    job_report_done(&w->report);
    if (api_read_body(rq, &value, &w->unreadable))
        job_json_read_change(value, request_param(rq), &w->draft, &w->report);
    w->draft.by = request_by(rq);
    if (w->unreadable.kind != ERR_NONE || !job_report_clean(&w->report) || w->draft.given == 0 ||
        job_draft_times(&w->draft) || job_draft_overrides(&w->draft))
        job_store_get(worker->reads, request_param(rq), on_looked, rq);
    else
        job_store_update(worker->writes, request_param(rq), &w->draft,
                         w->conditional ? w->revisions.data : NULL, on_changed, rq);
}

void job_change(struct request *rq)
{
    if (request_header(rq, "If-None-Match") != NULL) {
        job_create(rq);
        return;
    }
    writing_new(rq);
    change(rq);
}

/* --- DELETE --- */

static void on_deleted(void *arg, const struct db_result *result, const struct err *err)
{
    struct request *rq = arg;
    const struct writing *w = request_kept(rq);
    AUTO_BUF struct buf body = {0};
    enum job_outcome outcome;

    if (err != NULL) {
        reply_db_err(rq, err);
        return;
    }
    outcome = job_store_written(result).outcome;
    if (outcome == JOB_MOVED && w->conditional) {
        reply_moved(rq);
        return;
    }
    if (outcome != JOB_WRITTEN) {
        reply_missing(rq);
        return;
    }
    buf_init(&body, API_SAVED_MAX);
    buf_puts(&body, "{\"id\":");
    json_put_string(&body, request_param(rq));
    buf_putc(&body, '}');
    reply_json(rq, 200, &body);
}

void job_delete(struct request *rq)
{
    const struct writing *w;

    if (request_header(rq, "If-None-Match") != NULL) {
        reply_message(rq, 400, "If-None-Match means nothing in a DELETE; If-Match does.");
        return;
    }
    w = writing_new(rq);
    job_store_delete(request_worker(rq)->writes, request_param(rq), w->conditional ? w->revisions.data : NULL,
                     on_deleted, rq);
}
