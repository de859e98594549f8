/*
 * Calls of AWS's JSON services: signs, sends, reads the answer, tells errors apart and repeats what may help.
 * ECS and SQS are built on it (ecs.h, sqs.h); nothing here knows either.
 *
 * One call is up to AWS_ATTEMPTS_MAX requests: throttles, 5xx, lost connections and answers that cannot be
 * read are repeated after a random wait (full jitter); each request is signed anew. Credentials that AWS does
 * not take are looked up again, and a clock that is wrong is made up for, once a call. Calls wait in lanes
 * (aws_lane.h) for their turn, unsigned.
 */
#pragma once

#include "aws_error.h"
#include "clock.h"
#include "config.h"
#include "err.h"

#include <stdbool.h>
#include <stddef.h>

struct aws_call;
struct aws_client;
struct aws_creds;
struct event_base;
struct json_object;
struct metrics;

/* By the quota of AWS that calls draw from. */
enum aws_lane_kind {
    AWS_LAUNCHES, /* ECS: what changes something */
    AWS_READS,    /* ECS: what asks */
    AWS_QUEUES,   /* SQS */
    AWS_LANES,
};

struct aws_client_options {
    struct event_base *base;     /* lent */
    const struct clock *clock;   /* lent; NULL: clock_system */
    config_getenv_fn *getenv_fn; /* NULL: config_getenv. Lent, for credentials are looked up again later */
    void *getenv_arg;            /* lent */
    const char *user_agent;      /* NULL: ecs-scheduler/VERSION */
    int64_t connect_timeout_ms;  /* 0: 5000 */
    int64_t timeout_ms;          /* of one request; 0: 30000 */
    size_t max_in_flight;        /* requests of each lane on the wire; 0: 64 */
    struct metrics *metrics;     /* lent; what is counted, see meters.h; NULL: nothing */
    struct {
        int64_t per_s, burst; /* requests a second; and at once after a pause. 0: no limit */
    } rates[AWS_LANES];
};

/* Reads region, endpoints and files (aws_config.h); credentials are looked up at the first call. Fails
 * (ERR_INVALID) if no region is set, or a setting or file is wrong. */
bool aws_client_new(const struct aws_client_options *options, struct aws_client **ret, struct err *err);

/* Answers what is pending with AWS_CANCELLED, from inside; so free who uses it afterwards. Not from one of
 * its callbacks. NULL is fine. */
void aws_client_free(struct aws_client *client);

/* Calls that have no answer yet. */
size_t aws_client_pending(const struct aws_client *client);

/* Sets the gauges about it. */
void aws_client_measure(struct aws_client *client);

const char *aws_client_region(const struct aws_client *client);
struct aws_creds *aws_client_creds(struct aws_client *client); /* lent */

/* How many calls of a lane would be sent at once. After an answer of 0 on_room comes once, from the loop,
 * when there is room again. */
size_t aws_client_room(struct aws_client *client, enum aws_lane_kind lane);
void aws_client_on_room(struct aws_client *client, enum aws_lane_kind lane, void (*on_room)(void *arg),
                        void *arg);

/* A service's constants, one `static const` in the file that speaks to it. */
struct aws_service {
    const char *name;         /* "ecs": in the signature, the endpoint and AWS_ENDPOINT_URL_ECS */
    const char *target;       /* X-Amz-Target's part before the point */
    const char *content_type; /* "application/x-amz-json-1.1" */
};

struct aws_call_spec {
    const struct aws_service *service; /* lent until the answer */
    const char *operation;             /* lent until the answer: a literal */
    enum aws_lane_kind lane;
    const char *region; /* lent for the call; NULL: ours. Another one's own endpoint is asked, whatever is
                           configured */
    int64_t timeout_ms; /* of one request; 0: the client's */
    const char *body;   /* copied */
    size_t body_len;
    /* Takes what is wanted from the answer. False: the answer makes no sense, which counts as none
     * (AWS_UNKNOWN, repeated). May be called again after it said false. NULL: any object will do. */
    bool (*decode)(void *arg, const struct json_object *answer, struct err *err);
    /* Asked when a request is about to be on the wire, each time, as one may wait in a lane, for credentials,
     * for a connection or to be repeated. False: the call ends, RETRYABLE and "not sent". It must not call
     * anything of here. NULL: always. */
    bool (*may_send)(void *arg);
    void *may_send_arg;
    /* Exactly once, from the loop. error is lent, NULL: it went well, and decode has had the answer. */
    void (*done)(void *arg, const struct aws_error *error);
    void *arg;
};

/* The call, to cancel it by; good until `done` is called. */
struct aws_call *aws_call(struct aws_client *client, const struct aws_call_spec *spec);

/* As a call that has its answer already: done(arg, error) comes from the loop, without decode and without a
 * request. error is copied; NULL: it went well. */
struct aws_call *aws_call_decided(struct aws_client *client, const struct aws_call_spec *spec,
                                  const struct aws_error *error);

/* Forgets a call that has not been answered: `done` does not come. It may take effect all the same. */
void aws_call_cancel(struct aws_call *call);
