/* Keys that somebody wrote down in the shared credentials file or in the config file (aws_provider.h). */
#include "aws_provider.h"

#include <stddef.h>

typedef const char *get_fn(const struct aws_profiles *profiles, const char *profile, const char *key);

static enum aws_found find(const struct aws_lookup *lookup, const char *path, bool has_profile, get_fn *get,
                           struct aws_keys *ret, struct err *err)
{
    const struct aws_profiles *profiles = aws_config_profiles(lookup->means->config);
    const char *profile = lookup->profile != NULL ? lookup->profile : aws_profiles_name(profiles);
    const char *token;
    enum aws_found found;

    if (!has_profile) {
        err_set(err, ERR_NOT_FOUND, "%s has no profile \"%s\"", path, profile);
        return AWS_ABSENT;
    }
    token = get(profiles, profile, "aws_session_token");
    if (token == NULL)
        token = get(profiles, profile, "aws_security_token");
    found = aws_keys_take("aws_access_key_id", get(profiles, profile, "aws_access_key_id"),
                          "aws_secret_access_key", get(profiles, profile, "aws_secret_access_key"), token,
                          ret, err);
    if (found != AWS_FOUND)
        err_wrap(err, "profile \"%s\" of %s", profile, path);
    return found;
}

static enum aws_found find_credentials_file(struct aws_lookup *lookup, struct aws_keys *ret, struct err *err)
{
    const struct aws_profiles *profiles = aws_config_profiles(lookup->means->config);

    return find(lookup, aws_profiles_credentials_path(profiles),
                aws_profiles_credentials_has(profiles, lookup->profile), aws_profiles_get_credentials, ret,
                err);
}

static enum aws_found find_config_file(struct aws_lookup *lookup, struct aws_keys *ret, struct err *err)
{
    const struct aws_profiles *profiles = aws_config_profiles(lookup->means->config);

    return find(lookup, aws_profiles_config_path(profiles),
                aws_profiles_config_has(profiles, lookup->profile), aws_profiles_get_config, ret, err);
}

const struct aws_provider aws_provider_credentials_file = {.name = "shared credentials file",
                                                           .find = find_credentials_file};
const struct aws_provider aws_provider_config_file = {.name = "config file", .find = find_config_file};
