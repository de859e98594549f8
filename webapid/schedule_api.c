/* See schedule_api.h. */
#include "schedule_api.h"

#include <stdlib.h>

#include "api.h"
#include "clock.h"
#include "job_store.h"
#include "job_times.h"
#include "json.h"
#include "limits.h"
#include "mem.h"
#include "preview.h"
#include "reply.h"

enum { ANSWER_MAX = 1024 * 1024 };

static void answer(struct request *rq, const struct preview *preview, const char *schedule,
                   const struct job_timing *timing, int64_t now_s, const struct job_report *report)
{
    AUTO_BUF struct buf body = {0};

    buf_init(&body, ANSWER_MAX);
    preview_put(&body, preview, schedule, timing, now_s, report);
    reply_json(rq, 200, &body);
}

void schedule_preview(struct request *rq)
{
    AUTO_JOB_REPORT struct job_report report = {0};
    AUTO_PREVIEW struct preview preview = {0};
    AUTO_JOB_TIMING struct job_timing timing = {0};
    AUTO_JSON struct json_object *value = NULL;
    int64_t now_s = clock_wall_s(&clock_system);
    struct err err = {0};

    if (!api_read_body(rq, &value, &err)) {
        reply_err(rq, &err);
        return;
    }
    preview_read(value, &preview, &report);
    job_times_compile(&preview.draft, NULL, api_zones(rq), now_s, &timing, &report);
    if (job_report_clean(&report))
        answer(rq, &preview, preview.draft.text[JOB_SCHEDULE], &timing, now_s, &report);
    else
        reply_report(rq, &report);
}

static void preview_free(void *state)
{
    preview_done(state);
    free(state);
}

static void on_looked(void *arg, const struct db_result *result, const struct err *err)
{
    struct request *rq = arg;
    struct preview *preview = request_kept(rq);
    AUTO_JOB_REPORT struct job_report report = {0};
    AUTO_JOB_TIMING struct job_timing timing = {0};
    int64_t now_s = clock_wall_s(&clock_system);
    struct job_row row;

    if (err != NULL) {
        reply_db_err(rq, err);
        return;
    }
    if (db_rows(result) == 0) {
        reply_message(rq, 404, "Job %s does not exist.", request_param(rq));
        return;
    }
    row = job_store_row(result, 0);
    if (job_times_compile(&preview->draft, &row, api_zones(rq), now_s, &timing, &report))
        answer(rq, preview, row.text[JOB_SCHEDULE], &timing, now_s, &report);
    else
        reply_report(rq, &report);
}

void job_fire_times(struct request *rq)
{
    AUTO_JOB_REPORT struct job_report report = {0};
    struct preview *preview = mem_alloc(sizeof *preview);

    request_keep(rq, preview, preview_free);
    if (preview_read_query(request_query(rq, "count"), request_query(rq, "after"), preview, &report))
        job_store_get(request_worker(rq)->reads, request_param(rq), on_looked, rq);
    else
        reply_report(rq, &report);
}
