/*
 * The forms of a line of the log, pure; log.h has what they are for, log.c where they go.
 *
 * What is logged is a name and `key=value key="quoted value"`, the quoting being log_quote()'s. The other
 * forms are made from that text.
 */
#pragma once

#include "buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct log_event {
    const char *level; /* "info" */
    int priority;      /* as in syslog(3) */
    int64_t wall_us;
    const char *name;  /* "run.started" */
    const char *pairs; /* the rest */
    bool cut;          /* pairs did not fit as a whole */
};

/* None of these ends with a line break. What does not fit in buf is cut, or left out as a pair. */
void log_form_text(struct buf *buf, const struct log_event *event);  /* name key=value */
void log_form_stamp(struct buf *buf, const struct log_event *event); /* time level */
void log_form_json(struct buf *buf, const struct log_event *event);

enum { LOG_FIELDS_MAX = 32, LOG_FIELD_NAME_MAX = 64 };

/* The journal's fields, one behind the other: MESSAGE=, PRIORITY=, ECSS_EVENT= and one ECSS_KEY= for each
 * pair. ends[i] is where field i ends in buf. Returns how many there are. */
size_t log_form_journal(struct buf *buf, const struct log_event *event, size_t ends[static LOG_FIELDS_MAX]);
