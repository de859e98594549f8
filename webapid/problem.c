/* See problem.h. */
#include "problem.h"

#include "json.h"

static void put_id(struct buf *body, const char *request_id)
{
    buf_puts(body, ",\"requestId\":");
    json_put_string(body, request_id);
    buf_putc(body, '}');
}

void problem_put(struct buf *body, const char *request_id, const char *message)
{
    buf_puts(body, "{\"message\":");
    json_put_string(body, message);
    put_id(body, request_id);
}

void problem_put_fields(struct buf *body, const char *request_id, const struct json_object *messages)
{
    buf_puts(body, "{\"messages\":");
    json_put_value(body, messages);
    put_id(body, request_id);
}
