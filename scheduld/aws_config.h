/*
 * AWS's settings as its SDKs find them: environment variables first, then the profile of the shared files.
 *
 *     region      AWS_REGION, AWS_DEFAULT_REGION, region; else that of the EC2 instance (aws_creds_region.h)
 *     endpoint    AWS_ENDPOINT_URL_<SERVICE>, AWS_ENDPOINT_URL, the profile's services section, endpoint_url;
 *                 none of them with AWS_IGNORE_CONFIGURED_ENDPOINT_URLS; else the region's own
 *     variants    AWS_USE_FIPS_ENDPOINT, AWS_USE_DUALSTACK_ENDPOINT (not with a configured endpoint)
 *     CA bundle   AWS_CA_BUNDLE, ca_bundle
 */
#pragma once

#include "attr.h"
#include "aws_endpoint.h"
#include "aws_profile.h"
#include "config.h"
#include "err.h"

#include <stdbool.h>

struct aws_config;

/* Reads the files, and checks all that it knows of. ERR_INVALID: no region, a bad value, a broken file, a
 * CA bundle that cannot be read. That there is no region is no mistake if only an EC2 instance can have the
 * credentials: it knows the region. */
bool aws_config_new(config_getenv_fn *getenv_fn, void *getenv_arg, struct aws_config **ret, struct err *err);
void aws_config_free(struct aws_config *config); /* NULL is fine */

const char *aws_config_region(const struct aws_config *config); /* NULL: the instance has to be asked */
/* What the instance said. ERR_INVALID: that is no region. */
bool aws_config_set_region(struct aws_config *config, const char *region, struct err *err);
const char *aws_config_ca_bundle(const struct aws_config *config); /* NULL: the system's */
struct aws_profiles *aws_config_profiles(struct aws_config *config);

/* As getenv, but an empty variable is NULL. */
const char *aws_config_getenv(const struct aws_config *config, const char *name);

/* Of "ecs", "sqs" or "sts" in a region that aws_region_check() takes: what was configured at the start if the
 * region is ours, else the region's own. *ret is to be done with aws_endpoint_done(). */
void aws_config_endpoint(const struct aws_config *config, const char *service, const char *region,
                         struct aws_endpoint *ret);
