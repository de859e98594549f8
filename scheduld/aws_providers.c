/* Which providers are asked for keys, in the order of the AWS SDKs: the first that has anything wins. */
#include "aws_provider.h"

#include <stddef.h>

aws_provider_list aws_providers = {
    &aws_provider_environment,      /* AWS_ACCESS_KEY_ID */
    &aws_provider_role,             /* role_arn */
    &aws_provider_web_identity,     /* AWS_WEB_IDENTITY_TOKEN_FILE, web_identity_token_file */
    &aws_provider_sign_on,          /* sso_...: refused */
    &aws_provider_credentials_file, /* aws_access_key_id */
    &aws_provider_login,            /* login_session: refused */
    &aws_provider_process,          /* credential_process */
    &aws_provider_config_file,      /* aws_access_key_id */
    &aws_provider_container,        /* AWS_CONTAINER_CREDENTIALS_... */
    &aws_provider_instance,         /* IMDSv2 */
    NULL,
};

aws_provider_list aws_profile_providers = {
    &aws_provider_credentials_file,
    &aws_provider_config_file,
    &aws_provider_role,
    &aws_provider_web_identity,
    &aws_provider_sign_on,
    &aws_provider_login,
    &aws_provider_process,
    NULL,
};

int64_t aws_means_now_s(const struct aws_means *means)
{
    return clock_wall_s(means->clock) + means->skew_s;
}
