/* Asks STS for the keys of a role. */
#pragma once

#include "aws_provider.h"
#include "buf.h"

#include <stdbool.h>

struct aws_sts;

/* found: FOUND with keys (which may be taken over), or FAILED with err. Once, from the loop. */
typedef void aws_sts_fn(void *arg, enum aws_found found, struct aws_keys *keys, const struct err *err);

/* form is copied; with: what to sign with, copied, NULL: the request is not signed. */
struct aws_sts *aws_sts_start(struct aws_means *means, const char *form, const struct aws_keys *with,
                              aws_sts_fn *done, void *arg);
void aws_sts_cancel(struct aws_sts *sts);

/* "Action=...&Version=...&RoleArn=...&RoleSessionName=..." and so on, of the settings of a role; session
 * NULL: a name of ours. ERR_INVALID: the settings are wrong. form is initialised here. */
bool aws_sts_begin_form(struct buf *form, const char *action, const char *role_arn, const char *session,
                        const char *duration, struct err *err);
