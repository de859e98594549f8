/* See aws_creds.h. */
#include "aws_creds.h"

#include "aws_chain.h"
#include "log.h"
#include "mem.h"

#include <assert.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

enum {
    FILES_CHECK_MS = 5000,   /* how often files are looked at for changes */
    FAILED_PAUSE_MS = 1000,  /* from a search that failed to the next */
    REFUSED_PAUSE_MS = 5000, /* from a search for other keys than those that AWS refused to the next */
    SPARE_S = 1, /* so long before they expire keys are not used any more: a request takes its time */
};

struct aws_creds {
    struct aws_means means;
    const struct aws_provider *const *providers; /* lent */
    struct event *tell;                          /* owned; fires when waiters are to be told */
    struct event *renew;                         /* owned; fires when it is time to look for new keys */
    struct aws_keys keys;                        /* without a key id: none */
    const char *source;                          /* lent: name of the provider that found them */
    int64_t use_until_s;                         /* wall time as AWS sees it; 0: for ever */
    uint64_t serial;                             /* of the last finding */
    int64_t files_checked_ms;                    /* monotonic, as the two below */
    int64_t search_after_ms, refused_until_ms;
    struct aws_chain chain; /* while searching */
    bool searching;
    struct err failure;
    bool failed; /* how the last search ended */
    TAILQ_HEAD(, aws_creds_waiter) waiters;
};

static void search(struct aws_creds *creds);

static int64_t now_ms(const struct aws_creds *creds)
{
    return clock_monotonic_ms(creds->means.clock);
}

static void on_tell(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    struct aws_creds *creds = arg;
    struct err failure = creds->failure;
    bool failed = creds->failed;
    struct aws_creds_waiter *waiter;
    size_t count = 0;

    if (creds->searching)
        return; /* another search has begun: they are told at its end */
    /* Who waits from now on, in a callback, is told the next time. */
    TAILQ_FOREACH(waiter, &creds->waiters, entry)
    count++;
    while (count-- > 0 && (waiter = TAILQ_FIRST(&creds->waiters)) != NULL) {
        aws_creds_unwait(creds, waiter);
        waiter->done(waiter->arg, failed ? &failure : NULL);
    }
}

static void on_renew(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    search(arg);
}

static struct event *timer(struct aws_creds *creds, event_callback_fn fn)
{
    struct event *event = evtimer_new(creds->means.base, fn, creds);

    if (event == NULL)
        abort(); /* no memory */
    return event;
}

struct aws_creds *aws_creds_new(const struct aws_creds_options *options)
{
    struct aws_creds *creds = mem_alloc(sizeof *creds);

    creds->means = (struct aws_means){
        .base = options->base, .clock = options->clock, .config = options->config, .http = options->http};
    creds->providers = options->providers != NULL ? options->providers : aws_providers;
    creds->tell = timer(creds, on_tell);
    creds->renew = timer(creds, on_renew);
    creds->files_checked_ms = now_ms(creds);
    TAILQ_INIT(&creds->waiters);
    return creds;
}

void aws_creds_free(struct aws_creds *creds)
{
    if (creds == NULL)
        return;
    assert(TAILQ_EMPTY(&creds->waiters));
    aws_chain_done(&creds->chain);
    aws_keys_done(&creds->keys);
    event_free(creds->tell);
    event_free(creds->renew);
    free(creds);
}

static void tell_soon(struct aws_creds *creds)
{
    const struct timeval at_once = {0};

    if (!TAILQ_EMPTY(&creds->waiters))
        event_add(creds->tell, &at_once);
}

static double random_fraction(void)
{
    return (double)arc4random() / 4294967296.0;
}

