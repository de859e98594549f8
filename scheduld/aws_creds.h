/*
 * The keys that requests are signed with: found by asking a chain of providers, kept until they expire, are
 * rejected, or the files that they came from change.
 *
 * A provider knows one way to find keys. It answers at once, or later from the loop (PENDING); so one that
 * asks a metadata service is one more file and one more line in the table, and nothing here changes. The
 * first provider that has anything wins; one that is configured and fails ends the search with its error, so
 * that nobody works under another identity than was meant.
 */
#pragma once

#include "attr.h"
#include "aws_config.h"
#include "clock.h"
#include "err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct event_base;
struct http;

struct aws_keys {
    char *access_key_id, *secret; /* owned */
    char *token;                  /* owned; NULL: none */
    int64_t expires_s;            /* wall time; 0: never */
    uint64_t serial;              /* which finding these are of */
};

void aws_keys_done(struct aws_keys *keys); /* wipes them; zeroed memory is fine */
#define AUTO_AWS_KEYS CLEANUP(aws_keys_done)

enum aws_found {
    AWS_FOUND,
    AWS_ABSENT,  /* nothing is configured that this provider would use: the next is asked */
    AWS_FAILED,  /* something is, and it is of no use: the search ends */
    AWS_PENDING, /* aws_lookup_answer() will come */
};

/* What a provider has to work with. */
struct aws_lookup {
    struct event_base *base; /* lent, as all here */
    const struct clock *clock;
    struct aws_config *config; /* its profiles have just been loaded */
    struct http *http;
    void *state; /* the provider's own while PENDING */
};

struct aws_provider {
    const char *name; /* "environment": for messages */
    /* FOUND: *ret is the caller's. ABSENT, FAILED: err says why, in words that fit after "NAME: ". */
    enum aws_found (*find)(struct aws_lookup *lookup, struct aws_keys *ret, struct err *err);
    /* Gives up after PENDING: no answer may follow. NULL: it is never PENDING. */
    void (*cancel)(struct aws_lookup *lookup);
};

/* The chain, in order; NULL at the end. One line a provider, in aws_providers.c. */
extern const struct aws_provider *const aws_providers[];

/* Of a provider that was PENDING: FOUND with keys (taken over), ABSENT or FAILED with err. From the loop. */
void aws_lookup_answer(struct aws_lookup *lookup, enum aws_found found, struct aws_keys *keys,
                       const struct err *err);

struct aws_creds;

struct aws_creds_options {
    struct event_base *base; /* lent, as all here */
    const struct clock *clock;
    struct aws_config *config;
    struct http *http;
    const struct aws_provider *const *providers; /* NULL: aws_providers */
};

struct aws_creds *aws_creds_new(const struct aws_creds_options *options) RETURNS_NONNULL;
/* Nobody may be waiting any more. NULL is fine. */
void aws_creds_free(struct aws_creds *creds);

/* The keys at hand, lent until the loop goes on; NULL: there are none, or they have expired or were rejected:
 * wait. now_s is the wall time as AWS sees it. Looks at the files now and then, and begins in good time to
 * look for new keys when these expire. */
const struct aws_keys *aws_creds_keys(struct aws_creds *creds, int64_t now_s);

/* AWS did not take the keys of this serial. If they are still the ones at hand, others are looked for. */
void aws_creds_reject(struct aws_creds *creds, uint64_t serial);

/* Called once, from the loop, when a search has ended: err NULL, keys are at hand; else why there are none.
 * Embedded in who waits. */
struct aws_creds_waiter {
    void (*done)(void *arg, const struct err *err);
    void *arg;
    bool waiting;
    TAILQ_ENTRY(aws_creds_waiter) entry;
};

/* Begins a search unless one is under way. After one that failed the next begins a second later at the
 * earliest; until then its error is told again. */
void aws_creds_wait(struct aws_creds *creds, struct aws_creds_waiter *waiter);
void aws_creds_unwait(struct aws_creds *creds,
                      struct aws_creds_waiter *waiter); /* fine if it does not wait */
