/* See token_cache.h. */
#include "token_cache.h"

#include <stdlib.h>

#include <event2/event.h>

#include "attr.h"
#include "db.h"
#include "log.h"
#include "mem.h"
#include "token_store.h"

struct token_cache {
    struct db *db;       /* lent */
    struct event *again; /* owned: a change could not be read */
    struct token_set tokens;
    bool loaded;
};

static const struct timeval again_after = {.tv_sec = 1};

struct load {
    struct token_cache *cache;
    void (*done)(void *arg, bool good); /* NULL: nobody waits */
    void *arg;
};

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

    *load = (struct load){cache, done, arg};
    token_store_load(cache->db, on_loaded, load);
}

/* Answers come in the order of the questions, so the last one has what the last change made. */
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

struct token_cache *token_cache_new(struct event_base *base, struct db *db)
{
    struct token_cache *cache = mem_alloc(sizeof *cache);

    cache->db = db;
    cache->again = evtimer_new(base, on_again, cache);
    if (cache->again == NULL)
        abort(); /* out of memory */
    db_listen(db, token_store_channel, on_changed, cache);
    return cache;
}

void token_cache_free(struct token_cache *cache)
{
    if (cache == NULL)
        return;
    event_free(cache->again);
    token_set_done(&cache->tokens);
    free(cache);
}

const struct token_set *token_cache_tokens(const struct token_cache *cache)
{
    return cache->loaded ? &cache->tokens : NULL;
}
