/* One part of a field, between commas: its grammar, checks and messages. For cron_*.c. */
#pragma once

#include "cron_field.h"

enum cron_part_form {
    CRON_PART_VALUES, /* first, first + step, ... up to last */
    CRON_PART_NTH,    /* the first-th weekday of the month, as a bit of nth_weekday */
    CRON_PART_LAST,   /* the last day of the month */
};

struct cron_part {
    enum cron_part_form form;
    int first, last, step;
    bool star;   /* begins with a `*` */
    size_t used; /* how much of the text counts; APScheduler ignores what follows a name */
};

/* The text is trimmed; in the day field each `_` is a space already. */
bool cron_part_parse(enum cron_field field, const char *text, size_t len, struct cron_part *ret,
                     struct err *err);
