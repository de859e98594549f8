/*
 * What is configured for other ways to get keys than those that this program knows is said, not passed over:
 * else it would work under another identity than the aws command does with the same settings, or end in "no
 * credentials" with no hint.
 */
#include "aws_creds_refused.h"

#include <stddef.h>

static enum aws_found find_other_profiles(struct aws_lookup *lookup, struct aws_keys *ret UNUSED,
                                          struct err *err)
{
    static const char *const keys[] = {
        "role_arn",    "web_identity_token_file", "sso_account_id",    "sso_role_name",
        "sso_session", "login_session",           "credential_process"};
    const struct aws_profiles *profiles = aws_config_profiles(lookup->config);

    if (aws_config_getenv(lookup->config, "AWS_WEB_IDENTITY_TOKEN_FILE") != NULL) {
        err_set(err, ERR_INVALID,
                "AWS_WEB_IDENTITY_TOKEN_FILE is set, which this version does not know; set "
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
        return AWS_FAILED;
    }
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (aws_profiles_get(profiles, keys[i]) == NULL)
            continue;
        err_set(err, ERR_INVALID,
                "profile \"%s\" has %s, which this version does not know; use a profile with "
                "aws_access_key_id and aws_secret_access_key",
                aws_profiles_name(profiles), keys[i]);
        return AWS_FAILED;
    }
    err_set(err, ERR_NOT_FOUND, "not used");
    return AWS_ABSENT;
}

static enum aws_found find_metadata(struct aws_lookup *lookup, struct aws_keys *ret UNUSED, struct err *err)
{
    static const char *const variables[] = {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
                                            "AWS_CONTAINER_CREDENTIALS_FULL_URI"};

    for (size_t i = 0; i < ARRAY_LEN(variables); i++) {
        if (aws_config_getenv(lookup->config, variables[i]) == NULL)
            continue;
        err_set(err, ERR_INVALID, "%s is set, but this version does not ask the container endpoint",
                variables[i]);
        return AWS_FAILED;
    }
    err_set(err, ERR_NOT_FOUND, "not asked by this version");
    return AWS_ABSENT;
}

const struct aws_provider aws_provider_other_profiles = {.name = "role, process or sign-on of the profile",
                                                         .find = find_other_profiles};
const struct aws_provider aws_provider_metadata = {.name = "container and instance metadata",
                                                   .find = find_metadata};
