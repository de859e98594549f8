/* Providers that the AWS SDKs have and this program does not (aws_creds.h). */
#pragma once

#include "aws_creds.h"

/* Profile keys that name another way to get keys. */
extern const struct aws_provider aws_provider_other_profiles;
/* Metadata services. */
extern const struct aws_provider aws_provider_metadata;
