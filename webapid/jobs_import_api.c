/*
 * POST /jobs/import: lines of JSON, a job each. See jobs_api.h.
 *
 * An import has a connection of its own, so that its transaction holds up nobody, and reads a few lines a
 * turn of the loop. All or nothing is one transaction over all batches, which ends with the connection unless
 * it is committed: so a lost connection is the end of the import, never a new beginning, as what followed
 * would be on its own. With mode=best-effort each batch is a transaction. One import at a time is written: a
 * lock of the connection's sees to that. With other writers it may deadlock all the same, as its batches are
 * no order of ids; then its transaction is done again, a few times.
 */
#include "jobs_api.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "api.h"
#include "attr.h"
#include "clock.h"
#include "db.h"
#include "job_import.h"
#include "job_import_store.h"
#include "log.h"
#include "mem.h"
#include "problem.h"
#include "reply.h"

enum {
    LINES_A_TURN = 200, /* a few milliseconds */
    CONNECT_S = 5,
    STATEMENT_MS = 12000, /* less than the time for an answer: who hears 503 has heard the last word */
    ANSWER_MAX = 16 * 1024 * 1024,
    CLASHES_MAX = 5, /* of one transaction */
};

struct importing {
    struct request *rq; /* lent */
    struct db *db;      /* owned; NULL: not needed any more */
    struct event *step; /* owned: the next lines; before the connection is there: it takes too long */
    struct job_import import;
    bool all_or_nothing;
    bool up;
    bool lost;     /* the connection, and with it what was not committed */
    bool may_stay; /* what is written: each batch commits itself, and one has been sent */
    int clashes;
    int64_t created;
};

static void importing_free(void *state)
{
    struct importing *i = state;

    db_free(i->db);
    if (i->step != NULL)
        event_free(i->step);
    job_import_done(&i->import);
    free(i);
}

static void again(struct importing *i)
{
    const struct timeval now = {0};

    event_add(i->step, &now);
}

/* Why an import ended before its end. */
static const char *cause_of(const struct importing *i, const struct err *err)
{
    if (i->lost)
        return "the connection to the database was lost";
    if (db_err_is_clash(err))
        return "it deadlocked with others who write jobs, again and again";
    if (db_err_is_lock(err))
        return "another session of the database has locked what it needs";
    return "the database does not answer";
}

/* No COMMIT was sent: of one transaction nothing stays. What was written by batches of their own stays, and
 * is told. */
static void fail(struct importing *i, const struct err *err)
{
    const char *cause = cause_of(i, err);

    if (err->kind == ERR_UNAVAILABLE) {
        log_warning("http.import_cut", "created=%" PRId64 " error=%s request=%s",
                    i->may_stay ? i->created : 0, LOGQ(err->text), request_id(i->rq));
        if (i->may_stay)
            reply_message(i->rq, 503,
                          "The import ended early, as %s: at least %" PRId64
                          " jobs were created. Import the same lines again; what is there is left alone.",
                          cause, i->created);
        else
            reply_message(i->rq, 503, "Nothing was imported, as %s; try again later.", cause);
    } else if (i->may_stay) {
        log_error("http.import_failed", "created=%" PRId64 " error=%s request=%s", i->created,
                  LOGQ(err->text), request_id(i->rq));
        reply_message(
            i->rq, 500,
            "The import ended early by an error on the server, whose log says more: at least %" PRId64
            " jobs were created.",
            i->created);
    } else {
        reply_db_err(i->rq, err);
    }
}

static void put_counts(struct buf *body, const struct importing *i, int64_t created)
{
    buf_printf(body, "\"created\":%" PRId64 ",\"failed\":%" PRId64, created, i->import.failed);
    job_import_put_results(body, &i->import);
    buf_putc(body, '}');
}

