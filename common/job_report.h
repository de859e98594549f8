/*
 * What is wrong, or odd, about a job that somebody sent: all of it at once, each complaint under the path of
 * the field it is about, in the shape that the API answers with:
 *
 *     {"taskCount": ["Must be between 1 and 50."], "overrides": {"0": {"containerName": ["..."]}}}
 *
 * A name that a client chose is cut, and complaints are counted, so that what is said is bounded whatever was
 * sent. Warnings are sentences about what was accepted but probably not meant; they begin with the field's
 * path.
 *
 * A place in what was sent is a chain of struct job_at on the stack of whoever walks it, so that nothing is
 * allocated as long as nothing is wrong:
 *
 *     struct job_at trigger = {report, NULL, "trigger"}, queue = {report, &trigger, "queueName"};
 *     job_complain(&queue, "Not a valid string.");
 */
#pragma once

#include "attr.h"
#include "buf.h"
#include "err.h"

#include <stdbool.h>
#include <stddef.h>

struct json_object;

enum {
    JOB_WARNINGS_MAX = 20,    /* the rest is counted, not listed */
    JOB_COMPLAINTS_MAX = 100, /* of the rest it is only said that there is one, under "..." */
};

struct job_report {
    struct json_object *messages; /* owned; NULL as long as nothing is wrong */
    int complaints;               /* in messages */
    struct json_object *warnings; /* owned; array of sentences, NULL as long as there are none */
    int more_warnings;            /* beyond JOB_WARNINGS_MAX */
};

struct job_at {
    struct job_report *report; /* lent */
    const struct job_at *up;   /* lent; NULL: key is a field of the job itself */
    const char *key;           /* lent */
};

void job_report_done(struct job_report *report); /* zeroed memory is a report that is ready */
#define AUTO_JOB_REPORT CLEANUP(job_report_done)

/* Returns false, so that complaining and failing is one line. The same text twice at one place is said once.
 */
bool job_complain(const struct job_at *at, const char *fmt, ...) PRINTF(2, 3);
void job_warn(const struct job_at *at, const char *fmt, ...) PRINTF(2, 3);

bool job_report_clean(const struct job_report *report); /* no messages; warnings do not count */

/* Whether there are warnings; if so, appends `"warnings":[...]`. */
bool job_report_put_warnings(struct buf *buf, const struct job_report *report);

/* The first complaint as one err, for who shows one line: field "trigger.queueName". Returns false. */
bool job_report_to_err(const struct job_report *report, struct err *err);
