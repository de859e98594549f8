/* All zones of a zoneinfo folder, for tests that need many: by default those of
 * tests/data/tzdata-2026f.tar.gz, so that the tests do not depend on the system's. */
#pragma once

#include <stddef.h>

#include "tz.h"

struct zone_set {
    size_t count;
    struct zone_entry {
        char *name;    /* owned */
        struct tz *tz; /* owned */
    } * zones;         /* owned; by name */
};

void zone_set_load(struct zone_set *ret, const char *folder);
void zone_set_done(struct zone_set *set);
const struct tz *zone_set_find(const struct zone_set *set,
                               const char *name); /* any case; NULL if there is none */
