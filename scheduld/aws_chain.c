/* See aws_chain.h. */
#include "aws_chain.h"

#include <string.h>

static void on_answer(struct aws_lookup *lookup, enum aws_found found, struct aws_keys *keys,
                      const struct err *err);

void aws_chain_init(struct aws_chain *chain, struct aws_means *means,
                    const struct aws_provider *const *providers, const char *profile,
                    const struct aws_lookup *outer)
{
    *chain = (struct aws_chain){
        .lookup = {.means = means, .profile = profile, .outer = outer, .answer = on_answer},
        .providers = providers,
    };
    buf_init(&chain->tried, ERR_TEXT_SIZE);
}

void aws_chain_done(struct aws_chain *chain)
{
    if (chain->pending)
        chain->providers[chain->next]->cancel(&chain->lookup);
    buf_done(&chain->tried);
    *chain = (struct aws_chain){0};
}

const char *aws_chain_provider(const struct aws_chain *chain)
{
    return chain->providers[chain->next]->name;
}

/* One provider has answered. True: so has the chain. */
static bool take_answer(struct aws_chain *chain, enum aws_found found, struct err *err)
{
    if (found == AWS_ABSENT) {
        if (err->text[0] != '\0')
            buf_printf(&chain->tried, "%s%s: %s", chain->tried.len > 0 ? "; " : "", aws_chain_provider(chain),
                       err->text);
        chain->unavailable |= err->kind == ERR_UNAVAILABLE;
        chain->next++;
        return false;
    }
    if (found == AWS_FAILED)
        err_wrap(err, "%s", aws_chain_provider(chain));
    return true;
}

/* Asks from `next` on. */
static enum aws_found go_on(struct aws_chain *chain, struct aws_keys *ret, struct err *err)
{
    while (chain->providers[chain->next] != NULL) {
        enum aws_found found = chain->providers[chain->next]->find(&chain->lookup, ret, err);

        chain->pending = found == AWS_PENDING;
        if (chain->pending || take_answer(chain, found, err))
            return found;
    }
    err_set(err, chain->unavailable ? ERR_UNAVAILABLE : ERR_NOT_FOUND, "%s", chain->tried.data);
    return AWS_ABSENT;
}

static void on_answer(struct aws_lookup *lookup, enum aws_found found, struct aws_keys *keys,
                      const struct err *err)
{
    struct aws_chain *chain = (struct aws_chain *)lookup;
    AUTO_AWS_KEYS struct aws_keys next_keys = {0};
    struct err why = {0};

    chain->pending = false;
    if (err != NULL)
        why = *err;
    if (!take_answer(chain, found, &why)) {
        keys = &next_keys;
        found = go_on(chain, keys, &why);
        if (found == AWS_PENDING)
            return;
    }
    chain->done(chain->arg, found, keys, &why);
}

enum aws_found aws_chain_find(struct aws_chain *chain,
                              void (*done)(void *arg, enum aws_found found, struct aws_keys *keys,
                                           const struct err *err),
                              void *arg, struct aws_keys *ret, struct err *err)
{
    chain->done = done;
    chain->arg = arg;
    chain->next = 0;
    chain->unavailable = false;
    buf_clear(&chain->tried);
    return go_on(chain, ret, err);
}
