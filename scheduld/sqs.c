/*
 * See sqs.h. Queues are found by name in a table of lists; one is forgotten when SQS does not know it, and to
 * make room for another, as the table may be full of what jobs named once.
 */
#include "sqs.h"

#include "aws_client.h"
#include "json.h"
#include "mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

enum { BUCKETS = 256, QUEUES_MAX = 4096, REQUEST_MAX = 65536, READ_TIMEOUT_MS = 10000 };

static const struct aws_service service = {
    .name = "sqs", .target = "AmazonSQS", .content_type = "application/x-amz-json-1.0"};

/* Somebody's question. */
struct depth_op {
    struct sqs *sqs;  /* lent */
    char *queue_name; /* owned, as all below; NULL: the URL was given */
    char *url;        /* the one that the attributes were asked of */
    bool asked_again;
    struct sqs_depth depth;
    sqs_depth_fn *done;
    void *arg;
    TAILQ_ENTRY(depth_op) entry; /* of a queue's waiters */
};

TAILQ_HEAD(op_list, depth_op);

struct queue {
    struct sqs *sqs; /* lent */
    char *name;      /* owned */
    char *url;       /* owned; NULL: being asked for */
    struct op_list waiters;
    LIST_ENTRY(queue) entry;
};

struct sqs {
    struct aws_client *client; /* lent */
    LIST_HEAD(, queue) buckets[BUCKETS];
    size_t count; /* of queues in them */
};

struct sqs *sqs_new(struct aws_client *client)
{
    struct sqs *sqs = mem_alloc(sizeof *sqs);

    sqs->client = client;
    for (size_t i = 0; i < BUCKETS; i++)
        LIST_INIT(&sqs->buckets[i]);
    return sqs;
}

static void queue_free(struct queue *queue)
{
    free(queue->name);
    free(queue->url);
    free(queue);
}

static void queue_forget(struct queue *queue)
{
    LIST_REMOVE(queue, entry);
    queue->sqs->count--;
    queue_free(queue);
}

/* Its URL is asked for again when it is next needed. Those whose URL is on the way are waited for, and stay.
 */
static void forget_one(struct sqs *sqs)
{
    struct queue *queue;

    for (size_t i = 0; i < BUCKETS; i++) {
        LIST_FOREACH(queue, &sqs->buckets[i], entry)
        {
            if (queue->url != NULL) {
                queue_forget(queue);
                return;
            }
        }
    }
}

static void bucket_free(struct queue *queue)
{
    while (queue != NULL) {
        struct queue *next = LIST_NEXT(queue, entry);

        queue_free(queue);
        queue = next;
    }
}

void sqs_free(struct sqs *sqs)
{
    if (sqs == NULL)
        return;
    for (size_t i = 0; i < BUCKETS; i++)
        bucket_free(LIST_FIRST(&sqs->buckets[i]));
    free(sqs);
}

static size_t bucket_of(const char *name)
{
    uint32_t hash = 2166136261U; /* FNV-1a */

    for (; *name != '\0'; name++)
        hash = (hash ^ (unsigned char)*name) * 16777619U;
    return hash % BUCKETS;
}

static struct queue *queue_find(struct sqs *sqs, const char *name)
{
    struct queue *queue;

    LIST_FOREACH(queue, &sqs->buckets[bucket_of(name)], entry)
    if (strcmp(queue->name, name) == 0)
        return queue;
    return NULL;
}

static void op_end(struct depth_op *op, const struct aws_error *error)
{
    struct depth_op last = *op;

    free(op);
    last.done(last.arg, error == NULL ? &last.depth : NULL, error);
    free(last.queue_name);
    free(last.url);
}

static void ask_depth(struct depth_op *op, const char *url);
static void ask_url(struct depth_op *op);

/* GetQueueAttributes. */

static bool decode_depth(void *arg, const struct json_object *answer, struct err *err)
{
    struct depth_op *op = arg;

    return sqs_read_depth(answer, &op->depth, err);
}