static void reply_refused(struct importing *i)
{
    AUTO_FREE char *text =
        mem_printf("Nothing was imported, as %" PRId64 " of the lines cannot be.", i->import.failed);
    AUTO_BUF struct buf body = {0};

    buf_init(&body, ANSWER_MAX);
    problem_put(&body, request_id(i->rq), text);
    body.data[body.len - 1] = ','; /* its closing brace: the object goes on */
    put_counts(&body, i, 0);
    reply_json(i->rq, 400, &body);
}

static void reply_imported(struct importing *i)
{
    AUTO_BUF struct buf body = {0};

    buf_init(&body, ANSWER_MAX);
    buf_putc(&body, '{');
    put_counts(&body, i, i->created);
    reply_json(i->rq, 200, &body);
}

/* Whether to go on after an answer of the database. What was asked on another connection than the import
 * began on was answered out of its transaction. */
static bool went_well(struct importing *i, const struct err *err)
{
    struct err lost = {0};

    if (err == NULL && !i->lost)
        return true;
    if (err == NULL)
        err_set(&lost, ERR_UNAVAILABLE, "the connection of the import was lost");
    fail(i, err == NULL ? &lost : err);
    return false;
}

static void on_rolled_back(void *arg, const struct db_result *result UNUSED, const struct err *err);
static void write_batch(struct importing *i);

/* Whether what failed is done again from where its transaction began. */
static bool begin_again(struct importing *i, const struct err *err)
{
    const char *body;
    size_t len;

    if (err == NULL || i->lost || !db_err_is_clash(err) || ++i->clashes > CLASHES_MAX)
        return false;
    log_info("http.import_again", "error=%s request=%s", LOGQ(err->text), request_id(i->rq));
    request_more_time(i->rq);
    if (!i->all_or_nothing) {
        write_batch(i);
        return true;
    }
    body = request_body(i->rq, &len);
    job_import_done(&i->import);
    job_import_init(&i->import, body, len, request_worker(i->rq)->limits);
    i->created = 0;
    job_import_store_rollback(i->db, on_rolled_back, i);
    return true;
}

static void on_committed(void *arg, const struct db_result *result UNUSED, const struct err *err)
{
    struct importing *i = arg;

    if (begin_again(i, err))
        return;
    if (err == NULL && !i->lost) {
        reply_imported(i);
        return;
    }
    log_warning("http.import_unknown", "error=%s request=%s",
                LOGQ(err == NULL ? "the connection of the import was lost" : err->text), request_id(i->rq));
    reply_message(
        i->rq, 503,
        "The database did not say whether it has committed: the jobs may have been imported, all or none."
        " Look before you send them again.");
}

/* Nobody hears the answer: what is not committed yet is not going to be. */
static bool give_up(struct importing *i)
{
    struct err err = {0};

    if (request_is_awaited(i->rq))
        return false;
    err_set(&err, ERR_UNAVAILABLE, "the client has gone");
    fail(i, &err);
    return true;
}

/* All has been read and written. */
static void finish(struct importing *i)
{
    if (!i->all_or_nothing) {
        reply_imported(i);
    } else if (i->import.failed > 0) {
        reply_refused(i); /* and the connection goes, with all that was not committed */
    } else if (!give_up(i)) {
        request_more_time(i->rq);
        job_import_store_commit(i->db, on_committed, i);
    }
}

static void on_batch(void *arg, const struct db_result *result, const struct err *err)
{
    struct importing *i = arg;

    if (begin_again(i, err) || !went_well(i, err))
        return;
    for (int row = 0; row < db_rows(result); row++) {
        const struct job_import_taken taken = job_import_store_taken(result, row);

        job_import_exists(&i->import, &taken);
    }
    if (!i->all_or_nothing)
        i->clashes = 0;
    i->created += (int64_t)i->import.count - db_rows(result);
    job_import_next_batch(&i->import);
    request_more_time(i->rq);
    if (job_import_at_end(&i->import))
        finish(i);
    else
        again(i);
}

