/*
 * A whole answer, status line and all, to what is refused before libevhtp or a handler hears of it. The
 * connection is closed after it.
 */
#pragma once

#include "buf.h"

#include <stdbool.h>

struct refusal {
    int status;
    const char *why; /* a sentence */
    const char *request_id;
    const char *origin;    /* NULL, or what Access-Control-Allow-Origin is to be */
    const char *challenge; /* NULL, or what WWW-Authenticate is to be */
    bool is_head;          /* no body, then */
};

/* "Forbidden" */
const char *refusal_reason(int status);
void refusal_put(struct buf *text, const struct refusal *refusal);
