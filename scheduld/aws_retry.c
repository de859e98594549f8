/* See aws_retry.h. */
#include "aws_retry.h"

enum { THROTTLED_MS = 1000, LOST_MS = 50, DELAY_MAX_MS = 20000, HINT_MAX_MS = 5000 };

bool aws_retry_wanted(const struct aws_error *error, int attempts)
{
    if (attempts >= AWS_ATTEMPTS_MAX)
        return false;
    switch (error->kind) {
    case AWS_THROTTLED:
    case AWS_UNKNOWN:
        return true;
    case AWS_RETRYABLE: /* else: the cluster is empty, a proxy says no */
        return error->status == 0 || error->status >= 500 || error->status == 408;
    case AWS_OK:
    case AWS_REFUSED:
    case AWS_CONFLICT:
    case AWS_AUTH:
    case AWS_CANCELLED:
        return false;
    }
    return false;
}

int64_t aws_retry_delay_ms(const struct aws_error *error, int attempts, double fraction)
{
    int64_t most_ms = error->kind == AWS_THROTTLED ? THROTTLED_MS : LOST_MS;
    int64_t hint_ms = error->retry_after_ms, delay_ms;

    for (int i = 1; i < attempts && most_ms < DELAY_MAX_MS; i++)
        most_ms *= 2;
    if (most_ms > DELAY_MAX_MS)
        most_ms = DELAY_MAX_MS;
    delay_ms = (int64_t)((double)most_ms * fraction);
    /* What the server wishes for is a lower bound, as long as it is not much. */
    if (hint_ms > delay_ms + HINT_MAX_MS)
        hint_ms = delay_ms + HINT_MAX_MS;
    return delay_ms > hint_ms ? delay_ms : hint_ms;
}
