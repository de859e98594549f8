/*
 * The keys that requests are signed with: found by asking a chain of providers (aws_provider.h), kept until
 * they expire, are rejected, or the files that they came from change.
 *
 * Keys that expire are looked for again in the background, in good time and by one search at a time, while
 * requests go on with those at hand; a request waits only when these have expired. If no new ones are to be
 * had the old ones stay in use until they really expire.
 */
#pragma once

#include "aws_config.h"
#include "aws_keys.h"
#include "aws_provider.h"
#include "clock.h"
#include "err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct aws_creds;
struct event_base;
struct http;

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

/* By how much AWS's clock is ahead of ours, as an answer says; 0: by so little that it does not matter. */
void aws_creds_set_skew(struct aws_creds *creds, int64_t skew_s);

/* The keys at hand, lent until the loop goes on; NULL: there are none, or they have expired by AWS's clock:
 * wait. Looks at the files now and then. */
const struct aws_keys *aws_creds_keys(struct aws_creds *creds);

/* What its providers work with, lent: to ask STS as they do. */
struct aws_means *aws_creds_means(struct aws_creds *creds);

/* Which provider found them; NULL: nobody has. */
const char *aws_creds_source(const struct aws_creds *creds);

/* AWS did not take the keys of this serial. True: there are others, or who waits may get others. False: these
 * have just been looked up again, so that it is no use. For other requests they stay at hand: they may be
 * good, and refused only where that one went (a region that the account has not enabled). */
bool aws_creds_refused(struct aws_creds *creds, uint64_t serial);

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
