/* What each field is called, how far its values go, and what names they have. For cron_*.c. */
#pragma once

#include "cron.h"

#include <stddef.h>

enum { CRON_NTH_LAST = 5, CRON_NTH_POSITIONS = 6, CRON_WEEKDAYS = 7 };

struct cron_field_info {
    const char *name;
    int min, max;
    const char *const *names;  /* lent; of the values from min on; NULL: no value has one */
    const char *names_are_for; /* "month", "weekday": as the messages call them */
};

extern const struct cron_field_info cron_fields[CRON_FIELDS];
extern const char *const cron_weekday_names[CRON_WEEKDAYS];  /* "mon" */
extern const char *const cron_nth_names[CRON_NTH_POSITIONS]; /* "1st" to "5th", "last" */

/* The place of a name among count, or -1; the case of letters does not matter. */
int cron_name_find(const char *const *names, int count, const char *text, size_t len);
