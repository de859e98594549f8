/* scheduld --check-aws: whether AWS can be used as it is set up, told to a person. Nothing is started. */
#pragma once

#include <stdio.h>

/* Finds region and credentials, asks who they are of, and makes the calls that change nothing; prints what
 * works and what to do about the rest. An enum daemon_exit. */
int aws_check(const char *cluster, FILE *out);
