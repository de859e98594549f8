/* See health_store.h. */
#include "health_store.h"

static const struct db_stmt leader = {
    .name = "health_leader",
    /* By the server's clock on both sides. */
    .sql = "SELECT extract(epoch FROM now() - heartbeat) FROM scheduler WHERE holder IS NOT NULL",
};

void health_store_leader(struct db *db, db_fn *done, void *arg)
{
    db_query_within(db, &leader, NULL, HEALTH_DEADLINE_MS, done, arg);
}

bool health_store_seen(const struct db_result *result, double *age_s)
{
    if (db_rows(result) == 0 || db_is_null(result, 0, 0))
        return false;
    *age_s = db_double(result, 0, 0);
    return true;
}
