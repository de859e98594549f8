/* Which names the zoneinfo folder has: read once, and again when a folder in it has changed. For zone.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct zone_index;

struct zone_index *zone_index_new(const char *folder);
void zone_index_free(struct zone_index *index);

/* The name as the folder spells it, for one in any case of letters; NULL if it has none. Lent until the next
 * zone_index_refresh(). */
const char *zone_index_find(const struct zone_index *index, const char *name);

/* The folder without links and "..", which every zone's file must lie in; NULL if there is none. Lent
 * likewise. */
const char *zone_index_folder(const struct zone_index *index);

/* Reads the names again if a folder's time has changed. */
void zone_index_refresh(struct zone_index *index);
