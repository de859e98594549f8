/* See aws_config.h. */
#include "aws_config.h"

#include "mem.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static const char *const services[] = {"ecs", "sqs", "sts"};

struct aws_config {
    config_getenv_fn *getenv_fn;
    void *getenv_arg;
    struct aws_profiles *profiles; /* owned, as all below */
    char *region;
    char *ca_bundle;
    char *endpoints[ARRAY_LEN(services)]; /* as configured; NULL: the region's own */
    bool fips, dualstack, ignore_endpoints;
};

const char *aws_config_getenv(const struct aws_config *config, const char *name)
{
    const char *value = config->getenv_fn(name, config->getenv_arg);

    return value == NULL || *value == '\0' ? NULL : value;
}

/* A variable, else a key of the profile. */
static const char *value_of(const struct aws_config *config, const char *variable, const char *key)
{
    const char *value = aws_config_getenv(config, variable);

    return value != NULL ? value : aws_profiles_get(config->profiles, NULL, key);
}

/* As all SDKs have it: "true" in any case is true, all else is not. */
static bool is_true(const struct aws_config *config, const char *variable, const char *key)
{
    const char *value = value_of(config, variable, key);

    return value != NULL && strcasecmp(value, "true") == 0;
}

/* Whether nothing is configured that would have credentials but the instance that this may run on. */
static bool is_instance(const struct aws_config *config)
{
    static const char *const variables[] = {
        "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"};
    static const char *const keys[] = {"aws_access_key_id", "aws_secret_access_key", "credential_process",
                                       "web_identity_token_file", "role_arn"};
    const char *source = aws_profiles_get(config->profiles, NULL, "credential_source");
    const char *disabled = aws_config_getenv(config, "AWS_EC2_METADATA_DISABLED");

    if (disabled != NULL && strcasecmp(disabled, "true") == 0)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(variables); i++)
        if (aws_config_getenv(config, variables[i]) != NULL)
            return false;
    if (source != NULL && strcmp(source, "Ec2InstanceMetadata") == 0)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (aws_profiles_get(config->profiles, NULL, keys[i]) != NULL)
            return false;
    return true;
}

static bool find_region(struct aws_config *config, struct err *err)
{
    const char *region = aws_config_getenv(config, "AWS_REGION");

    if (region == NULL)
        region = value_of(config, "AWS_DEFAULT_REGION", "region");
    if (region != NULL)
        return aws_config_set_region(config, region, err);
    return is_instance(config) ||
           err_set(err, ERR_INVALID,
                   "no AWS region: set AWS_REGION or AWS_DEFAULT_REGION, or region in profile \"%s\" of %s",
                   aws_profiles_name(config->profiles), aws_profiles_config_path(config->profiles));
}

/* The address that was configured for a service, with where that was; *ret is owned, NULL: none was. */
static bool find_configured(const struct aws_config *config, const char *service, char **ret,
                            const char **where, char name[static 64], struct err *err)
{
    const char *value;

    *ret = NULL;
    *where = name;
    if (config->ignore_endpoints)
        return true;
    snprintf(name, 64, "AWS_ENDPOINT_URL_%s", service);
    for (char *p = name; *p != '\0'; p++)
        *p = (char)toupper((unsigned char)*p);
    value = aws_config_getenv(config, name);
    if (value == NULL) {
        *where = "AWS_ENDPOINT_URL";
        value = aws_config_getenv(config, *where);
    }
    if (value == NULL) {
        *where = "endpoint_url in the profile's services";
        if (!aws_profiles_service_endpoint(config->profiles, service, ret, err))
            return false;
        if (*ret != NULL)
            return true;
        *where = "endpoint_url in the profile";
        value = aws_profiles_get(config->profiles, NULL, "endpoint_url");
    }
    *ret = mem_strdup_or_null(value);
    return true;
}

