/* When a call that failed is sent again, pure. The figures are those of the AWS SDKs' standard mode. */
#pragma once

#include "aws_error.h"

#include <stdbool.h>
#include <stdint.h>

enum { AWS_ATTEMPTS_MAX = 3 };

/* Whether a quick repeat may help after so many attempts. False also for what only time can mend: who asked
 * decides on that. */
bool aws_retry_wanted(const struct aws_error *error, int attempts);

/* How long to wait before it, by full jitter: fraction is a random number from 0 to below 1. */
int64_t aws_retry_delay_ms(const struct aws_error *error, int attempts, double fraction);
