/* See aws_profile.h. */
#include "aws_profile.h"

#include "aws_file.h"
#include "aws_ini.h"
#include "buf.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What tells that a file is another one now; all zero: it is not there. */
struct stamp {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified, changed;
};

struct file {
    char *path; /* owned */
    bool read;  /* it was, at least once */
    struct stamp stamp;
    struct aws_ini *ini; /* owned; NULL until read */
};

struct aws_profiles {
    char *name; /* owned */
    bool named; /* by the environment */
    struct file credentials, config;
};

/* Paths: $NAME and ${NAME} anywhere, ~ at the start. */

struct environment {
    config_getenv_fn *get;
    void *arg;
};

static const char *env_get(const struct environment *env, const char *name)
{
    const char *value = env->get(name, env->arg);

    return value == NULL || *value == '\0' ? NULL : value;
}

static const char *home(const struct environment *env)
{
    const char *value = env_get(env, "HOME");
    const struct passwd *user;

    if (value != NULL)
        return value;
    user = getpwuid(getuid()); /* services may have no HOME */
    return user == NULL ? "" : user->pw_dir;
}

static const char *const name_chars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";

/* Appends what stands for the $ at p; returns what comes after it. */
static const char *put_variable(struct buf *buf, const char *p, const struct environment *env)
{
    bool braced = p[1] == '{';
    const char *start = p + (braced ? 2 : 1);
    size_t len = strspn(start, name_chars);
    AUTO_FREE char *name = mem_strndup(start, len);
    const char *value = env_get(env, name);

    if (len == 0 || (braced && start[len] != '}') || value == NULL) {
        buf_putc(buf, '$'); /* as it is */
        return p + 1;
    }
    buf_puts(buf, value);
    return start + len + (braced ? 1 : 0);
}

static char *expand(const char *path, const struct environment *env)
{
    AUTO_BUF struct buf buf;

    buf_init(&buf, 65536);
    if (path[0] == '~' && (path[1] == '/' || path[1] == '\0')) {
        buf_puts(&buf, home(env));
        path++;
    }
    while (*path != '\0') {
        if (*path == '$')
            path = put_variable(&buf, path, env);
        else
            buf_putc(&buf, *path++);
    }
    return buf_steal(&buf);
}

static char *path_of(const char *variable, const char *otherwise, const struct environment *env)
{
    const char *value = env_get(env, variable);

    return expand(value == NULL ? otherwise : value, env);
}

struct aws_profiles *aws_profiles_new(config_getenv_fn *getenv_fn, void *getenv_arg)
{
    const struct environment env = {getenv_fn, getenv_arg};
    struct aws_profiles *profiles = mem_alloc(sizeof *profiles);
    const char *name = env_get(&env, "AWS_DEFAULT_PROFILE");

    if (name == NULL)
        name = env_get(&env, "AWS_PROFILE");
    profiles->named = name != NULL;
    profiles->name = mem_strdup(name == NULL ? "default" : name);
    profiles->credentials.path = path_of("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials", &env);
    profiles->config.path = path_of("AWS_CONFIG_FILE", "~/.aws/config", &env);
    return profiles;
}

static void file_done(struct file *file)
{
    free(file->path);
    aws_ini_free(file->ini);
}

void aws_profiles_free(struct aws_profiles *profiles)
{
    if (profiles == NULL)
        return;
    file_done(&profiles->credentials);
    file_done(&profiles->config);
    free(profiles->name);
    free(profiles);
}

static struct stamp stamp_of(const struct stat *st)
{
    return (struct stamp){st->st_dev, st->st_ino, st->st_size, st->st_mtim, st->st_ctim};
}

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool same_stamp(const struct stamp *a, const struct stamp *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           same_time(a->modified, b->modified) && same_time(a->changed, b->changed);
}

static bool read_open_file(int fd, const char *path, struct stamp *stamp, struct aws_ini **ret,
                           struct err *err)
{
    AUTO_BUF struct buf text = {0};
    struct stat st;
    bool good;

    if (fstat(fd, &st) != 0)
        return err_errno(err, ERR_INVALID, "%s", path);
    if (S_ISDIR(st.st_mode))
        return err_set(err, ERR_INVALID, "%s is a folder", path);
    buf_init(&text, (size_t)2 * AWS_INI_MAX);
    if (!aws_file_read_all(fd, AWS_INI_MAX, &text))
        return err_errno(err, ERR_INVALID, "%s", path);
    good = aws_ini_parse(text.data, text.len, ret, err);
    OPENSSL_cleanse(text.data, text.len);
    *stamp = stamp_of(&st);
    return good || err_wrap(err, "%s", path);
}

