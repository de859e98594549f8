/* See sqs_codec.h. */
#include "sqs_codec.h"

#include "json.h"
#include "mem.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

void sqs_put_get_queue_url(struct buf *buf, const char *queue_name)
{
    buf_puts(buf, "{\"QueueName\":");
    json_put_string(buf, queue_name);
    buf_putc(buf, '}');
}

void sqs_put_get_queue_attributes(struct buf *buf, const char *queue_url)
{
    buf_puts(buf,
             "{\"AttributeNames\":[\"ApproximateNumberOfMessages\",\"ApproximateNumberOfMessagesNotVisible\","
             "\"ApproximateNumberOfMessagesDelayed\"],\"QueueUrl\":");
    json_put_string(buf, queue_url);
    buf_putc(buf, '}');
}

bool sqs_read_queue_url(const struct json_object *answer, char **ret, struct err *err)
{
    const char *url;

    if (!json_get_string(answer, "QueueUrl", &url, err))
        return false;
    if (*url == '\0')
        return err_field(err, "QueueUrl", "is empty");
    *ret = mem_strdup(url);
    return true;
}

/* The label at `at`, which ends at a point or with the host. */
static bool take_region(const char *at, size_t len, char ret[static AWS_REGION_SIZE])
{
    if (len >= AWS_REGION_SIZE)
        return false;
    memcpy(ret, at, len);
    ret[len] = '\0';
    return aws_region_check(ret, NULL);
}

/* Of sqs.REGION.amazonaws.com, sqs-fips.REGION.amazonaws.com, sqs.REGION.api.aws, VPCE.sqs.REGION.vpce...;
 * and of the older REGION.queue.amazonaws.com and queue.amazonaws.com, which is us-east-1. */
bool sqs_url_region(const char *url, char ret[static AWS_REGION_SIZE])
{
    const char *scheme = strstr(url, "://"), *host = scheme == NULL ? url : scheme + 3;
    size_t len = strcspn(host, ":/"), before_len = 0;
    const char *before = NULL, *end = host + len;
    AUTO_FREE char *name = mem_strndup(host, len);

    if (!aws_endpoint_is_aws(name))
        return false;
    for (const char *at = host; at < end;) {
        size_t label = strcspn(at, ".:/");

        if (before != NULL && ((before_len == 3 && strncmp(before, "sqs", 3) == 0) ||
                               (before_len == 8 && strncmp(before, "sqs-fips", 8) == 0)))
            return take_region(at, label, ret);
        if (label == 5 && strncmp(at, "queue", 5) == 0)
            return before == NULL ? take_region("us-east-1", 9, ret) : take_region(before, before_len, ret);
        before = at;
        before_len = label;
        at += label + 1;
    }
    return false;
}

/* Numbers come as texts. */
static bool read_count(const struct json_object *attributes, const char *key, int64_t *ret, struct err *err)
{
    const char *text;
    char *end;

    if (!json_get_string(attributes, key, &text, err))
        return false;
    errno = 0;
    *ret = strtoll(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || errno != 0)
        return err_field(err, key, "is not a count");
    return true;
}

bool sqs_read_depth(const struct json_object *answer, struct sqs_depth *ret, struct err *err)
{
    struct json_object *attributes;
    struct sqs_depth depth;

    if (!json_get_object(answer, "Attributes", &attributes, err) ||
        !read_count(attributes, "ApproximateNumberOfMessages", &depth.visible, err) ||
        !read_count(attributes, "ApproximateNumberOfMessagesNotVisible", &depth.in_flight, err) ||
        !read_count(attributes, "ApproximateNumberOfMessagesDelayed", &depth.delayed, err))
        return false;
    *ret = depth;
    return true;
}
