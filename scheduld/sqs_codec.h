/* SQS's requests and answers as JSON (protocol JSON 1.0), pure. */
#pragma once

#include "aws_endpoint.h"
#include "buf.h"
#include "err.h"

#include <stdbool.h>
#include <stdint.h>

struct json_object;

/* Approximate, as SQS has it: the numbers settle about a minute after producers stop. */
struct sqs_depth {
    int64_t visible;   /* can be received */
    int64_t in_flight; /* received, not deleted yet */
    int64_t delayed;   /* not to be received yet */
};

void sqs_put_get_queue_url(struct buf *buf, const char *queue_name);
void sqs_put_get_queue_attributes(struct buf *buf, const char *queue_url);

/* ERR_INVALID if a member is missing or of another type; then *ret is as it was. */
bool sqs_read_queue_url(const struct json_object *answer, char **ret /* owned */, struct err *err);
/* The region in the host of a queue's URL; false: the host is not AWS's, as with a stand-in. */
bool sqs_url_region(const char *url, char ret[static AWS_REGION_SIZE]);

bool sqs_read_depth(const struct json_object *answer, struct sqs_depth *ret, struct err *err);
