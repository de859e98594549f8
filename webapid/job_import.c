/* See job_import.h. */
#include "job_import.h"

#include <inttypes.h>
#include <string.h>

#include <json-c/json.h>

#include "http_limits.h"
#include "job_draft.h"
#include "job_json.h"
#include "job_report.h"
#include "job_times.h"
#include "json.h"
#include "mem.h"

enum { RESULTS_MAX = 8 * 1024 * 1024, BATCH_BYTES = 4 * 1024 * 1024, TURN_BYTES = 256 * 1024, SPACES = 3 };

static const char blank[] = " \t\r";

static void init_batch(struct job_import *im)
{
    for (size_t i = 0; i < JOB_FIELDS; i++)
        db_array_init(&im->columns[i]);
    db_array_init(&im->lines);
    im->count = 0;
}

static void done_batch(struct job_import *im)
{
    for (size_t i = 0; i < JOB_FIELDS; i++)
        db_array_done(&im->columns[i]);
    db_array_done(&im->lines);
}

void job_import_init(struct job_import *im, const char *body, size_t len, const struct http_limits *limits)
{
    *im = (struct job_import){.at = body, .end = body + len, .limits = limits};
    buf_init(&im->results, RESULTS_MAX);
    init_batch(im);
}

void job_import_done(struct job_import *im)
{
    done_batch(im);
    buf_done(&im->results);
}

void job_import_next_batch(struct job_import *im)
{
    done_batch(im);
    init_batch(im);
}

bool job_import_at_end(const struct job_import *im)
{
    return im->at == im->end;
}

/* Begins what is said of a line; false: enough has been said. */
static bool begin_result(struct job_import *im, int64_t line, const char *id)
{
    struct buf *results = &im->results;

    if (im->shown == JOB_IMPORT_RESULTS || results->len > RESULTS_MAX / 2) {
        im->hidden++;
        return false;
    }
    buf_printf(results, "%s{\"line\":%" PRId64, im->shown++ > 0 ? "," : "", line);
    if (id != NULL) {
        buf_puts(results, ",\"id\":");
        json_put_string(results, id);
    }
    return true;
}

static void say_message(struct job_import *im, int64_t line, const char *id, const char *text)
{
    if (!begin_result(im, line, id))
        return;
    buf_puts(&im->results, ",\"message\":");
    json_put_string(&im->results, text);
    buf_putc(&im->results, '}');
}

static void say_report(struct job_import *im, const char *id, const struct job_report *report)
{
    if (!begin_result(im, im->line, id))
        return;
    buf_putc(&im->results, ',');
    if (report->messages != NULL) {
        buf_puts(&im->results, "\"messages\":");
        json_put_value(&im->results, report->messages);
    } else {
        job_report_put_warnings(&im->results, report);
    }
    buf_putc(&im->results, '}');
}

void job_import_exists(struct job_import *im, const struct job_import_taken *taken)
{
    AUTO_FREE char *twin =
        taken->twin == 0 ? NULL : mem_printf("Line %" PRId64 " has the same id.", taken->twin);

    im->failed++;
    say_message(im, taken->line, taken->id,
                twin != NULL   ? twin
                : taken->by_us ? "A line before has the same id."
                               : "There is a job with this id already.");
}

static void add(struct job_import *im, const struct job_draft *draft)
{
    for (size_t i = 0; i < JOB_FIELDS; i++)
        db_array_text(&im->columns[i], draft->text[i]);
    db_array_int64(&im->lines, im->line);
    im->count++;
}

static bool read_json(const struct job_import *im, const char *text, size_t len, struct json_object **ret,
                      struct err *err)
{
    if (len > im->limits->body)
        return err_set(err, ERR_INVALID, "The line is longer than %zu bytes.", im->limits->body);
    return json_parse_within(im->limits->json, text, len, ret, err);
}

static void read_line(struct job_import *im, const char *text, size_t len, struct zones *zones, int64_t now_s)
{
    AUTO_JOB_DRAFT struct job_draft draft = {0};
    AUTO_JOB_REPORT struct job_report report = {0};
    AUTO_JSON struct json_object *value = NULL;
    struct err err;

    if (!read_json(im, text, len, &value, &err)) {
        im->failed++;
        say_message(im, im->line, NULL, err.text);
        return;
    }
    job_json_read_new(value, NULL, &draft, &report);
    job_times_check(&draft, NULL, zones, now_s, &report);
    if (!job_report_clean(&report))
        im->failed++;
    else
        add(im, &draft);
    if (report.messages != NULL || report.warnings != NULL)
        say_report(im, job_draft_id(&draft), &report);
}

static size_t batch_bytes(const struct job_import *im)
{
    size_t bytes = 0;

    for (size_t i = 0; i < JOB_FIELDS; i++)
        bytes += im->columns[i].buf.len;
    return bytes;
}

bool job_import_read(struct job_import *im, int lines, struct zones *zones, int64_t now_s)
{
    const char *const begun = im->at;

    for (; lines > 0 && im->at < im->end && im->at - begun < TURN_BYTES; lines--) {
        const char *text = im->at, *lf = memchr(text, '\n', (size_t)(im->end - text));
        size_t len = (size_t)((lf == NULL ? im->end : lf) - text);

        im->at = lf == NULL ? im->end : lf + 1;
        im->line++;
        while (len > 0 && memchr(blank, text[len - 1], SPACES) != NULL)
            len--;
        if (len > 0)
            read_line(im, text, len, zones, now_s);
        if (im->count == JOB_IMPORT_BATCH || batch_bytes(im) > BATCH_BYTES)
            return true;
    }
    return job_import_at_end(im);
}

void job_import_put_results(struct buf *buf, const struct job_import *im)
{
    buf_puts(buf, ",\"results\":[");
    buf_puts(buf, im->results.data);
    buf_putc(buf, ']');
    if (im->hidden > 0)
        buf_printf(buf, ",\"resultsOmitted\":%" PRId64, im->hidden);
}
