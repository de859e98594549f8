/*
 * A provider knows one way to find keys. All of them are in one table, aws_providers.c, in the order of the
 * AWS SDKs; a new way is one more file and one more line there. A provider answers at once, or later from the
 * loop (PENDING).
 *
 * The first provider that has anything wins; one that is configured and fails ends the search with its error,
 * so that nobody works under another identity than was meant.
 */
#pragma once

#include "aws_config.h"
#include "aws_keys.h"
#include "clock.h"
#include "err.h"

struct event_base;
struct http;

/* What providers work with; all of it is lent. */
struct aws_means {
    struct event_base *base;
    const struct clock *clock;
    struct aws_config *config; /* its profiles have just been loaded */
    struct http *http;
    int64_t skew_s; /* by how much AWS's clock is ahead of ours, if that is too much; else 0 */
};

int64_t aws_means_now_s(const struct aws_means *means); /* the wall time as AWS sees it */

/* One question to a provider. */
struct aws_lookup {
    struct aws_means *means;
    const char *profile;            /* whose keys in the shared files count; NULL: the one that is meant */
    const struct aws_lookup *outer; /* the role that is assumed with these keys; NULL: none */
    void *state;                    /* the provider's own while PENDING */
    /* Of a provider that was PENDING: FOUND with keys (which may be taken over), ABSENT or FAILED with err.
     * Once, from the loop; state is free then. */
    void (*answer)(struct aws_lookup *lookup, enum aws_found found, struct aws_keys *keys,
                   const struct err *err);
};

struct aws_provider {
    const char *name; /* "environment": for messages */
    /* FOUND: *ret is the caller's. ABSENT, FAILED: err says why, in words that fit after "NAME: ";
     * ABSENT without words: it is not worth a mention. */
    enum aws_found (*find)(struct aws_lookup *lookup, struct aws_keys *ret, struct err *err);
    /* Gives up after PENDING: no answer may follow. NULL: it is never PENDING. */
    void (*cancel)(struct aws_lookup *lookup);
};

extern const struct aws_provider aws_provider_environment;      /* aws_creds_environment.c */
extern const struct aws_provider aws_provider_role;             /* aws_creds_role.c */
extern const struct aws_provider aws_provider_web_identity;     /* aws_creds_web_identity.c */
extern const struct aws_provider aws_provider_sign_on;          /* aws_creds_refused.c */
extern const struct aws_provider aws_provider_credentials_file; /* aws_creds_files.c */
extern const struct aws_provider aws_provider_login;            /* aws_creds_refused.c */
extern const struct aws_provider aws_provider_process;          /* aws_creds_process.c */
extern const struct aws_provider aws_provider_config_file;      /* aws_creds_files.c */
extern const struct aws_provider aws_provider_container;        /* aws_creds_container.c */
extern const struct aws_provider aws_provider_instance;         /* aws_creds_instance.c */

/* NULL at the end of each. */
typedef const struct aws_provider *const aws_provider_list[];
extern aws_provider_list aws_providers;         /* the whole chain */
extern aws_provider_list aws_profile_providers; /* what a profile that a role names as its source may have */
