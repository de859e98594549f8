/* The region of the EC2 instance that this runs on. */
#pragma once

#include "aws_config.h"
#include "err.h"

#include <stdbool.h>

/* Asks the instance's metadata service, and waits for the answer: for the start, when no loop runs yet. Sets
 * the region of config. ERR_INVALID: nobody knows it. ERR_UNAVAILABLE: the service does not answer (now). */
bool aws_region_ask(struct aws_config *config, struct err *err);
