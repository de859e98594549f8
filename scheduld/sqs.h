/*
 * How many messages a queue holds. Who asks knows it by `struct sqs_ops`, as with ecs.h.
 *
 * A queue's URL is asked for once and kept; when SQS says that the queue does not exist it is asked for
 * again, once, for the queue may have been made anew. Calls for one name share the question.
 */
#pragma once

#include "aws_error.h"
#include "sqs_codec.h"

struct aws_client;
struct sqs;

/* Exactly once, from the loop; depth is lent, NULL if error is set. */
typedef void sqs_depth_fn(void *arg, const struct sqs_depth *depth, const struct aws_error *error);

/* Lent for the call. */
struct sqs_queue {
    const char *name; /* of our account and region; counts if there is no URL */
    const char *url;  /* NULL: none. Of any account and region: the region is the one that its host names */
};

struct sqs_ops {
    void (*queue_depth)(void *sqs, const struct sqs_queue *queue, sqs_depth_fn *done, void *arg);
};

/* For a struct sqs as `void *sqs`. */
extern const struct sqs_ops sqs_ops_aws;

struct sqs *sqs_new(struct aws_client *client /* lent */);
/* After aws_client_free(), which answers what is pending. */
void sqs_free(struct sqs *sqs);
