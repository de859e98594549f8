/*
 * What the files of the client share, and nobody else sees.
 *
 *     aws_client.c    what the client is made of, and its end
 *     aws_call.c      the life of a call
 */
#pragma once

#include "aws_client.h"
#include "aws_lane.h"
#include "aws_place.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

TAILQ_HEAD(aws_call_list, aws_call);

struct aws_client {
    struct event_base *base;   /* lent */
    const struct clock *clock; /* lent */
    struct aws_config *config; /* owned, as all below */
    struct http *http;
    struct aws_creds *creds;
    struct sigv4 *signer;
    struct aws_places places;
    int64_t connect_timeout_ms, timeout_ms;
    size_t pending;
    struct aws_call_list calls;
    struct metrics *metrics; /* lent */
    struct aws_lane lanes[AWS_LANES];
};

/* Answers a call from inside, wherever it is. */
void aws_call_end(struct aws_call *call, const struct aws_error *error);
