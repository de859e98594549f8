/*
 * A role that is assumed with keys that are found elsewhere: in another profile, which may have a role of its
 * own, or by one of three providers. (aws_provider.h)
 */
#include "aws_chain.h"
#include "aws_creds_sts.h"
#include "aws_provider.h"
#include "aws_sts_codec.h"
#include "mem.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

struct role {
    struct aws_lookup *lookup; /* lent: the question that this answers */
    const char *arn;           /* lent, for messages: of the profiles, which are not read again meanwhile */
    struct buf form;           /* what STS is going to be asked */
    struct aws_chain source;   /* finds the keys to ask it with */
    struct aws_sts *sts;       /* NULL: not asked yet */
};

static void role_free(struct role *role)
{
    role->lookup->state = NULL;
    aws_chain_done(&role->source);
    OPENSSL_cleanse(role->form.data, role->form.len);
    buf_done(&role->form);
    free(role);
}

static const char *get(const struct aws_lookup *lookup, const char *key)
{
    return aws_profiles_get(aws_config_profiles(lookup->means->config), lookup->profile, key);
}

static const char *name_of(const struct aws_lookup *lookup)
{
    return lookup->profile != NULL ? lookup->profile
                                   : aws_profiles_name(aws_config_profiles(lookup->means->config));
}

static bool has_keys(const struct aws_lookup *lookup, const char *profile)
{
    return aws_profiles_get(aws_config_profiles(lookup->means->config), profile, "aws_access_key_id") != NULL;
}

/* Which providers may have the keys of the source, and in which profile. */
static bool find_source(const struct aws_lookup *lookup, const struct aws_provider *const **providers,
                        const char **profile, struct err *err)
{
    static aws_provider_list environment = {&aws_provider_environment, NULL};
    static aws_provider_list instance = {&aws_provider_instance, NULL};
    static aws_provider_list container = {&aws_provider_container, NULL};
    static aws_provider_list written = {&aws_provider_credentials_file, &aws_provider_config_file, NULL};
    static const struct {
        const char *name;
        const struct aws_provider *const *providers;
    } sources[] = {
        {"Environment", environment}, {"Ec2InstanceMetadata", instance}, {"EcsContainer", container}};
    const struct aws_profiles *profiles = aws_config_profiles(lookup->means->config);
    const char *source_profile = get(lookup, "source_profile");
    const char *source = get(lookup, "credential_source");

    *profile = source_profile;
    if ((source_profile == NULL) == (source == NULL))
        return err_set(err, ERR_INVALID,
                       "profile \"%s\" has role_arn, which needs either source_profile or credential_source",
                       name_of(lookup));
    for (size_t i = 0; source != NULL && i < ARRAY_LEN(sources); i++) {
        if (strcmp(source, sources[i].name) == 0) {
            *providers = sources[i].providers;
            return true;
        }
    }
    if (source != NULL)
        return err_set(
            err, ERR_INVALID,
            "credential_source of profile \"%s\" is \"%s\", not Environment, Ec2InstanceMetadata or "
            "EcsContainer",
            name_of(lookup), source);
    if (!aws_profiles_credentials_has(profiles, source_profile) &&
        !aws_profiles_config_has(profiles, source_profile))
        return err_set(err, ERR_INVALID,
                       "source_profile of profile \"%s\" is \"%s\", which is neither in %s nor in %s",
                       name_of(lookup), source_profile, aws_profiles_credentials_path(profiles),
                       aws_profiles_config_path(profiles));
    /* A profile that names itself is a role of its own keys. */
    *providers = strcmp(source_profile, name_of(lookup)) == 0 && has_keys(lookup, source_profile)
                     ? written
                     : aws_profile_providers;
    return true;
}

/* Whether the role of this profile is being assumed already, further out. */
static bool is_loop(const struct aws_lookup *lookup)
{
    for (const struct aws_lookup *outer = lookup->outer; outer != NULL; outer = outer->outer)
        if (strcmp(name_of(outer), name_of(lookup)) == 0)
            return true;
    return false;
}

