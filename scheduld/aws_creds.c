/* See aws_creds.h. */
#include "aws_creds.h"

#include "buf.h"
#include "log.h"
#include "mem.h"

#include <assert.h>
#include <event2/event.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

enum {
    FILES_CHECK_MS = 5000,     /* how often files are looked at for changes */
    FAILED_PAUSE_MS = 1000,    /* from a search that failed to the next */
    RENEW_BEFORE_S = 15 * 60,  /* keys that expire are looked for again so long before */
    RENEW_PAUSE_MS = 30 * 1000 /* between tries to do so */
};

struct aws_creds {
    struct aws_lookup lookup;
    const struct aws_provider *const *providers; /* lent */
    struct event *tell;                          /* owned; fires when waiters are to be told */
    struct aws_keys keys;                        /* without a key id: none */
    const char *source;                          /* lent: name of the provider that found them */
    uint64_t serial;                             /* of the last finding */
    bool rejected;
    int64_t files_checked_ms; /* monotonic, as the two below */
    int64_t renew_after_ms;
    int64_t search_after_ms;
    size_t next; /* provider that is asked next, or that is PENDING */
    bool searching;
    struct buf tried; /* what the providers said so far */
    struct err failure;
    bool failed; /* how the last search ended */
    TAILQ_HEAD(, aws_creds_waiter) waiters;
};

static void wipe(char *secret)
{
    if (secret != NULL)
        OPENSSL_cleanse(secret, strlen(secret));
    free(secret);
}

void aws_keys_done(struct aws_keys *keys)
{
    free(keys->access_key_id);
    wipe(keys->secret);
    wipe(keys->token);
    *keys = (struct aws_keys){0};
}

static int64_t now_ms(const struct aws_creds *creds)
{
    return clock_monotonic_ms(creds->lookup.clock);
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

struct aws_creds *aws_creds_new(const struct aws_creds_options *options)
{
    struct aws_creds *creds = mem_alloc(sizeof *creds);

    creds->lookup = (struct aws_lookup){
        .base = options->base, .clock = options->clock, .config = options->config, .http = options->http};
    creds->providers = options->providers != NULL ? options->providers : aws_providers;
    creds->tell = evtimer_new(options->base, on_tell, creds);
    if (creds->tell == NULL)
        abort(); /* no memory */
    creds->files_checked_ms = now_ms(creds);
    TAILQ_INIT(&creds->waiters);
    return creds;
}

void aws_creds_free(struct aws_creds *creds)
{
    if (creds == NULL)
        return;
    assert(TAILQ_EMPTY(&creds->waiters));
    if (creds->searching)
        creds->providers[creds->next]->cancel(&creds->lookup);
    aws_keys_done(&creds->keys);
    buf_done(&creds->tried);
    event_free(creds->tell);
    free(creds);
}

static void tell_soon(struct aws_creds *creds)
{
    const struct timeval at_once = {0};

    if (!TAILQ_EMPTY(&creds->waiters))
        event_add(creds->tell, &at_once);
}

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool same_keys(const struct aws_keys *a, const struct aws_keys *b)
{
    return same_text(a->access_key_id, b->access_key_id) && same_text(a->secret, b->secret) &&
           same_text(a->token, b->token);
}

/* A search has found keys; they are ours now. */
static void adopt(struct aws_creds *creds, struct aws_keys *keys, const char *source)
{
    if (!same_keys(&creds->keys, keys))
        log_info("aws.credentials", "source=%s key=%.4s...", LOGQ(source), keys->access_key_id);
    aws_keys_done(&creds->keys);
    creds->keys = *keys;
    *keys = (struct aws_keys){0};
    creds->keys.serial = ++creds->serial;
    creds->source = source;
    creds->rejected = false;
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

/* One provider has answered. True: the search is over. */
static bool take_answer(struct aws_creds *creds, enum aws_found found, struct aws_keys *keys,
                        const struct err *why)
{
    const char *name = creds->providers[creds->next]->name;
    struct err err;

    if (found == AWS_FOUND) {
        adopt(creds, keys, name);
    } else if (found == AWS_FAILED) {
        err_set(&err, ERR_DENIED, "AWS credentials: %s: %s", name, why->text);
        fail(creds, &err);
    } else {
        buf_printf(&creds->tried, "; %s: %s", name, why->text);
        creds->next++;
        return false;
    }
    return true;
}

static void end_search(struct aws_creds *creds)
{
    creds->searching = false;
    tell_soon(creds);
}

/* Asks one provider after the other, until one has an answer or takes its time. */
static void go_on(struct aws_creds *creds)
{
    struct err err;

    while (creds->providers[creds->next] != NULL) {
        AUTO_AWS_KEYS struct aws_keys keys = {0};
        struct err why = {0};
        enum aws_found found = creds->providers[creds->next]->find(&creds->lookup, &keys, &why);

        if (found == AWS_PENDING)
            return;
        if (take_answer(creds, found, &keys, &why)) {
            end_search(creds);
            return;
        }
    }
    err_set(&err, ERR_DENIED, "no AWS credentials%s", creds->tried.data);
    fail(creds, &err);
    end_search(creds);
}

void aws_lookup_answer(struct aws_lookup *lookup, enum aws_found found, struct aws_keys *keys,
                       const struct err *err)
{
    struct aws_creds *creds = (struct aws_creds *)((char *)lookup - offsetof(struct aws_creds, lookup));

    assert(creds->searching && found != AWS_PENDING);
    if (take_answer(creds, found, keys, err))
        end_search(creds);
    else
        go_on(creds);
}

static void search(struct aws_creds *creds)
{
    bool changed;
    struct err err;

    if (creds->searching)
        return;
    creds->searching = true;
    creds->next = 0;
    creds->files_checked_ms = now_ms(creds);
    buf_done(&creds->tried);
    buf_init(&creds->tried, ERR_TEXT_SIZE);
    if (!aws_profiles_load(aws_config_profiles(creds->lookup.config), &changed, &err)) {
        err_wrap(&err, "AWS credentials");
        fail(creds, &err);
        end_search(creds);
        return;
    }
    go_on(creds);
}

/* Looks whether the files have changed, now and then. */
static void check_files(struct aws_creds *creds)
{
    bool changed = false;
    struct err err;

    if (creds->searching || now_ms(creds) - creds->files_checked_ms < FILES_CHECK_MS)
        return;
    creds->files_checked_ms = now_ms(creds);
    if (!aws_profiles_load(aws_config_profiles(creds->lookup.config), &changed, &err)) {
        err_wrap(&err, "AWS credentials");
        fail(creds, &err); /* somebody may be writing it just now; the keys at hand may still be good */
        return;
    }
    if (changed || creds->failed)
        search(creds);
}

static void renew(struct aws_creds *creds, int64_t now_s)
{
    if (creds->keys.expires_s == 0 || now_s < creds->keys.expires_s - RENEW_BEFORE_S || creds->searching ||
        now_ms(creds) < creds->renew_after_ms)
        return;
    creds->renew_after_ms = now_ms(creds) + RENEW_PAUSE_MS;
    search(creds);
}

const struct aws_keys *aws_creds_keys(struct aws_creds *creds, int64_t now_s)
{
    if (creds->keys.access_key_id == NULL)
        return NULL;
    check_files(creds);
    renew(creds, now_s);
    if (creds->rejected || (creds->keys.expires_s != 0 && now_s >= creds->keys.expires_s))
        return NULL;
    return &creds->keys;
}

void aws_creds_reject(struct aws_creds *creds, uint64_t serial)
{
    if (creds->keys.serial == serial)
        creds->rejected = true;
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
