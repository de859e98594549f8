/* Asks STS: for the keys of a role, or who somebody is. */
#pragma once

#include "aws_provider.h"
#include "buf.h"

#include <stdbool.h>

struct aws_sts;

/* The answer, lent; xml NULL: err says why there is none. Once, from the loop. */
typedef void aws_sts_fn(void *arg, const char *xml, size_t len, const struct err *err);

/* form is copied; with: what to sign with, copied, NULL: the request is not signed. */
struct aws_sts *aws_sts_start(struct aws_means *means, const char *form, const struct aws_keys *with,
                              aws_sts_fn *done, void *arg);
void aws_sts_cancel(struct aws_sts *sts);

/* The keys in an answer: FOUND, or FAILED with err. xml NULL: FAILED, err is as it is. */
enum aws_found aws_sts_take(const struct aws_means *means, const char *xml, size_t len, struct aws_keys *ret,
                            struct err *err);

/* "Action=...&Version=...&RoleArn=...&RoleSessionName=..." and so on, of the settings of a role; session
 * NULL: a name of ours. ERR_INVALID: the settings are wrong. form is initialised here. */
bool aws_sts_begin_form(struct buf *form, const char *action, const char *role_arn, const char *session,
                        const char *duration, struct err *err);
