/* See token_cache.h. */
#include "token_cache.h"

#include <inttypes.h>
#include <stdlib.h>

#include <event2/event.h>

#include "attr.h"
#include "clock.h"
#include "db.h"
#include "log.h"
#include "mem.h"
#include "token_store.h"

struct token_cache {
    struct db *db;         /* lent */
    struct event *again;   /* owned: a change could not be read */
    struct event *refresh; /* owned: now and then */
    int64_t max_age_ms;
    struct token_set tokens;
    bool loaded;
    int64_t as_of_ms; /* monotonic: they are as they were then, or younger */
    bool stale_said;
};

enum { REFRESHES = 4 }; /* in the time for which they count */

static const struct timeval again_after = {.tv_sec = 1};

struct load {
    struct token_cache *cache;
    void (*done)(void *arg, bool good); /* NULL: nobody waits */
    void *arg;
    int64_t asked_ms;
};

static int64_t now_ms(void)
{
    return clock_monotonic_ms(&clock_system);
}

static void on_loaded(void *arg, const struct db_result *result, const struct err *err)
{
    struct load load = *(struct load *)arg;

    free(arg);
    if (err != NULL) {
        log_error("token.not_loaded", "error=%s", LOGQ(err->text));
    } else {
        token_set_done(&load.cache->tokens);
        token_store_read(result, &load.cache->tokens);
        load.cache->loaded = true;
        load.cache->stale_said = false;
        load.cache->as_of_ms = load.asked_ms;
        log_debug("token.loaded", "count=%zu", load.cache->tokens.count);
    }
    if (load.done != NULL)
        load.done(load.arg, err == NULL);
    else if (err != NULL)
        event_add(load.cache->again, &again_after);
}

void token_cache_load(struct token_cache *cache, void (*done)(void *arg, bool good), void *arg)
{
    struct load *load = mem_alloc(sizeof *load);

    *load = (struct load){cache, done, arg, now_ms()};
    token_store_load(cache->db, on_loaded, load);
}

/* Each is asked after its change, and whichever the database answers last is the youngest. */
static void on_changed(void *arg, const char *channel UNUSED, const char *payload UNUSED)
{
    token_cache_load(arg, NULL, NULL);
}

static void on_again(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    struct token_cache *cache = arg;

    if (db_is_up(cache->db)) /* else it is loaded when the connection is back */
        token_cache_load(cache, NULL, NULL);
}

static bool is_stale(const struct token_cache *cache)
{
    return now_ms() - cache->as_of_ms > cache->max_age_ms;
}

static void on_refresh(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    struct token_cache *cache = arg;

    if (cache->loaded && db_is_up(cache->db))
        token_cache_load(cache, NULL, NULL);
    if (!cache->loaded || cache->stale_said || !is_stale(cache))
        return;
    cache->stale_said = true;
    log_error("token.stale", "seconds=%" PRId64 " hint=%s", cache->max_age_ms / 1000,
              LOGQ("nobody is let in until the database says again which tokens are good"));
}

struct token_cache *token_cache_new(struct event_base *base, struct db *db, int max_age_s)
{
    struct token_cache *cache = mem_alloc(sizeof *cache);
    const struct timeval interval = {.tv_sec = max_age_s / REFRESHES,
                                     .tv_usec = max_age_s % REFRESHES * (1000000L / REFRESHES)};

    cache->db = db;
    cache->max_age_ms = (int64_t)max_age_s * 1000;
    cache->again = evtimer_new(base, on_again, cache);
    cache->refresh = event_new(base, -1, EV_PERSIST, on_refresh, cache);
    if (cache->again == NULL || cache->refresh == NULL || event_add(cache->refresh, &interval) != 0)
        abort(); /* out of memory */
    db_listen(db, token_store_channel, on_changed, cache);
    return cache;
}

void token_cache_stop(struct token_cache *cache)
{
    if (cache == NULL)
        return;
    event_del(cache->again);
    event_del(cache->refresh);
}

void token_cache_free(struct token_cache *cache)
{
    if (cache == NULL)
        return;
    event_free(cache->again);
    event_free(cache->refresh);
    token_set_done(&cache->tokens);
    free(cache);
}

const struct token_set *token_cache_tokens(const struct token_cache *cache)
{
    return cache->loaded && !is_stale(cache) ? &cache->tokens : NULL;
}
