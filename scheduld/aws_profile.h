/*
 * AWS's two shared files, ~/.aws/credentials and ~/.aws/config (or where AWS_SHARED_CREDENTIALS_FILE and
 * AWS_CONFIG_FILE say), and the profiles in them. Other programs rotate keys by writing these files: they are
 * read again when they have changed.
 */
#pragma once

#include "attr.h"
#include "config.h"
#include "err.h"

#include <stdbool.h>

struct aws_profiles;

/* Where the files are and which profile is meant (AWS_DEFAULT_PROFILE, AWS_PROFILE, "default") is decided
 * here, once. Nothing is read yet. */
struct aws_profiles *aws_profiles_new(config_getenv_fn *getenv_fn, void *getenv_arg) RETURNS_NONNULL;
void aws_profiles_free(struct aws_profiles *profiles); /* NULL is fine */

/* Reads what has changed since it was last read. A file that is not there is empty; one that cannot be read
 * or has errors is ERR_INVALID, and what was known of both files stays. *changed: something is new, or was so
 * at the first time. ERR_INVALID also if AWS_PROFILE names a profile that neither file has. */
bool aws_profiles_load(struct aws_profiles *profiles, bool *changed, struct err *err);

const char *aws_profiles_name(const struct aws_profiles *profiles);             /* "default" */
const char *aws_profiles_credentials_path(const struct aws_profiles *profiles); /* for messages */
const char *aws_profiles_config_path(const struct aws_profiles *profiles);

/* A key of a profile, NULL: the one that is meant; of both files (the credentials file's value counts), or of
 * one. NULL: it is not there. Lent until the next load. */
const char *aws_profiles_get(const struct aws_profiles *profiles, const char *profile, const char *key);
const char *aws_profiles_get_credentials(const struct aws_profiles *profiles, const char *profile,
                                         const char *key);
const char *aws_profiles_get_config(const struct aws_profiles *profiles, const char *profile,
                                    const char *key);

/* Whether a file has a profile, NULL: the one that is meant. */
bool aws_profiles_credentials_has(const struct aws_profiles *profiles, const char *profile);
bool aws_profiles_config_has(const struct aws_profiles *profiles, const char *profile);

/* endpoint_url in the block of a service in the section [services NAME] that the profile's `services` names.
 * *ret is owned, NULL: none. ERR_INVALID: there is no such section. */
bool aws_profiles_service_endpoint(const struct aws_profiles *profiles, const char *service, char **ret,
                                   struct err *err);
