/*
 * See aws_client_check.h. One step after the other, each begun when the one before has its answer; without
 * credentials, and without a way to ECS, the later ones are left out.
 */
#include "aws_client_check.h"

#include "attr.h"
#include "aws_advice.h"
#include "aws_client.h"
#include "aws_creds.h"
#include "aws_creds_sts.h"
#include "aws_sts_codec.h"
#include "daemon.h"
#include "ecs.h"
#include "mem.h"

#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { LABEL_WIDTH = 18, TEXT_MAX = 4096, SOON_S = 120 };

/* Of no family and no task that there could be: the calls are as good, and the answers short. */
static const char no_family[] = "ecs-scheduler-check-aws";
static const char no_task[] = "00000000000000000000000000000000";

struct check {
    struct event_base *base; /* owned, as all here */
    struct aws_client *client;
    struct ecs *ecs;
    struct aws_sts *sts; /* while it is asked */
    char *identity;      /* NULL: nobody knows */
    const char *cluster; /* lent, as the ones below */
    struct aws_creds *creds;
    FILE *out;
    size_t step;
    struct aws_creds_waiter waiter;
    bool bad; /* something does not work */
};

static void say(const struct check *check, const char *label, const char *text)
{
    fprintf(check->out, "%-*s %s\n", LABEL_WIDTH, label, text);
}

/* More on what was said before, if there is more. */
static void say_more(const struct check *check, const struct buf *text)
{
    if (text->len > 0)
        say(check, "", text->data);
}

/* "a; b; c" as lines. */
static void say_list(const struct check *check, const char *label, const char *text)
{
    for (const char *end; (end = strstr(text, "; ")) != NULL; text = end + 2, label = "")
        fprintf(check->out, "%-*s %.*s\n", LABEL_WIDTH, label, (int)(end - text), text);
    say(check, label, text);
}

static void end(struct check *check)
{
    event_base_loopbreak(check->base);
}

static void next(struct check *check);

/* Whether a call has worked; says so, or why not and what to do. */
static bool judge(struct check *check, const char *action, const struct aws_error *error)
{
    const struct aws_advice_about about = {action, check->cluster, aws_client_region(check->client),
                                           check->identity};
    AUTO_BUF struct buf advice = {0};
    char text[TEXT_MAX];

    if (error == NULL) {
        say(check, action, "works");
        return true;
    }
    check->bad = true;
    buf_init(&advice, TEXT_MAX);
    say_list(check, action, aws_error_text(error, text, sizeof text));
    aws_advice_put(&advice, error, &about);
    say_more(check, &advice);
    return false;
}

/* Credentials. */

static void say_credentials(struct check *check)
{
    const struct aws_means *means = aws_creds_means(check->creds);
    const struct aws_keys *keys = aws_creds_keys(check->creds);
    AUTO_BUF struct buf text = {0};
    int64_t left_s;

    if (keys == NULL) {
        check->bad = true;
        say(check, "credentials", "those that were found have expired");
        return;
    }
    buf_init(&text, TEXT_MAX);
    buf_printf(&text, "%s: %.4s...", aws_creds_source(check->creds), keys->access_key_id);
    left_s = keys->expires_s - aws_means_now_s(means);
    if (keys->expires_s != 0)
        buf_printf(&text, ", for %lld %s more", (long long)(left_s < SOON_S ? left_s : left_s / 60),
                   left_s < SOON_S ? "s" : "min");
    say(check, "credentials", text.data);
}

static void on_credentials(void *arg, const struct err *err)
{
    struct check *check = arg;

    if (err == NULL) {
        say_credentials(check);
        next(check);
        return;
    }
    check->bad = true;
    say_list(check, "credentials", err->text);
    say(check, "", "docs/aws.md has the ways to give scheduld credentials");
    end(check);
}

static void find_credentials(struct check *check)
{
    check->waiter = (struct aws_creds_waiter){.done = on_credentials, .arg = check};
    aws_creds_wait(check->creds, &check->waiter);
}

