/* Finds schedules that no day of the calendar can match. For cron_parse.c. */
#pragma once

#include "cron_text.h"

/* If some day matches, true; else an error that names the fields that contradict each other. */
bool cron_never_check(const struct cron *cron, const struct cron_words *words, struct err *err);
