/* What a schedule means and when it fires next: what is asked, in a body or in a query, and the answer. */
#pragma once

#include "buf.h"
#include "job_draft.h"
#include "job_report.h"
#include "job_timing.h"
#include "limits.h"
#include "timestamp.h"

#include <stdbool.h>
#include <stdint.h>

struct json_object;

struct preview {
    struct job_draft draft; /* schedule, timezone, scheduleStart, scheduleEnd */
    struct timestamp after;
    bool has_after; /* else from now on */
    int64_t count;  /* 1 to FIRE_TIMES_MAX */
};

void preview_done(struct preview *preview); /* zeroed memory is fine, too */
#define AUTO_PREVIEW CLEANUP(preview_done)

/* Both: on failure the complaints have been made; what was good is there, so that the rest can be looked at,
 * too. */
bool preview_read(const struct json_object *value, struct preview *ret, struct job_report *report);
bool preview_read_query(const char *count, const char *after, struct preview *ret, struct job_report *report);

/* Appends the whole answer. */
void preview_put(struct buf *buf, const struct preview *preview, const char *schedule,
                 const struct job_timing *timing, int64_t now_s, const struct job_report *report);
