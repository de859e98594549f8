/*
 * Creating a job: POST /jobs, and PUT /jobs/{id} with `If-None-Match: *`. See jobs_api.h.
 */
#include "jobs_api.h"

#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "clock.h"
#include "idempotency.h"
#include "job_json.h"
#include "job_store.h"
#include "job_times.h"
#include "json.h"
#include "mem.h"
#include "reply.h"

struct creating {
    struct job_draft draft;
    struct job_report report;
    int taken;                              /* the status that says that there is such a job */
    const char *key;                        /* lent: Idempotency-Key; NULL: none */
    char request[IDEMPOTENCY_REQUEST_SIZE]; /* what it came with */
};

static void creating_free(void *state)
{
    struct creating *c = state;

    job_draft_done(&c->draft);
    job_report_done(&c->report);
    free(c);
}

static void reply_created(struct request *rq, const char *id, int64_t revision, const struct buf *answer)
{
    AUTO_FREE char *location = mem_printf("/jobs/%s", id);

    reply_header(rq, "Location", location);
    api_reply_tagged(rq, 201, revision, answer);
}

static void put_answer(struct buf *answer, const struct creating *c)
{
    buf_init(answer, API_SAVED_MAX);
    job_json_put_saved(answer, job_draft_id(&c->draft), &c->report);
}

static void on_created(void *arg, const struct db_result *result, const struct err *err)
{
    struct request *rq = arg;
    const struct creating *c = request_kept(rq);
    AUTO_BUF struct buf answer = {0};
    struct job_write write;

    if (err != NULL) {
        reply_db_err(rq, err);
        return;
    }
    write = job_store_written(result);
    if (write.outcome == JOB_EXISTS) {
        reply_message(rq, c->taken, "Job %s already exists.", job_draft_id(&c->draft));
        return;
    }
    put_answer(&answer, c);
    reply_created(rq, job_draft_id(&c->draft), write.revision, &answer);
}

static void on_created_once(void *arg, const struct db_result *result, const struct err *err)
{
    struct request *rq = arg;
    const struct creating *c = request_kept(rq);
    AUTO_BUF struct buf answer = {0};
    struct job_once once;

    if (err != NULL) {
        reply_db_err(rq, err);
        return;
    }
    once = job_store_once(result);
    if (strcmp(once.request, c->request) != 0) {
        reply_message(rq, 422, "Idempotency-Key %s was used before, for a request with another body.",
                      c->key);
    } else if (once.exists) {
        reply_message(rq, c->taken, "Job %s already exists.", once.id);
    } else {
        buf_init(&answer, API_SAVED_MAX);
        buf_puts(&answer, once.answer);
        reply_created(rq, once.id, once.revision, &answer);
    }
}

static void insert(struct request *rq, struct creating *c)
{
    struct db *db = request_worker(rq)->writes;
    AUTO_BUF struct buf answer = {0};
    const char *body;
    size_t len;

    if (c->key == NULL) {
        job_store_insert(db, &c->draft, on_created, rq);
        return;
    }
    body = request_body(rq, &len);
    idempotency_request(body, len, c->request);
    put_answer(&answer, c);
    job_store_insert_once(db, &c->draft, c->key, c->request, answer.data, on_created_once, rq);
}

/* id NULL: the body has it. */
static void create(struct request *rq, struct creating *c, const char *id)
{
    AUTO_JSON struct json_object *value = NULL;
    struct err err;

    request_keep(rq, c, creating_free);
    if (!api_read_body(rq, &value, &err)) {
        reply_err(rq, &err);
        return;
    }
    job_json_read_new(value, id, &c->draft, &c->report);
    c->draft.by = request_by(rq);
    job_times_check(&c->draft, NULL, api_zones(rq), clock_wall_s(&clock_system), &c->report);
    if (!job_report_clean(&c->report)) {
        reply_report(rq, &c->report);
        return;
    }
    insert(rq, c);
}

static struct creating *creating_new(int taken)
{
    struct creating *c = mem_alloc(sizeof *c);

    c->taken = taken;
    return c;
}

void jobs_create(struct request *rq)
{
    const char *key = request_header(rq, "Idempotency-Key");
    struct creating *c;
    struct err err;

    if (key != NULL && !idempotency_check(key, &err)) {
        reply_err(rq, &err);
        return;
    }
    c = creating_new(409);
    c->key = key;
    create(rq, c, NULL);
}

void job_create(struct request *rq)
{
    if (strcmp(request_header(rq, "If-None-Match"), "*") != 0)
        reply_message(rq, 400,
                      "If-None-Match of a PUT can only be *, which creates the job unless it is there.");
    else if (request_header(rq, "If-Match") != NULL)
        reply_message(rq, 412, "If-Match wants a job that is there, If-None-Match: * one that is not.");
    else if (request_header(rq, "Idempotency-Key") != NULL)
        reply_message(rq, 400,
                      "A PUT takes no Idempotency-Key: with If-None-Match: * it can be repeated as it is.");
    else
        create(rq, creating_new(412), request_param(rq));
}
