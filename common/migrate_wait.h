/*
 * What a daemon waits for that cannot use its database yet, so that it is said once and not each time that it
 * looks. Pure.
 */
#pragma once

#include "err.h"
#include "migrate.h"

#include <stdbool.h>

struct migrate_wait { /* zeroed: nobody has looked yet */
    enum migrate_state state;
    char why[ERR_TEXT_SIZE];
};

/* What has been found now; err is NULL or empty if there are no words. True if that is news: another state,
 * or the same one for another reason. */
bool migrate_wait_note(struct migrate_wait *wait, enum migrate_state state, const struct err *err);

/* For the daemon's status. */
const char *migrate_wait_text(const struct migrate_wait *wait);
