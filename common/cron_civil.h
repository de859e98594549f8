/* The search in civil time, which knows no zones and no changes of clock. For cron_*.c. */
#pragma once

#include "cron.h"

/* Later than every civil time that can match. */
extern const int64_t cron_civil_never;

/*
 * The first civil time at or after `from` that matches all fields, as seconds since 1970-01-01T00:00:00 on
 * the same clock; cron_civil_never if there is none.
 */
int64_t cron_civil_next(const struct cron *cron, int64_t from);
