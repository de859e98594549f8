/* See root_api.h. */
#include "root_api.h"

#include <string.h>

#include "openapi.h"
#include "reply.h"

static void answer(struct request *rq, const char *text, size_t len)
{
    AUTO_BUF struct buf body = {0};

    buf_init(&body, len);
    buf_put(&body, text, len);
    reply_json(rq, 200, &body);
}

void root_get(struct request *rq)
{
    static const char text[] = "{\"resources\":["
                               "{\"link\":{\"rel\":\"jobs\",\"title\":\"Jobs\",\"href\":\"/jobs\"}},"
                               "{\"link\":{\"rel\":\"spec\",\"title\":\"Spec\",\"href\":\"/spec\"}}]}";

    answer(rq, text, sizeof text - 1);
}

void spec_get(struct request *rq)
{
    answer(rq, openapi, openapi_len);
}
