/* See job_times.h. */
#include "job_times.h"

#include <stdlib.h>
#include <string.h>

#include "chance.h"
#include "cron.h"
#include "job.h"
#include "limits.h"
#include "mem.h"
#include "zone.h"

enum { RESOLVED_MAX = JOB_SCHEDULE_MAX + 16 };

/* What the field is going to be. */
static const char *coming(const struct job_draft *draft, const struct job_row *row, enum job_field field)
{
    if (job_draft_has(draft, field) || row == NULL)
        return draft->text[field];
    return row->text[field];
}

static void resolve(struct job_draft *draft, struct job_report *report)
{
    const struct job_at at = {report, NULL, job_field_name(JOB_SCHEDULE)};
    AUTO_BUF struct buf text = {0};

    if (draft->text[JOB_SCHEDULE] == NULL || strchr(draft->text[JOB_SCHEDULE], '?') == NULL)
        return;
    buf_init(&text, RESOLVED_MAX);
    cron_resolve(draft->text[JOB_SCHEDULE], chance_below, &text);
    if (text.len > JOB_SCHEDULE_MAX)
        job_complain(&at, "Longer than maximum length %d.", JOB_SCHEDULE_MAX);
    job_draft_give(draft, JOB_SCHEDULE, buf_steal(&text));
}

static void warn(enum job_field field, const char *text, struct job_report *report)
{
    const struct job_at at = {report, NULL, job_field_name(field)};

    job_warn(&at, "%s", text);
}

static void warn_of_the_past(const struct job_timing *timing, int64_t now_s, struct job_report *report)
{
    int64_t t;

    if (timing->start_s > timing->end_s || job_timing_next(timing, now_s, &t))
        return; /* job_timing has its say about the first */
    if (timing->end_s < now_s)
        warn(JOB_SCHEDULE_END, "is in the past, so that the job does not fire any more", report);
    else if (!cron_next(&timing->cron, zone_tz(timing->zone), now_s, &t))
        warn(JOB_SCHEDULE, "is wholly in the past, so that the job does not fire any more", report);
    else if (timing->end_s == INT64_MAX)
        warn(JOB_SCHEDULE_START, "is after the last fire time of the schedule, so that the job never fires",
             report);
    else
        warn(JOB_SCHEDULE_END,
             "leaves no fire time of the schedule from now or scheduleStart on, so that the job"
             " does not fire any more",
             report);
}

bool job_times_compile(struct job_draft *draft, const struct job_row *row, struct zones *zones, int64_t now_s,
                       struct job_timing *ret, struct job_report *report)
{
    struct job_timing_texts texts;

    resolve(draft, report);
    texts = (struct job_timing_texts){
        .schedule = coming(draft, row, JOB_SCHEDULE),
        .timezone = coming(draft, row, JOB_TIMEZONE),
        .schedule_start = coming(draft, row, JOB_SCHEDULE_START),
        .schedule_end = coming(draft, row, JOB_SCHEDULE_END),
    };
    if (texts.schedule == NULL)
        texts.schedule =
            "0"; /* that it is missing or bad has been said; the others are to be looked at, too */
    if (!job_timing_check(&texts, zones, ret, report))
        return false;
    warn_of_the_past(ret, now_s, report);
    return true;
}

void job_times_check(struct job_draft *draft, const struct job_row *row, struct zones *zones, int64_t now_s,
                     struct job_report *report)
{
    struct job_timing timing;

    if (job_times_compile(draft, row, zones, now_s, &timing, report))
        job_timing_done(&timing);
}