/* Who they are of. No permission is needed for it; that STS cannot be reached is no fault, as only roles need
 * it. */

static void on_identity(void *arg, const char *xml, size_t len, const struct err *err)
{
    struct check *check = arg;

    check->sts = NULL;
    if (xml != NULL)
        check->identity = aws_xml_text(xml, len, "Arn");
    say(check, "identity",
        check->identity != NULL ? check->identity
        : xml == NULL           ? err->text
                                : "STS does not say it");
    next(check);
}

static void ask_identity(struct check *check)
{
    struct aws_means *means = aws_creds_means(check->creds);

    check->sts = aws_sts_start(means, "Action=GetCallerIdentity&Version=2011-06-15",
                               aws_creds_keys(check->creds), on_identity, check);
}

/* The calls. */

static void on_listed(void *arg, const char *const *arns UNUSED, size_t count UNUSED,
                      const struct aws_error *error)
{
    struct check *check = arg;

    if (judge(check, "ecs:ListTasks", error) || error->kind == AWS_REFUSED)
        next(check);
    else
        end(check); /* the next call would say the same */
}

static void list_tasks(struct check *check)
{
    ecs_ops_aws.list_tasks(check->ecs, check->cluster, no_family, on_listed, check);
}

static void on_described(void *arg, const struct ecs_tasks *tasks UNUSED, const struct aws_error *error)
{
    struct check *check = arg;

    judge(check, "ecs:DescribeTasks", error);
    next(check);
}

static void describe_tasks(struct check *check)
{
    ecs_ops_aws.describe_tasks(check->ecs, check->cluster, (const char *const[]){no_task}, 1, on_described,
                               check);
}

static void tell_the_rest(struct check *check)
{
    say(check, "ecs:RunTask", "not tried, as it would start a task; it needs iam:PassRole, too");
    say(check, "sqs:*", "not tried; only jobs with an sqs trigger need it");
    end(check);
}

static void (*const steps[])(struct check *check) = {find_credentials, ask_identity, list_tasks,
                                                     describe_tasks, tell_the_rest};

static void next(struct check *check)
{
    fflush(check->out);
    steps[check->step++](check);
}

/* What is known without asking. */
static void say_settings(struct check *check)
{
    const struct aws_config *config = aws_creds_means(check->creds)->config;
    struct aws_endpoint endpoint = {0};
    AUTO_BUF struct buf wrong;

    buf_init(&wrong, TEXT_MAX);
    say(check, "region", aws_client_region(check->client));
    aws_config_endpoint(config, "ecs", aws_config_region(config), &endpoint);
    say(check, "endpoint", endpoint.url);
    aws_endpoint_done(&endpoint);
    say(check, "cluster", check->cluster);
    aws_advice_put_cluster(&wrong, check->cluster, aws_client_region(check->client));
    check->bad = wrong.len > 0;
    say_more(check, &wrong);
}

static void run(struct check *check)
{
    check->ecs = ecs_new(check->client);
    check->creds = aws_client_creds(check->client);
    say_settings(check);
    next(check);
    event_base_dispatch(check->base);
    if (check->sts != NULL)
        aws_sts_cancel(check->sts);
}

int aws_check(const char *cluster, FILE *out)
{
    struct check check = {.base = event_base_new(), .cluster = cluster, .out = out};
    struct err err;
    int code = DAEMON_EXIT_CONFIG;

    signal(SIGPIPE, SIG_IGN);
    if (aws_client_new(&(struct aws_client_options){.base = check.base}, &check.client, &err)) {
        run(&check);
        code = check.bad || fflush(out) != 0 ? DAEMON_EXIT_FAILURE : DAEMON_EXIT_OK;
    } else {
        fprintf(out, "%s\n", err.text);
    }
    aws_client_free(check.client);
    ecs_free(check.ecs);
    free(check.identity);
    event_base_free(check.base);
    return code;
}