/* Looks at one file; *fresh is its new contents, NULL: it is as it was. */
static bool read_file(const struct file *file, struct aws_ini **fresh, struct stamp *stamp, struct err *err)
{
    struct stat st;
    bool good;
    int fd;

    *fresh = NULL;
    *stamp = (struct stamp){0};
    if (stat(file->path, &st) == 0) {
        *stamp = stamp_of(&st);
        if (file->read && same_stamp(stamp, &file->stamp))
            return true;
    } else if (file->read && same_stamp(stamp, &file->stamp)) {
        return true; /* it was not there and is not there */
    }
    /* O_NONBLOCK: a FIFO in its place must not stop the loop. */
    fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        *stamp = (struct stamp){0};
        return errno == ENOENT || errno == ENOTDIR
                   ? aws_ini_parse("", 0, fresh, err)
                   : err_errno(err, ERR_INVALID, "%s cannot be read", file->path);
    }
    good = read_open_file(fd, file->path, stamp, fresh, err);
    close(fd);
    return good;
}

static void adopt(struct file *file, struct aws_ini *fresh, const struct stamp *stamp)
{
    if (fresh == NULL)
        return;
    aws_ini_free(file->ini);
    file->ini = fresh;
    file->stamp = *stamp;
    file->read = true;
}

bool aws_profiles_load(struct aws_profiles *profiles, bool *changed, struct err *err)
{
    struct aws_ini *credentials, *config;
    struct stamp credentials_stamp, config_stamp;

    if (!read_file(&profiles->credentials, &credentials, &credentials_stamp, err))
        return false;
    if (!read_file(&profiles->config, &config, &config_stamp, err)) {
        aws_ini_free(credentials);
        return false;
    }
    *changed = credentials != NULL || config != NULL;
    adopt(&profiles->credentials, credentials, &credentials_stamp);
    adopt(&profiles->config, config, &config_stamp);
    if (profiles->named && !aws_profiles_credentials_has(profiles, NULL) &&
        !aws_profiles_config_has(profiles, NULL))
        return err_set(err, ERR_INVALID,
                       "AWS_PROFILE names the profile \"%s\", which is neither in %s nor in %s",
                       profiles->name, profiles->credentials.path, profiles->config.path);
    return true;
}

const char *aws_profiles_name(const struct aws_profiles *profiles)
{
    return profiles->name;
}

const char *aws_profiles_credentials_path(const struct aws_profiles *profiles)
{
    return profiles->credentials.path;
}

const char *aws_profiles_config_path(const struct aws_profiles *profiles)
{
    return profiles->config.path;
}

static const struct aws_ini_section *credentials_section(const struct aws_profiles *profiles,
                                                         const char *profile)
{
    return profiles->credentials.ini == NULL
               ? NULL
               : aws_ini_section(profiles->credentials.ini, profile == NULL ? profiles->name : profile);
}

static const struct aws_ini_section *config_section(const struct aws_profiles *profiles, const char *profile)
{
    const struct aws_ini *ini = profiles->config.ini;
    const char *name = profile == NULL ? profiles->name : profile;
    const struct aws_ini_section *section;

    if (ini == NULL)
        return NULL;
    section = aws_ini_section_of(ini, "profile", name);
    if (section == NULL && strcmp(name, "default") == 0)
        section = aws_ini_section(ini, "default");
    return section;
}

bool aws_profiles_credentials_has(const struct aws_profiles *profiles, const char *profile)
{
    return credentials_section(profiles, profile) != NULL;
}

bool aws_profiles_config_has(const struct aws_profiles *profiles, const char *profile)
{
    return config_section(profiles, profile) != NULL;
}

const char *aws_profiles_get_credentials(const struct aws_profiles *profiles, const char *profile,
                                         const char *key)
{
    const struct aws_ini_section *section = credentials_section(profiles, profile);

    return section == NULL ? NULL : aws_ini_get(section, key);
}

const char *aws_profiles_get_config(const struct aws_profiles *profiles, const char *profile, const char *key)
{
    const struct aws_ini_section *section = config_section(profiles, profile);

    return section == NULL ? NULL : aws_ini_get(section, key);
}

const char *aws_profiles_get(const struct aws_profiles *profiles, const char *profile, const char *key)
{
    const char *value = aws_profiles_get_credentials(profiles, profile, key);

    return value != NULL ? value : aws_profiles_get_config(profiles, profile, key);
}

bool aws_profiles_service_endpoint(const struct aws_profiles *profiles, const char *service, char **ret,
                                   struct err *err)
{
    const char *name = aws_profiles_get(profiles, NULL, "services");
    const struct aws_ini_section *section;

    *ret = NULL;
    if (name == NULL)
        return true;
    section = aws_ini_section_of(profiles->config.ini, "services", name);
    if (section == NULL)
        return err_set(err, ERR_INVALID,
                       "profile \"%s\" has services = %s, but %s has no section [services %s]",
                       profiles->name, name, profiles->config.path, name);
    *ret = aws_ini_get_nested(section, service, "endpoint_url");
    return true;
}
