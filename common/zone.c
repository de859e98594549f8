/* See zone.h. */
#include "zone.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "log.h"
#include "mem.h"
#include "tz.h"
#include "zone_file.h"
#include "zone_index.h"

struct zone {
    char *name;              /* owned */
    struct tz *tz;           /* owned; NULL: UTC, which is nobody's file */
    struct zone_stamp stamp; /* of the file as it was last looked at, whether or not it was any good */
    bool vanished;
    bool unreadable; /* has been said in the log */
};

struct zones {
    struct zone_index *index; /* owned */
    struct zone **all;        /* owned, each too; sorted by name without regard to case */
    size_t count;
    struct zone utc;
    const struct zone *last; /* what was found last, as most jobs share a zone; may be NULL */
};

static const char default_folder[] = "/usr/share/zoneinfo";
static char utc_name[] = "UTC";

struct zones *zones_new(const char *folder)
{
    struct zones *zones = mem_alloc(sizeof *zones);

    if (folder == NULL)
        folder = getenv("TZDIR");
    if (folder == NULL || folder[0] == '\0')
        folder = default_folder;
    zones->index = zone_index_new(folder);
    zones->utc.name = utc_name;
    return zones;
}

static void zone_free(struct zone *zone)
{
    if (zone == NULL)
        return;
    tz_free(zone->tz);
    free(zone->name);
    free(zone);
}

void zones_free(struct zones *zones)
{
    if (zones == NULL)
        return;
    for (size_t i = 0; i < zones->count; i++)
        zone_free(zones->all[i]);
    free(zones->all);
    zone_index_free(zones->index);
    free(zones);
}

void zones_free_scoped(struct zones **zones)
{
    zones_free(*zones);
    *zones = NULL;
}

const char *zone_name(const struct zone *zone)
{
    return zone->name;
}

const struct tz *zone_tz(const struct zone *zone)
{
    return zone->tz != NULL ? zone->tz : tz_utc();
}

bool zone_has_vanished(const struct zone *zone)
{
    return zone->vanished;
}

/* The first zone whose name is not less. */
static size_t lower_bound(const struct zones *zones, const char *name)
{
    size_t low = 0, high = zones->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcasecmp(zones->all[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct zone *insert(struct zones *zones, size_t at, const char *name)
{
    struct zone *zone = mem_alloc(sizeof *zone);

    zone->name = mem_strdup(name);
    zones->all = mem_grow(zones->all, zones->count + 1, sizeof(struct zone *));
    memmove(&zones->all[at + 1], &zones->all[at], (zones->count - at) * sizeof(struct zone *));
    zones->all[at] = zone;
    zones->count++;
    return zone;
}

static bool load(struct zones *zones, size_t at, const char *name, const struct zone **ret, struct err *err)
{
    const char *spelled = zone_index_find(zones->index, name);
    struct zone_stamp stamp;
    struct err why = {0};
    struct zone *zone;
    struct tz *tz;

    if (spelled == NULL)
        return err_set(err, ERR_INVALID, "Invalid timezone format: %s", name);
    if (!zone_file_read(zone_index_folder(zones->index), spelled, &tz, &stamp, &why)) {
        if (why.kind == ERR_NOT_FOUND)
            return err_set(err, ERR_INVALID, "Invalid timezone format: %s", name);
        return err_set(err, why.kind, "the time zone %s cannot be read: %s", spelled, why.text);
    }
    zone = insert(zones, at, spelled);
    zone->tz = tz;
    zone->stamp = stamp;
    *ret = zone;
    return true;
}

bool zones_find(struct zones *zones, const char *name, const struct zone **ret, struct err *err)
{
    const struct zone *zone = NULL;
    size_t at;

    if (name == NULL || name[0] == '\0' || strcasecmp(name, utc_name) == 0) {
        *ret = &zones->utc;
        return true;
    }
    if (zones->last != NULL && !zones->last->vanished && strcmp(zones->last->name, name) == 0) {
        *ret = zones->last;
        return true;
    }
    at = lower_bound(zones, name);
    if (at < zones->count && strcasecmp(zones->all[at]->name, name) == 0)
        zone = zones->all[at];
    if (zone != NULL && zone->vanished)
        return err_set(err, ERR_INVALID, "Invalid timezone format: %s", name);
    if (zone == NULL && !load(zones, at, name, &zone, err))
        return false;
    zones->last = *ret = zone;
    return true;
}

/* Whether there is an event to tell. */
static bool vanish(struct zone *zone, const struct err *why)
{
    if (zone->vanished)
        return false;
    log_warning("zone.vanished", "zone=%s reason=%s", LOGQ(zone->name), LOGQ(why->text));
    zone->vanished = true;
    zone->stamp = (struct zone_stamp){0};
    return true;
}

static void keep(struct zone *zone, const struct err *why)
{
    if (!zone->unreadable)
        log_error("zone.unreadable", "zone=%s reason=%s", LOGQ(zone->name), LOGQ(why->text));
    zone->unreadable = true;
}

/* Whether there is an event to tell. The old rules are *old, for the caller to free after he told it. */
static bool check_zone(struct zone *zone, const char *folder, enum zone_event *event, struct tz **old)
{
    struct zone_stamp stamp = {0};
    struct err err = {0};
    struct tz *tz;
    bool same;

    *event = ZONE_VANISHED;
    if (folder == NULL) {
        err_set(&err, ERR_NOT_FOUND, "the zoneinfo folder is gone");
        return vanish(zone, &err);
    }
    if (!zone_file_stamp(folder, zone->name, &stamp, &err)) {
        if (err.kind == ERR_NOT_FOUND)
            return vanish(zone, &err);
        keep(zone, &err);
        return false;
    }
    if (zone_stamp_equal(&stamp, &zone->stamp))
        return false;
    if (!zone_file_read(folder, zone->name, &tz, &zone->stamp, &err)) {
        zone->unreadable = false; /* another state of the file: say it again */
        keep(zone, &err);
        return false;
    }
    same = !zone->vanished && tz_equal(tz, zone->tz);
    *old = zone->tz;
    zone->tz = tz;
    zone->vanished = zone->unreadable = false;
    *event = ZONE_CHANGED;
    return !same;
}

void zones_check(struct zones *zones,
                 void (*on_event)(void *arg, const struct zone *zone, enum zone_event event), void *arg)
{
    AUTO_FREE struct zone **all = mem_array(zones->count + 1, sizeof *all);
    size_t count = zones->count;

    zone_index_refresh(zones->index);
    if (count > 0)
        memcpy(all, zones->all, count * sizeof(struct zone *)); /* on_event may add zones */
    for (size_t i = 0; i < count; i++) {
        AUTO_TZ struct tz *old = NULL;
        enum zone_event event;

        if (check_zone(all[i], zone_index_folder(zones->index), &event, &old))
            on_event(arg, all[i], event);
    }
}
