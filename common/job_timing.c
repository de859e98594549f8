/* See job_timing.h. */
#include "job_timing.h"

#include <string.h>

#include "job.h"
#include "job_report.h"
#include "tz.h"
#include "zone.h"

/* cron's own sentences begin so: a schedule without fault in its syntax, that is nevertheless refused. */
static const char sentence[] = "Schedule ";

static bool compile_schedule(const char *text, struct cron *ret, const struct job_at *at,
                             struct cron_notes *notes)
{
    struct err err = {0};

    if (text == NULL)
        return job_complain(at, "Missing data for required field.");
    if (!cron_parse(text, ret, notes, &err))
        return job_complain(
            at, "%s%s",
            strncmp(err.text, sentence, strlen(sentence)) == 0 ? "" : "Invalid schedule syntax: ", err.text);
    for (size_t i = 0; notes != NULL && i < notes->count; i++)
        job_warn(at, "%s", notes->text[i]);
    return true;
}

static bool find_zone(const char *name, struct zones *zones, const struct zone **ret, const struct job_at *at)
{
    struct err err = {0};

    return zones_find(zones, name, ret, &err) || job_complain(at, "%s", err.text);
}

static bool read_time(const char *text, struct timestamp *ret, const struct job_at *at)
{
    struct err err = {0};

    return text == NULL || timestamp_parse(text, ret, &err) || job_complain(at, "%s", err.text);
}

/* notes NULL: nobody wants warnings. */
static bool compile(const struct job_timing_texts *texts, struct zones *zones, struct job_timing *ret,
                    struct job_report *report, struct cron_notes *notes)
{
    const struct job_at schedule = {report, NULL, job_field_name(JOB_SCHEDULE)},
                        timezone = {report, NULL, job_field_name(JOB_TIMEZONE)},
                        start = {report, NULL, job_field_name(JOB_SCHEDULE_START)},
                        end = {report, NULL, job_field_name(JOB_SCHEDULE_END)};
    struct job_timing timing = {.start_s = INT64_MIN, .end_s = INT64_MAX};
    bool good;

    good = compile_schedule(texts->schedule, &timing.cron, &schedule, notes);
    good &= find_zone(texts->timezone, zones, &timing.zone, &timezone);
    good &= read_time(texts->schedule_start, &timing.start, &start);
    good &= read_time(texts->schedule_end, &timing.end, &end);
    if (!good) {
        job_timing_done(&timing);
        return false;
    }
    if (texts->schedule_start != NULL)
        timing.start_s = timestamp_start_s(&timing.start, zone_tz(timing.zone));
    if (texts->schedule_end != NULL)
        timing.end_s = timestamp_end_s(&timing.end, zone_tz(timing.zone));
    if (notes != NULL && timing.start_s > timing.end_s)
        job_warn(&end, "is before scheduleStart, so the job never fires");
    *ret = timing;
    return true;
}

bool job_timing_compile(const struct job_timing_texts *texts, struct zones *zones, struct job_timing *ret,
                        struct err *err)
{
    AUTO_JOB_REPORT struct job_report report = {0};

    return compile(texts, zones, ret, &report, NULL) || job_report_to_err(&report, err);
}

bool job_timing_check(const struct job_timing_texts *texts, struct zones *zones, struct job_timing *ret,
                      struct job_report *report)
{
    struct cron_notes notes = {0};

    return compile(texts, zones, ret, report, &notes);
}

void job_timing_done(struct job_timing *timing)
{
    cron_done(&timing->cron);
}

bool job_timing_next(const struct job_timing *timing, int64_t from, int64_t *ret)
{
    int64_t next;

    if (from < timing->start_s)
        from = timing->start_s;
    if (from > timing->end_s || !cron_next(&timing->cron, zone_tz(timing->zone), from, &next) ||
        next > timing->end_s)
        return false;
    *ret = next;
    return true;
}

void job_timing_zone_changed(struct job_timing *timing)
{
    const struct tz *tz = zone_tz(timing->zone);

    if (timing->start_s != INT64_MIN)
        timing->start_s = timestamp_start_s(&timing->start, tz);
    if (timing->end_s != INT64_MAX)
        timing->end_s = timestamp_end_s(&timing->end, tz);
}
