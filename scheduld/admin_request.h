/* What the admin listener is asked, pure: the head of one HTTP request, as far as it matters here. */
#pragma once

#include "metrics.h"

#include <stdbool.h>
#include <stddef.h>

enum admin_page { ADMIN_LIVE, ADMIN_READY, ADMIN_METRICS };

struct admin_request {
    enum admin_page page;
    bool is_head;
    enum metrics_format format; /* that Accept asks for */
};

enum { ADMIN_HEAD_MAX = 8192, ADMIN_MORE = 0 };

/* Of what has been read so far: ADMIN_MORE: the head is not whole yet; 200: *ret is what is asked; 400, 404,
 * 405, 431: why it is not answered. Nothing of text need end with a NUL. */
int admin_request_read(const char *text, size_t len, struct admin_request *ret);
