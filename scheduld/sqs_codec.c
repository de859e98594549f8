/* See sqs_codec.h. */
#include "sqs_codec.h"

#include "json.h"
#include "mem.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>

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
