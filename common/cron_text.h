/* A schedule's text cut into its words. For cron_*.c. */
#pragma once

#include "cron.h"

#include <stddef.h>

struct cron_word {
    const char *text; /* lent: into the schedule */
    size_t len;
};

struct cron_words {
    struct cron_word word[CRON_FIELDS];
    size_t count;
    struct cron_word rest; /* from the ninth word to the end of the last */
};

void cron_words_split(const char *text, struct cron_words *ret);
