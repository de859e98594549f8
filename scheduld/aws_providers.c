/* Which providers are asked for keys, in the order of the AWS SDKs: the first that has anything wins. */
#include "aws_creds.h"
#include "aws_creds_refused.h"
#include "aws_creds_static.h"

#include <stddef.h>

const struct aws_provider *const aws_providers[] = {
    &aws_provider_environment, &aws_provider_other_profiles, &aws_provider_credentials_file,
    &aws_provider_config_file, &aws_provider_metadata,       NULL,
};
