/*
 * Placeholders in the texts that a job gives its tasks (environment values, items of a command):
 *
 *     {{jobId}} {{fireTime}} {{runId}} {{attempt}}
 *
 * "{{{{" stands for "{{", and a "{{" without "}}" behind it for itself. What else looks like one is refused
 * when the job is saved, as it is most likely misspelt. They are replaced right before RunTask is sent: all
 * values are on record with the run, so that a repeat of an attempt sends the very same bytes.
 */
#pragma once

#include "buf.h"
#include "job_report.h"

#include <stdbool.h>

struct job_placeholders {
    const char *job_id;    /* lent, as all here */
    const char *fire_time; /* "2026-11-24T10:30:42Z" */
    const char *run_id;    /* runs.id in decimal */
    const char *attempt;   /* of this call of RunTask, from "1" */
};

/* What needs as many characters as any values can, for who counts. job_id is lent. */
struct job_placeholders job_placeholders_longest(const char *job_id);

bool job_placeholders_check(const char *text, const struct job_at *at);

/* Appends text with the values in place. An unknown placeholder stays as it is. */
void job_placeholders_put(struct buf *buf, const char *text, const struct job_placeholders *values);
