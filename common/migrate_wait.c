/* See migrate_wait.h. */
#include "migrate_wait.h"

#include <stdio.h>
#include <string.h>

bool migrate_wait_note(struct migrate_wait *wait, enum migrate_state state, const struct err *err)
{
    const char *why = err == NULL ? "" : err->text;

    if (wait->state == state && strcmp(wait->why, why) == 0)
        return false;
    wait->state = state;
    snprintf(wait->why, sizeof wait->why, "%s", why);
    return true;
}

const char *migrate_wait_text(const struct migrate_wait *wait)
{
    switch (wait->state) {
    case MIGRATE_OLDER:
        return "waits for webapid --migrate";
    case MIGRATE_UNREADABLE:
        return "cannot read the schema: its log says why";
    case MIGRATE_CURRENT:
    case MIGRATE_EMPTY:
    case MIGRATE_NEWER:
    case MIGRATE_UNREACHABLE:
        break;
    }
    return "waits for the database";
}
