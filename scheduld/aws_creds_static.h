/* Providers of keys that are written down somewhere (aws_creds.h). */
#pragma once

#include "aws_creds.h"

extern const struct aws_provider aws_provider_environment;
extern const struct aws_provider aws_provider_credentials_file;
extern const struct aws_provider aws_provider_config_file;
