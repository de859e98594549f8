/* Keys in the environment (aws_provider.h). */
#include "aws_provider.h"

#include <stddef.h>

static enum aws_found find(struct aws_lookup *lookup, struct aws_keys *ret, struct err *err)
{
    const struct aws_config *config = lookup->means->config;
    const char *token = aws_config_getenv(config, "AWS_SECURITY_TOKEN"); /* its old name, which wins in
                                                                            botocore */

    if (token == NULL)
        token = aws_config_getenv(config, "AWS_SESSION_TOKEN");
    return aws_keys_take("AWS_ACCESS_KEY_ID", aws_config_getenv(config, "AWS_ACCESS_KEY_ID"),
                         "AWS_SECRET_ACCESS_KEY", aws_config_getenv(config, "AWS_SECRET_ACCESS_KEY"), token,
                         ret, err);
}

const struct aws_provider aws_provider_environment = {.name = "environment", .find = find};
