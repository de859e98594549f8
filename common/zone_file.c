/* See zone_file.h. */
#include "zone_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mem.h"
#include "tz.h"

enum { FILE_SIZE_MAX = 1 << 20 };

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

bool zone_stamp_equal(const struct zone_stamp *a, const struct zone_stamp *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           same_time(a->modified, b->modified) && same_time(a->changed, b->changed);
}

static struct zone_stamp stamp_of(const struct stat *st)
{
    return (struct zone_stamp){st->st_dev, st->st_ino, st->st_size, st->st_mtim, st->st_ctim};
}

/* Not found if there is nothing; anything else is the system's trouble. */
static bool fail(struct err *err, const char *path)
{
    bool missing = errno == ENOENT || errno == ENOTDIR || errno == ELOOP;

    return err_errno(err, missing ? ERR_NOT_FOUND : ERR_INTERNAL, "%s", path);
}

/* The file's path without links, if it lies below the folder. */
static bool resolve(const char *folder, const char *name, char **ret, struct err *err)
{
    AUTO_FREE char *path = mem_printf("%s/%s", folder, name);
    AUTO_FREE char *real = realpath(path, NULL);
    size_t len = strlen(folder);

    if (real == NULL) {
        fail(err, path);
        return false;
    }
    if (strncmp(real, folder, len) != 0 || (real[len] != '/' && strcmp(folder, "/") != 0)) {
        err_set(err, ERR_NOT_FOUND, "%s leads out of the folder", path);
        return false;
    }
    *ret = real;
    real = NULL; /* the caller's now */
    return true;
}

bool zone_file_stamp(const char *folder, const char *name, struct zone_stamp *ret, struct err *err)
{
    AUTO_FREE char *path = NULL;
    struct stat st;

    if (!resolve(folder, name, &path, err))
        return false;
    if (stat(path, &st) != 0)
        return fail(err, path);
    if (!S_ISREG(st.st_mode))
        return err_set(err, ERR_NOT_FOUND, "%s is no regular file", path);
    *ret = stamp_of(&st);
    return true;
}

static bool read_all(int fd, const char *path, unsigned char *bytes, size_t size, size_t *ret,
                     struct err *err)
{
    size_t len = 0;

    while (len < size) {
        ssize_t n = read(fd, bytes + len, size - len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(err, ERR_INTERNAL, "%s", path);
        if (n == 0)
            break;
        len += (size_t)n;
    }
    *ret = len;
    return true;
}

static bool read_fd(int fd, const char *path, struct tz **ret, struct zone_stamp *stamp, struct err *err)
{
    AUTO_FREE unsigned char *bytes = NULL;
    struct stat st;
    size_t len = 0;

    if (fstat(fd, &st) != 0)
        return err_errno(err, ERR_INTERNAL, "%s", path);
    if (!S_ISREG(st.st_mode))
        return err_set(err, ERR_NOT_FOUND, "%s is no regular file", path);
    *stamp = stamp_of(&st);
    if (st.st_size > FILE_SIZE_MAX)
        return err_set(err, ERR_INTERNAL, "%s: it is larger than %d bytes", path, FILE_SIZE_MAX);
    bytes = mem_alloc((size_t)st.st_size + 1);
    if (!read_all(fd, path, bytes, (size_t)st.st_size, &len, err))
        return false;
    if (len < 4 || memcmp(bytes, "TZif", 4) != 0)
        return err_set(err, ERR_NOT_FOUND, "%s: it is not a TZif file", path);
    if (!tz_parse(bytes, len, ret, err)) {
        err_wrap(err, "%s", path);
        if (err != NULL)
            err->kind = ERR_INTERNAL;
        return false;
    }
    return true;
}

bool zone_file_read(const char *folder, const char *name, struct tz **ret, struct zone_stamp *stamp,
                    struct err *err)
{
    AUTO_FREE char *path = NULL;
    bool good;
    int fd;

    if (!resolve(folder, name, &path, err))
        return false;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return fail(err, path);
    good = read_fd(fd, path, ret, stamp, err);
    close(fd);
    return good;
}
