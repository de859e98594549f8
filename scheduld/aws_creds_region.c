/* See aws_creds_region.h. */
#include "aws_creds_region.h"

#include "aws_chain.h"
#include "http.h"
#include "mem.h"

#include <event2/event.h>
#include <stdlib.h>

struct question {
    struct event_base *base;
    struct aws_config *config;
    bool good;
    struct err *err;
};

static void take(struct question *question, enum aws_found found, const struct aws_keys *keys,
                 const struct err *err)
{
    if (found == AWS_FOUND && keys->region != NULL)
        question->good = aws_config_set_region(question->config, keys->region, question->err);
    else
        err_set(question->err, err->kind == ERR_UNAVAILABLE ? ERR_UNAVAILABLE : ERR_INVALID,
                "no AWS region: set AWS_REGION or AWS_DEFAULT_REGION, or region in profile \"%s\" of %s; %s",
                aws_profiles_name(aws_config_profiles(question->config)),
                aws_profiles_config_path(aws_config_profiles(question->config)), err->text);
}

static void on_answer(void *arg, enum aws_found found, struct aws_keys *keys, const struct err *err)
{
    struct question *question = arg;

    take(question, found, keys, err);
    event_base_loopbreak(question->base);
}

static void ask(struct question *question, struct http *http)
{
    static aws_provider_list instance = {&aws_provider_instance, NULL};
    AUTO_AWS_KEYS struct aws_keys keys = {0};
    struct aws_means means = {
        .base = question->base, .clock = &clock_system, .config = question->config, .http = http};
    struct aws_chain chain;
    struct err err = {0};
    enum aws_found found;

    aws_chain_init(&chain, &means, instance, NULL, NULL);
    found = aws_chain_find(&chain, on_answer, question, &keys, &err);
    if (found == AWS_PENDING)
        event_base_dispatch(question->base);
    else
        take(question, found, &keys, &err);
    aws_chain_done(&chain);
}

bool aws_region_ask(struct aws_config *config, struct err *err)
{
    struct err own;
    struct question question = {.base = event_base_new(), .config = config, .err = err != NULL ? err : &own};
    struct http *http = NULL;

    if (question.base == NULL)
        abort(); /* no memory */
    if (http_new(&(struct http_options){.base = question.base}, &http, question.err))
        ask(&question, http);
    http_free(http);
    event_base_free(question.base);
    return question.good;
}