static void answer(struct role *role, enum aws_found found, struct aws_keys *keys, const struct err *err)
{
    struct aws_lookup *lookup = role->lookup;

    role_free(role);
    lookup->answer(lookup, found, keys, err);
}

static void on_sts(void *arg, const char *xml, size_t len, const struct err *err)
{
    struct role *role = arg;
    AUTO_AWS_KEYS struct aws_keys keys = {0};
    struct err why = *err;
    enum aws_found found = aws_sts_take(role->lookup->means, xml, len, &keys, &why);

    role->sts = NULL;
    if (found != AWS_FOUND)
        err_wrap(&why, "%s", role->arn);
    answer(role, found, &keys, &why);
}

/* The keys to ask with are there, or are not. PENDING: STS is asked. */
static enum aws_found take_source(struct role *role, enum aws_found found, const struct aws_keys *keys,
                                  struct err *err)
{
    if (found == AWS_FOUND) {
        role->sts = aws_sts_start(role->lookup->means, role->form.data, keys, on_sts, role);
        return AWS_PENDING;
    }
    err_wrap(err, "no keys to assume %s with", role->arn);
    return AWS_FAILED;
}

static void on_source(void *arg, enum aws_found found, struct aws_keys *keys, const struct err *err)
{
    struct role *role = arg;
    struct err why = *err;

    if (take_source(role, found, keys, &why) != AWS_PENDING)
        answer(role, AWS_FAILED, keys, &why);
}

/* Checks what the profile says; *arn NULL: it has no role. */
static bool check(const struct aws_lookup *lookup, const char **arn, struct err *err)
{
    *arn = NULL;
    if (get(lookup, "role_arn") == NULL || get(lookup, "web_identity_token_file") != NULL)
        return true;
    if (get(lookup, "mfa_serial") != NULL)
        return err_set(
            err, ERR_INVALID,
            "profile \"%s\" has mfa_serial, which needs a person to type a code; a daemon cannot use it",
            name_of(lookup));
    if (is_loop(lookup))
        return err_set(err, ERR_INVALID, "profile \"%s\" is a source of its own role", name_of(lookup));
    *arn = get(lookup, "role_arn");
    return true;
}

static enum aws_found find(struct aws_lookup *lookup, struct aws_keys *ret UNUSED, struct err *err)
{
    const struct aws_provider *const *providers = NULL;
    const char *arn, *profile = NULL, *external_id = get(lookup, "external_id");
    AUTO_AWS_KEYS struct aws_keys keys = {0};
    struct role *role;
    enum aws_found found;

    if (!check(lookup, &arn, err))
        return AWS_FAILED;
    if (arn == NULL) {
        err_set(err, ERR_NOT_FOUND, "profile \"%s\" has no role_arn", name_of(lookup));
        return AWS_ABSENT;
    }
    if (!find_source(lookup, &providers, &profile, err))
        return AWS_FAILED;
    role = lookup->state = mem_alloc(sizeof *role);
    *role = (struct role){.lookup = lookup, .arn = arn};
    aws_chain_init(&role->source, lookup->means, providers, profile, lookup);
    found = AWS_FAILED;
    if (aws_sts_begin_form(&role->form, "AssumeRole", arn, get(lookup, "role_session_name"),
                           get(lookup, "duration_seconds"), err)) {
        if (external_id != NULL)
            aws_form_put(&role->form, "ExternalId", external_id);
        found = aws_chain_find(&role->source, on_source, role, &keys, err);
        if (found != AWS_PENDING)
            found = take_source(role, found, &keys, err);
    }
    if (found != AWS_PENDING)
        role_free(role);
    return found;
}

static void cancel(struct aws_lookup *lookup)
{
    struct role *role = lookup->state;

    if (role->sts != NULL)
        aws_sts_cancel(role->sts);
    role_free(role);
}

const struct aws_provider aws_provider_role = {.name = "role", .find = find, .cancel = cancel};
