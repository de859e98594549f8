/*
 * What a request may be at most; each is a setting (settings.h), and how far it can be raised is in limits.h.
 * And what answers may take, which is none.
 */
#pragma once

#include "json.h"

#include <stddef.h>

struct http_limits {
    size_t uri;     /* bytes */
    size_t head;    /* bytes of request line, headers and trailers */
    size_t headers; /* how many */
    size_t body;    /* bytes; also of each line of an import */
    size_t import;  /* bytes of an import; one at a time a worker */
    struct json_bounds json;
    size_t unread; /* bytes of large answers a worker that wait for their clients to read them */
};

/* What holds where nothing is set. */
extern const struct http_limits http_limits_default;
