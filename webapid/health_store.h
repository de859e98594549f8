/* What the health of the whole says: the schema's version, and when the scheduler's leader was last seen. */
#pragma once

#include "db.h"

#include <stdbool.h>

enum { HEALTH_DEADLINE_MS = 2000 }; /* for who asks is not to wait as long as others */

void health_store_ask(struct db *db, db_fn *done, void *arg);
/* False: nobody leads, and nobody has said so. age_s: how long ago the leader last said that it is alive. */
bool health_store_seen(const struct db_result *result, double *age_s);
int64_t health_store_schema(const struct db_result *result);
