/*
 * A role by a token that somebody else has signed, as Kubernetes does for service accounts (IRSA). The
 * token's file is read again each time, as it is replaced all the time. (aws_provider.h)
 */
#include "aws_creds_sts.h"
#include "aws_file.h"
#include "aws_provider.h"
#include "aws_sts_codec.h"
#include "mem.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

enum { TOKEN_MAX = 20000 }; /* bytes, as STS has it */

/* A variable, else a key of the profile; for the source of another role the profile alone counts. */
static const char *setting(const struct aws_lookup *lookup, const char *variable, const char *key)
{
    const struct aws_config *config = lookup->means->config;
    const char *value = lookup->outer == NULL ? aws_config_getenv(config, variable) : NULL;

    return value != NULL ? value
                         : aws_profiles_get(aws_config_profiles(lookup->means->config), lookup->profile, key);
}

static void on_sts(void *arg, const char *xml, size_t len, const struct err *err)
{
    struct aws_lookup *lookup = arg;
    AUTO_AWS_KEYS struct aws_keys keys = {0};
    struct err why = *err;
    enum aws_found found = aws_sts_take(lookup->means, xml, len, &keys, &why);

    lookup->state = NULL;
    lookup->answer(lookup, found, &keys, &why);
}

/* Reads the token and makes the request of it. */
static bool make_form(const struct aws_lookup *lookup, const char *path, const char *role_arn,
                      struct buf *form, struct err *err)
{
    const char *session = setting(lookup, "AWS_ROLE_SESSION_NAME", "role_session_name");
    const char *duration =
        aws_profiles_get(aws_config_profiles(lookup->means->config), lookup->profile, "duration_seconds");
    char *token;

    if (!aws_sts_begin_form(form, "AssumeRoleWithWebIdentity", role_arn, session, duration, err) ||
        !aws_file_read(path, TOKEN_MAX, &token, err))
        return false;
    aws_form_put(form, "WebIdentityToken", token);
    OPENSSL_cleanse(token, strlen(token));
    free(token);
    return true;
}

static enum aws_found find(struct aws_lookup *lookup, struct aws_keys *ret UNUSED, struct err *err)
{
    const char *path = setting(lookup, "AWS_WEB_IDENTITY_TOKEN_FILE", "web_identity_token_file");
    const char *role_arn = setting(lookup, "AWS_ROLE_ARN", "role_arn");
    AUTO_BUF struct buf form = {0};

    if (path == NULL) {
        err_set(err, ERR_NOT_FOUND, "AWS_WEB_IDENTITY_TOKEN_FILE is not set");
        return AWS_ABSENT;
    }
    if (role_arn == NULL) {
        err_set(err, ERR_INVALID, "there is a token file, %s, but neither AWS_ROLE_ARN nor role_arn", path);
        return AWS_FAILED;
    }
    if (!make_form(lookup, path, role_arn, &form, err))
        return AWS_FAILED;
    lookup->state = aws_sts_start(lookup->means, form.data, NULL, on_sts, lookup);
    OPENSSL_cleanse(form.data, form.len);
    return AWS_PENDING;
}

static void cancel(struct aws_lookup *lookup)
{
    aws_sts_cancel(lookup->state);
    lookup->state = NULL;
}

const struct aws_provider aws_provider_web_identity = {
    .name = "web identity", .find = find, .cancel = cancel};