/* What is configured for one service, checked: from here on it is good, whatever becomes of the files. */
static bool load_endpoint(const struct aws_config *config, const char *service, char **ret, struct err *err)
{
    AUTO_FREE char *url = NULL;
    struct aws_endpoint endpoint = {0};
    const char *where;
    char name[64];

    if (!find_configured(config, service, &url, &where, name, err))
        return false;
    if (url != NULL && (config->fips || config->dualstack))
        return err_set(err, ERR_INVALID, "%s is set together with %s: use one of them", where,
                       config->fips ? "AWS_USE_FIPS_ENDPOINT (use_fips_endpoint)"
                                    : "AWS_USE_DUALSTACK_ENDPOINT (use_dualstack_endpoint)");
    if (url != NULL && !aws_endpoint_parse(url, &endpoint, err))
        return err_wrap(err, "%s", where);
    aws_endpoint_done(&endpoint);
    *ret = url;
    url = NULL; /* the caller's now */
    return true;
}

static const char *configured(const struct aws_config *config, const char *service)
{
    for (size_t i = 0; i < ARRAY_LEN(services); i++)
        if (strcmp(services[i], service) == 0)
            return config->endpoints[i];
    return NULL;
}

void aws_config_endpoint(const struct aws_config *config, const char *service, const char *region,
                         struct aws_endpoint *ret)
{
    const char *given = strcmp(region, config->region) == 0 ? configured(config, service) : NULL;
    AUTO_FREE char *url = given != NULL ? mem_strdup(given)
                                        : aws_endpoint_for(service, region, config->fips, config->dualstack);
    struct err err;

    if (!aws_endpoint_parse(url, ret, &err))
        abort(); /* the configured one was checked, and so was the region's name */
}

static bool load(struct aws_config *config, struct err *err)
{
    bool changed;

    if (!aws_profiles_load(config->profiles, &changed, err) || !find_region(config, err))
        return false;
    config->fips = is_true(config, "AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint");
    config->dualstack = is_true(config, "AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint");
    config->ignore_endpoints =
        is_true(config, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "ignore_configured_endpoint_urls");
    config->ca_bundle = mem_strdup_or_null(value_of(config, "AWS_CA_BUNDLE", "ca_bundle"));
    if (config->ca_bundle != NULL && access(config->ca_bundle, R_OK) != 0)
        return err_errno(err, ERR_INVALID, "AWS_CA_BUNDLE: the CA bundle %s cannot be read",
                         config->ca_bundle);
    for (size_t i = 0; i < ARRAY_LEN(services); i++)
        if (!load_endpoint(config, services[i], &config->endpoints[i], err))
            return false;
    return true;
}

bool aws_config_new(config_getenv_fn *getenv_fn, void *getenv_arg, struct aws_config **ret, struct err *err)
{
    struct aws_config *config = mem_alloc(sizeof *config);

    config->getenv_fn = getenv_fn;
    config->getenv_arg = getenv_arg;
    config->profiles = aws_profiles_new(getenv_fn, getenv_arg);
    if (!load(config, err)) {
        aws_config_free(config);
        return false;
    }
    *ret = config;
    return true;
}

void aws_config_free(struct aws_config *config)
{
    if (config == NULL)
        return;
    aws_profiles_free(config->profiles);
    free(config->region);
    free(config->ca_bundle);
    for (size_t i = 0; i < ARRAY_LEN(services); i++)
        free(config->endpoints[i]);
    free(config);
}

const char *aws_config_region(const struct aws_config *config)
{
    return config->region;
}

bool aws_config_set_region(struct aws_config *config, const char *region, struct err *err)
{
    if (!aws_region_check(region, err))
        return false;
    free(config->region);
    config->region = mem_strdup(region);
    return true;
}

const char *aws_config_ca_bundle(const struct aws_config *config)
{
    return config->ca_bundle;
}

struct aws_profiles *aws_config_profiles(struct aws_config *config)
{
    return config->profiles;
}