/* Sets the alarm for the next search, if the keys at hand will need one. */
static void renew_in_time(struct aws_creds *creds)
{
    int64_t left_s = creds->keys.expires_s - aws_means_now_s(&creds->means), ms;
    struct timeval in;

    event_del(creds->renew);
    if (creds->keys.expires_s == 0 || (creds->failed && left_s <= 0))
        return; /* who needs some will begin it */
    ms = aws_keys_renew_ms(left_s, creds->failed, random_fraction());
    in = (struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    event_add(creds->renew, &in);
}

static int64_t use_until(const struct aws_keys *keys, int64_t left_s)
{
    if (keys->expires_s == 0 || left_s <= (int64_t)2 * SPARE_S)
        return keys->expires_s; /* there are no better ones */
    return keys->expires_s - SPARE_S;
}

/* A search has found keys; they are ours now. */
static void adopt(struct aws_creds *creds, struct aws_keys *keys)
{
    const char *source = aws_chain_provider(&creds->chain);
    int64_t left_s = keys->expires_s - aws_means_now_s(&creds->means);

    if (!aws_keys_same(&creds->keys, keys))
        log_info("aws.credentials", "source=%s key=%.4s... expires_in_s=%lld", LOGQ(source),
                 keys->access_key_id, keys->expires_s == 0 ? -1LL : (long long)left_s);
    aws_keys_done(&creds->keys);
    creds->keys = *keys;
    *keys = (struct aws_keys){0};
    creds->keys.serial = ++creds->serial;
    creds->use_until_s = use_until(&creds->keys, left_s);
    creds->source = source;
    creds->failed = false;
}

static void fail(struct aws_creds *creds, const struct err *err)
{
    bool news = !creds->failed || strcmp(creds->failure.text, err->text) != 0;

    creds->failed = true;
    creds->failure = *err;
    creds->search_after_ms = now_ms(creds) + FAILED_PAUSE_MS;
    /* Those who wait are told; others would never know that the keys at hand are not to be had again. */
    if (news && creds->keys.access_key_id != NULL)
        log_warning("aws.credentials", "error=%s", LOGQ(err->text));
}

static void end_search(struct aws_creds *creds)
{
    creds->searching = false;
    renew_in_time(creds);
    tell_soon(creds);
}

static void on_found(void *arg, enum aws_found found, struct aws_keys *keys, const struct err *why)
{
    struct aws_creds *creds = arg;
    struct err err;

    if (found == AWS_FOUND) {
        adopt(creds, keys);
    } else {
        err_set(&err, ERR_DENIED, "%s%s", found == AWS_FAILED ? "AWS credentials: " : "no AWS credentials; ",
                why->text);
        fail(creds, &err);
    }
    end_search(creds);
}

static void search(struct aws_creds *creds)
{
    AUTO_AWS_KEYS struct aws_keys keys = {0};
    enum aws_found found;
    bool changed;
    struct err err;

    if (creds->searching)
        return;
    creds->searching = true;
    creds->files_checked_ms = now_ms(creds);
    if (!aws_profiles_load(aws_config_profiles(creds->means.config), &changed, &err)) {
        err_wrap(&err, "AWS credentials");
        fail(creds, &err);
        end_search(creds);
        return;
    }
    aws_chain_done(&creds->chain);
    aws_chain_init(&creds->chain, &creds->means, creds->providers, NULL, NULL);
    found = aws_chain_find(&creds->chain, on_found, creds, &keys, &err);
    if (found != AWS_PENDING)
        on_found(creds, found, &keys, &err);
}

/* Looks whether the files have changed, now and then. */
static void check_files(struct aws_creds *creds)
{
    bool changed = false;
    struct err err;

    if (creds->searching || now_ms(creds) - creds->files_checked_ms < FILES_CHECK_MS)
        return;
    creds->files_checked_ms = now_ms(creds);
    if (!aws_profiles_load(aws_config_profiles(creds->means.config), &changed, &err)) {
        err_wrap(&err, "AWS credentials");
        fail(creds, &err); /* somebody may be writing it just now; the keys at hand may still be good */
        return;
    }
    if (changed || creds->failed)
        search(creds);
}

void aws_creds_set_skew(struct aws_creds *creds, int64_t skew_s)
{
    creds->means.skew_s = skew_s;
}

const struct aws_keys *aws_creds_keys(struct aws_creds *creds)
{
    if (creds->keys.access_key_id == NULL)
        return NULL;
    check_files(creds);
    if (creds->use_until_s != 0 && aws_means_now_s(&creds->means) >= creds->use_until_s)
        return NULL;
    return &creds->keys;
}

struct aws_means *aws_creds_means(struct aws_creds *creds)
{
    return &creds->means;
}

const char *aws_creds_source(const struct aws_creds *creds)
{
    return creds->source;
}

bool aws_creds_refused(struct aws_creds *creds, uint64_t serial)
{
    int64_t now = now_ms(creds);

    if (creds->keys.serial != serial || creds->searching || creds->failed)
        return true;
    if (now < creds->refused_until_ms)
        return false;
    creds->refused_until_ms = now + REFUSED_PAUSE_MS;
    return true;
}

void aws_creds_wait(struct aws_creds *creds, struct aws_creds_waiter *waiter)
{
    assert(!waiter->waiting);
    waiter->waiting = true;
    TAILQ_INSERT_TAIL(&creds->waiters, waiter, entry);
    if (creds->searching)
        return;
    if (creds->failed && now_ms(creds) < creds->search_after_ms)
        tell_soon(creds);
    else
        search(creds);
}

void aws_creds_unwait(struct aws_creds *creds, struct aws_creds_waiter *waiter)
{
    if (!waiter->waiting)
        return;
    waiter->waiting = false;
    TAILQ_REMOVE(&creds->waiters, waiter, entry);
}
