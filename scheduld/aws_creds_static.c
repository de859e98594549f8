/* Keys that somebody wrote down: in the environment, in the shared credentials file, in the config file. */
#include "aws_creds_static.h"

#include "mem.h"

#include <string.h>

/* Keys go into header lines: a blank or a line break would forge one. The text itself is not in the message.
 */
static bool is_plain(const char *text)
{
    for (; *text != '\0'; text++)
        if (*text <= ' ' || *text >= 0x7F)
            return false;
    return true;
}

/* The pair, both halves or none. */
static enum aws_found take(const char *id_name, const char *id, const char *secret_name, const char *secret,
                           const char *token, struct aws_keys *ret, struct err *err)
{
    if (id == NULL && secret == NULL) {
        err_set(err, ERR_NOT_FOUND, "%s is not set", id_name);
        return AWS_ABSENT;
    }
    if (id == NULL || secret == NULL) {
        err_set(err, ERR_INVALID, "%s is set, but %s is not", id == NULL ? secret_name : id_name,
                id == NULL ? id_name : secret_name);
        return AWS_FAILED;
    }
    if (!is_plain(id) || strpbrk(id, "/,=") != NULL || !is_plain(secret) ||
        (token != NULL && !is_plain(token))) {
        err_set(err, ERR_INVALID, "%s has a character that cannot be in it (a blank? a line break?)",
                !is_plain(secret)                             ? secret_name
                : !is_plain(id) || strpbrk(id, "/,=") != NULL ? id_name
                                                              : "the session token");
        return AWS_FAILED;
    }
    ret->access_key_id = mem_strdup(id);
    ret->secret = mem_strdup(secret);
    ret->token = mem_strdup_or_null(token);
    return AWS_FOUND;
}

static enum aws_found find_environment(struct aws_lookup *lookup, struct aws_keys *ret, struct err *err)
{
    const struct aws_config *config = lookup->config;
    const char *token =
        aws_config_getenv(config, "AWS_SECURITY_TOKEN"); /* its old name, which wins in botocore */

    if (token == NULL)
        token = aws_config_getenv(config, "AWS_SESSION_TOKEN");
    return take("AWS_ACCESS_KEY_ID", aws_config_getenv(config, "AWS_ACCESS_KEY_ID"), "AWS_SECRET_ACCESS_KEY",
                aws_config_getenv(config, "AWS_SECRET_ACCESS_KEY"), token, ret, err);
}

typedef const char *get_fn(const struct aws_profiles *profiles, const char *key);

static enum aws_found find_file(const struct aws_profiles *profiles, const char *path, bool has_profile,
                                get_fn *get, struct aws_keys *ret, struct err *err)
{
    const char *token = get(profiles, "aws_session_token");
    enum aws_found found;

    if (!has_profile) {
        err_set(err, ERR_NOT_FOUND, "%s has no profile \"%s\"", path, aws_profiles_name(profiles));
        return AWS_ABSENT;
    }
    if (token == NULL)
        token = get(profiles, "aws_security_token");
    found = take("aws_access_key_id", get(profiles, "aws_access_key_id"), "aws_secret_access_key",
                 get(profiles, "aws_secret_access_key"), token, ret, err);
    if (found != AWS_FOUND)
        err_wrap(err, "profile \"%s\" of %s", aws_profiles_name(profiles), path);
    return found;
}

static enum aws_found find_credentials_file(struct aws_lookup *lookup, struct aws_keys *ret, struct err *err)
{
    const struct aws_profiles *profiles = aws_config_profiles(lookup->config);

    return find_file(profiles, aws_profiles_credentials_path(profiles),
                     aws_profiles_credentials_has_it(profiles), aws_profiles_get_credentials, ret, err);
}

static enum aws_found find_config_file(struct aws_lookup *lookup, struct aws_keys *ret, struct err *err)
{
    const struct aws_profiles *profiles = aws_config_profiles(lookup->config);

    return find_file(profiles, aws_profiles_config_path(profiles), aws_profiles_config_has_it(profiles),
                     aws_profiles_get_config, ret, err);
}

const struct aws_provider aws_provider_environment = {.name = "environment", .find = find_environment};
const struct aws_provider aws_provider_credentials_file = {.name = "shared credentials file",
                                                           .find = find_credentials_file};
const struct aws_provider aws_provider_config_file = {.name = "config file", .find = find_config_file};
