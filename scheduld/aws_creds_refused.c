/*
 * What a profile names for ways to get keys that a person has to begin is said, not passed over: else the
 * daemon would work under another identity than the aws command does with the same settings, or end in "no
 * credentials" with no hint. (aws_provider.h)
 */
#include "aws_provider.h"

#include <stddef.h>

static enum aws_found refuse(const struct aws_lookup *lookup, const char *const *keys, struct err *err)
{
    const struct aws_profiles *profiles = aws_config_profiles(lookup->means->config);

    for (; *keys != NULL; keys++) {
        if (aws_profiles_get(profiles, lookup->profile, *keys) == NULL)
            continue;
        err_set(err, ERR_INVALID,
                "profile \"%s\" has %s, which needs a person to log in; a daemon needs a role, a "
                "credential_process or keys",
                lookup->profile != NULL ? lookup->profile : aws_profiles_name(profiles), *keys);
        return AWS_FAILED;
    }
    err_set(err, ERR_NOT_FOUND, "%s", ""); /* nobody misses it */
    return AWS_ABSENT;
}

static enum aws_found find_sign_on(struct aws_lookup *lookup, struct aws_keys *ret UNUSED, struct err *err)
{
    static const char *const keys[] = {"sso_account_id", "sso_role_name", "sso_session", NULL};

    return refuse(lookup, keys, err);
}

static enum aws_found find_login(struct aws_lookup *lookup, struct aws_keys *ret UNUSED, struct err *err)
{
    static const char *const keys[] = {"login_session", NULL};

    return refuse(lookup, keys, err);
}

const struct aws_provider aws_provider_sign_on = {.name = "single sign-on", .find = find_sign_on};
const struct aws_provider aws_provider_login = {.name = "login session", .find = find_login};