static void write_batch(struct importing *i)
{
    bool in_vain = i->all_or_nothing && i->import.failed > 0; /* the rest is only checked */

    if (i->import.count > 0 && !in_vain) {
        i->may_stay = !i->all_or_nothing;
        job_import_store_batch(i->db, &i->import, request_by(i->rq), on_batch, i);
        return;
    }
    job_import_next_batch(&i->import);
    if (job_import_at_end(&i->import))
        finish(i);
    else
        again(i);
}

static void on_step(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    struct importing *i = arg;
    struct err err = {0};

    if (!i->up) {
        err_set(&err, ERR_UNAVAILABLE, "no connection for an import within %d s", CONNECT_S);
        fail(i, &err);
        return;
    }
    if (!went_well(i, NULL) || give_up(i))
        return;
    request_more_time(i->rq);
    if (job_import_read(&i->import, LINES_A_TURN, api_zones(i->rq), clock_wall_s(&clock_system)))
        write_batch(i);
    else
        again(i);
}

static void on_begun(void *arg, const struct db_result *result UNUSED, const struct err *err)
{
    if (went_well(arg, err))
        again(arg);
}

static void on_rolled_back(void *arg, const struct db_result *result UNUSED, const struct err *err)
{
    struct importing *i = arg;

    if (went_well(i, err))
        job_import_store_begin(i->db, on_begun, i);
}

static void on_locked(void *arg, const struct db_result *result UNUSED, const struct err *err)
{
    struct importing *i = arg;

    if (err != NULL && err->kind == ERR_UNAVAILABLE && !i->lost) {
        log_warning("http.import_waited", "error=%s request=%s", LOGQ(err->text), request_id(i->rq));
        reply_message(i->rq, 503, "Another import is being written; try again later.");
        return;
    }
    if (!went_well(i, err))
        return;
    if (i->all_or_nothing)
        job_import_store_begin(i->db, on_begun, i);
    else
        again(i);
}

static void on_down(void *arg, const struct err *err UNUSED)
{
    struct importing *i = arg;

    i->lost = true; /* who waits for an answer, or for the next step, acts on it */
}

static void on_up(void *arg)
{
    struct importing *i = arg;

    if (i->up)
        return; /* another one: i->lost says so */
    i->up = true;
    event_del(i->step);
    request_more_time(i->rq);
    job_import_store_lock(i->db, on_locked, i);
}

static bool connect_to_database(struct importing *i, struct err *err)
{
    const struct worker *worker = request_worker(i->rq);
    const struct db_options options = {
        .url = worker->database_url,
        .application_name = "webapid import",
        .deadline_ms = STATEMENT_MS,
        .on_up = on_up,
        .on_down = on_down,
        .arg = i,
    };
    const struct timeval patience = {.tv_sec = CONNECT_S};

    i->step = event_new(worker->base, -1, 0, on_step, i);
    if (i->step == NULL || event_add(i->step, &patience) != 0)
        abort(); /* out of memory */
    i->db = db_new(worker->base, &options, err);
    return i->db != NULL;
}

static bool read_mode(struct request *rq, bool *all_or_nothing)
{
    const char *mode = request_query(rq, "mode");

    *all_or_nothing = mode == NULL || strcmp(mode, "all-or-nothing") == 0;
    return *all_or_nothing || strcmp(mode, "best-effort") == 0;
}

void jobs_import(struct request *rq)
{
    struct importing *i = mem_alloc(sizeof *i);
    struct err err = {0};
    const char *body;
    size_t len;

    i->rq = rq;
    body = request_body(rq, &len);
    job_import_init(&i->import, body, len, request_worker(rq)->limits);
    request_keep(rq, i, importing_free);
    if (request_header(rq, "Idempotency-Key") != NULL)
        reply_message(rq, 400, "An import takes no Idempotency-Key: it creates no job twice.");
    else if (!read_mode(rq, &i->all_or_nothing))
        reply_message(rq, 400, "mode must be all-or-nothing or best-effort.");
    else if (!connect_to_database(i, &err))
        reply_err(rq, &err);
}
