/*
 * Time zones by name, from the system's zoneinfo folder. A registry belongs to one thread; what it gives out
 * lives as long as the registry, so that a million jobs may keep a `const struct zone *` each. A zone's file
 * is read once, when it is first asked for. The rules behind a zone change when the system's tzdata package
 * is updated: ask zone_tz() for them each time, and call zones_check() every minute.
 *
 * A name is known if it is a file's below the folder, in any case of letters: the legacy names too
 * (US/Eastern, GB), but not Factory, localtime, posixrules, posix/..., right/..., POSIX strings, offsets or
 * paths. A link that leads out of the folder is as good as no file. UTC is always known, also without a
 * folder.
 */
#pragma once

#include "err.h"

#include <stdbool.h>

struct tz;
struct zone;
struct zones;

/* folder NULL: $TZDIR, else /usr/share/zoneinfo. The name is copied; a folder that is not there has no zones.
 */
struct zones *zones_new(const char *folder);
void zones_free(struct zones *zones);
void zones_free_scoped(struct zones **zones);
#define AUTO_ZONES CLEANUP(zones_free_scoped)

/* NULL and "" are UTC. ERR_INVALID "Invalid timezone format: NAME" for a name that is not known, ERR_INTERNAL
 * for a file that cannot be read or is corrupt. */
bool zones_find(struct zones *zones, const char *name, const struct zone **ret, struct err *err);

const char *zone_name(const struct zone *zone);    /* as the folder spells it */
const struct tz *zone_tz(const struct zone *zone); /* lent until the next zones_check() */
bool zone_has_vanished(const struct zone *zone);   /* its file is gone; its last rules are kept */

enum zone_event {
    ZONE_CHANGED,  /* some instant's offset is another now; or a zone that had vanished is back */
    ZONE_VANISHED, /* its file is gone */
};

/*
 * Looks whether the files of the zones in use have changed, and takes over what they say now. A file that
 * cannot be read or is corrupt changes nothing; the log says so. on_event is called for each zone to which
 * something happened, when it has its new rules; it may call zones_find(). Also finds names that have come or
 * gone.
 */
void zones_check(struct zones *zones,
                 void (*on_event)(void *arg, const struct zone *zone, enum zone_event event), void *arg);
