/* webapid/token_cache: what a worker's loop has of it when the worker ends. */
#include "pg.h"

#include <event2/event.h>

#include "token_cache.h"

static int migrated(void **state UNUSED)
{
    pg_migrate();
    return 0;
}

static void on_loaded(void *arg, bool good)
{
    (void)good;
    ++*(int *)arg;
}

/* The loop has some turns yet, in which nothing may ask the connection that is gone. The answer to what was
 * asked of it comes at its end, and would have it asked again. */
static void after_the_end_nothing_is_asked(void **state UNUSED)
{
    struct pg *pg = pg_open(NULL);
    struct token_cache *cache = token_cache_new(pg->base, pg->db, 1);
    int loads = 0;

    token_cache_load(cache, on_loaded, &loads);
    pg_wait(pg, &loads, 1);
    assert_int_not_equal(event_base_get_num_events(pg->base, EVENT_BASE_COUNT_ADDED), 0);
    token_cache_load(cache, NULL, NULL);
    db_free(pg->db);
    pg->db = NULL;
    token_cache_stop(cache);
    assert_int_equal(event_base_get_num_events(pg->base, EVENT_BASE_COUNT_ADDED), 0);
    token_cache_free(cache);
    pg_close(pg);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_the_end_nothing_is_asked),
    };

    pg_filter();
    return cmocka_run_group_tests_name("token_cache", tests, migrated, NULL);
}
