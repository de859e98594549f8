/* See cron_field.h. */
#include "cron_field.h"

#include <string.h>
#include <strings.h>

static const char *const month_names[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                          "jul", "aug", "sep", "oct", "nov", "dec"};

const char *const cron_weekday_names[CRON_WEEKDAYS] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

const char *const cron_nth_names[CRON_NTH_POSITIONS] = {"1st", "2nd", "3rd", "4th", "5th", "last"};

const struct cron_field_info cron_fields[CRON_FIELDS] = {
    [CRON_SECOND] = {"second", 0, 59, NULL, NULL},
    [CRON_MINUTE] = {"minute", 0, 59, NULL, NULL},
    [CRON_HOUR] = {"hour", 0, 23, NULL, NULL},
    [CRON_DAY_OF_WEEK] = {"day_of_week", 0, 6, cron_weekday_names, "weekday"},
    [CRON_WEEK] = {"week", 1, 53, NULL, NULL},
    [CRON_DAY] = {"day", 1, 31, NULL, NULL},
    [CRON_MONTH] = {"month", 1, 12, month_names, "month"},
    [CRON_YEAR] = {"year", CRON_YEAR_MIN, CRON_YEAR_MAX, NULL, NULL},
};

int cron_name_find(const char *const *names, int count, const char *text, size_t len)
{
    for (int i = 0; i < count; i++)
        if (strlen(names[i]) == len && strncasecmp(names[i], text, len) == 0)
            return i;
    return -1;
}
