/* See health_store.h. */
#include "health_store.h"

static const struct db_stmt health = {
    .name = "health",
    /* By the server's clock on both sides. */
    .sql = "SELECT (SELECT max(version) FROM schema_migrations),"
           " (SELECT extract(epoch FROM now() - heartbeat) FROM scheduler WHERE holder IS NOT NULL)",
};

void health_store_ask(struct db *db, db_fn *done, void *arg)
{
    db_query_within(db, &health, NULL, HEALTH_DEADLINE_MS, done, arg);
}

bool health_store_seen(const struct db_result *result, double *age_s)
{
    if (db_is_null(result, 0, 1))
        return false;
    *age_s = db_double(result, 0, 1);
    return true;
}

int64_t health_store_schema(const struct db_result *result)
{
    return db_int64(result, 0, 0);
}