static void on_depth(void *arg, const struct aws_error *error)
{
    struct depth_op *op = arg;
    struct queue *queue;

    if (error == NULL || op->queue_name == NULL || op->asked_again ||
        strcmp(error->code, "QueueDoesNotExist") != 0) {
        op_end(op, error);
        return;
    }
    /* Made anew under the same name, maybe. Another may have asked for its URL meanwhile. */
    op->asked_again = true;
    queue = queue_find(op->sqs, op->queue_name);
    if (queue != NULL && queue->url != NULL && strcmp(queue->url, op->url) == 0)
        queue_forget(queue);
    ask_url(op);
}

static void ask_depth(struct depth_op *op, const char *url)
{
    char region[AWS_REGION_SIZE];
    AUTO_BUF struct buf body;

    free(op->url);
    op->url = mem_strdup(url);
    buf_init(&body, REQUEST_MAX);
    sqs_put_get_queue_attributes(&body, url);
    aws_call(op->sqs->client,
             &(struct aws_call_spec){.service = &service,
                                     .operation = "GetQueueAttributes",
                                     .region = op->queue_name == NULL && sqs_url_region(url, region) ? region
                                                                                                     : NULL,
                                     .lane = AWS_QUEUES,
                                     .timeout_ms = READ_TIMEOUT_MS,
                                     .body = body.data,
                                     .body_len = body.len,
                                     .decode = decode_depth,
                                     .done = on_depth,
                                     .arg = op});
}

/* GetQueueUrl. */

static bool decode_url(void *arg, const struct json_object *answer, struct err *err)
{
    struct queue *queue = arg;

    return sqs_read_queue_url(answer, &queue->url, err);
}

static void on_url(void *arg, const struct aws_error *error)
{
    struct queue *queue = arg;
    struct op_list waiters = TAILQ_HEAD_INITIALIZER(waiters);
    struct depth_op *op;

    TAILQ_CONCAT(&waiters, &queue->waiters, entry);
    if (error != NULL) {
        queue_forget(queue);
        queue = NULL;
    }
    while ((op = TAILQ_FIRST(&waiters)) != NULL) {
        TAILQ_REMOVE(&waiters, op, entry);
        if (queue == NULL)
            op_end(op, error);
        else
            ask_depth(op, queue->url); /* calls nobody back, so the queue stays */
    }
}

static struct queue *queue_new(struct sqs *sqs, const char *name)
{
    struct queue *queue = mem_alloc(sizeof *queue);
    AUTO_BUF struct buf body;

    if (sqs->count >= QUEUES_MAX)
        forget_one(sqs);
    sqs->count++;
    queue->sqs = sqs;
    queue->name = mem_strdup(name);
    TAILQ_INIT(&queue->waiters);
    LIST_INSERT_HEAD(&sqs->buckets[bucket_of(name)], queue, entry);
    buf_init(&body, REQUEST_MAX);
    sqs_put_get_queue_url(&body, name);
    aws_call(sqs->client, &(struct aws_call_spec){.service = &service,
                                                  .operation = "GetQueueUrl",
                                                  .lane = AWS_QUEUES,
                                                  .timeout_ms = READ_TIMEOUT_MS,
                                                  .body = body.data,
                                                  .body_len = body.len,
                                                  .decode = decode_url,
                                                  .done = on_url,
                                                  .arg = queue});
    return queue;
}

/* Goes on with the queue's URL as soon as it is known. */
static void ask_url(struct depth_op *op)
{
    struct queue *queue = queue_find(op->sqs, op->queue_name);

    if (queue != NULL && queue->url != NULL) {
        ask_depth(op, queue->url);
        return;
    }
    if (queue == NULL)
        queue = queue_new(op->sqs, op->queue_name);
    TAILQ_INSERT_TAIL(&queue->waiters, op, entry);
}

static void queue_depth(void *arg, const struct sqs_queue *queue, sqs_depth_fn *done, void *done_arg)
{
    struct depth_op *op = mem_alloc(sizeof *op);

    op->sqs = arg;
    op->done = done;
    op->arg = done_arg;
    if (queue->url != NULL) {
        ask_depth(op, queue->url);
        return;
    }
    op->queue_name = mem_strdup(queue->name);
    ask_url(op);
}

const struct sqs_ops sqs_ops_aws = {.queue_depth = queue_depth};
