/* Asks the providers of a list one after the other, until one has keys or fails. */
#pragma once

#include "aws_provider.h"
#include "buf.h"

#include <stdbool.h>
#include <stddef.h>

struct aws_chain {
    struct aws_lookup lookup;                    /* as aws_chain_init() was told; the first member */
    const struct aws_provider *const *providers; /* lent */
    size_t next;                                 /* which is asked */
    bool pending;
    struct buf tried; /* what the providers said so far: "environment: ...; role: ..." */
    bool unavailable; /* one of them may have keys another time */
    void (*done)(void *arg, enum aws_found found, struct aws_keys *keys, const struct err *err);
    void *arg;
};

/* profile and outer: see struct aws_lookup. */
void aws_chain_init(struct aws_chain *chain, struct aws_means *means,
                    const struct aws_provider *const *providers, const char *profile,
                    const struct aws_lookup *outer);
/* Gives up what is pending. Zeroed memory is fine. */
void aws_chain_done(struct aws_chain *chain);

/* As a provider's find(). ABSENT: err is what all of them said, UNAVAILABLE if one did not answer. FAILED:
 * err names the provider. After PENDING the answer comes by `done`, once, from the loop; keys are lent, what
 * is taken is to be zeroed. */
enum aws_found aws_chain_find(struct aws_chain *chain,
                              void (*done)(void *arg, enum aws_found found, struct aws_keys *keys,
                                           const struct err *err),
                              void *arg, struct aws_keys *ret, struct err *err);

/* Who has answered, or is asked now. */
const char *aws_chain_provider(const struct aws_chain *chain);
