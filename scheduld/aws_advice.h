/* What a person can do about an error of AWS, pure: for --check-aws. */
#pragma once

#include "aws_error.h"
#include "buf.h"

struct aws_advice_about {
    const char *action;   /* "ecs:ListTasks": the permission that the call needs */
    const char *cluster;  /* as it is set */
    const char *region;   /* as it was found */
    const char *identity; /* the ARN of who asks; NULL: nobody knows */
};

/* Appends a sentence or two without a line break; nothing if the error says it all. */
void aws_advice_put(struct buf *buf, const struct aws_error *error, const struct aws_advice_about *about);

/* Appends what is wrong with a cluster's ARN for this region; nothing if it is a name, or fits. */
void aws_advice_put_cluster(struct buf *buf, const char *cluster, const char *region);
