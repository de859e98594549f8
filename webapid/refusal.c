/* See refusal.h. */
#include "refusal.h"

#include <stddef.h>

#include "attr.h"
#include "http_date.h"
#include "problem.h"

enum { BODY_MAX = 2048, RETRY_AFTER_S = 1 };

const char *refusal_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {408, "Request Timeout"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {417, "Expectation Failed"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {431, "Request Header Fields Too Large"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
    };

    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Error";
}

void refusal_put(struct buf *text, const struct refusal *refusal)
{
    AUTO_BUF struct buf body = {0};
    char date[HTTP_DATE_SIZE];

    buf_init(&body, BODY_MAX);
    problem_put(&body, refusal->request_id, refusal->why);
    http_date_now(date);
    buf_printf(text,
               "HTTP/1.1 %d %s\r\nDate: %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n",
               refusal->status, refusal_reason(refusal->status), date, body.len);
    buf_printf(text, "X-Request-Id: %s\r\n", refusal->request_id);
    if (refusal->status == 503)
        buf_printf(text, "Retry-After: %d\r\n", RETRY_AFTER_S);
    if (refusal->challenge != NULL)
        buf_printf(text, "WWW-Authenticate: %s\r\n", refusal->challenge);
    if (refusal->origin != NULL)
        buf_printf(text, "Access-Control-Allow-Origin: %s\r\nVary: Origin\r\n", refusal->origin);
    buf_puts(text, "Connection: close\r\n\r\n");
    if (!refusal->is_head)
        buf_puts(text, body.data);
}
