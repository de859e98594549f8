/* See aws_file.h. */
#include "aws_file.h"

#include "mem.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <string.h>
#include <unistd.h>

enum { PART = 4096 }; /* bytes that are read at a time */

bool aws_file_read_all(int fd, size_t max, struct buf *buf)
{
    char part[PART];
    ssize_t n;

    while ((n = read(fd, part, sizeof part)) > 0 && buf->len <= max)
        buf_put(buf, part, (size_t)n);
    OPENSSL_cleanse(part, sizeof part);
    return n >= 0;
}

static bool take(const struct buf *text, size_t max, const char *path, char **ret, struct err *err)
{
    size_t len = text->len;

    while (len > 0 && isspace((unsigned char)text->data[len - 1]))
        len--;
    if (len == 0)
        return err_set(err, ERR_INVALID, "%s is empty", path);
    if (text->len > max)
        return err_set(err, ERR_INVALID, "%s is longer than %zu bytes", path, max);
    if (memchr(text->data, '\0', len) != NULL)
        return err_set(err, ERR_INVALID, "%s has a NUL byte in it", path);
    *ret = mem_strndup(text->data, len);
    return true;
}

bool aws_file_read(const char *path, size_t max, char **ret, struct err *err)
{
    AUTO_BUF struct buf text = {0};
    bool good;
    /* O_NONBLOCK: a FIFO in its place must not stop the loop. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return err_errno(err, ERR_INVALID, "%s cannot be read", path);
    buf_init(&text, max + PART);
    good = aws_file_read_all(fd, max, &text) || err_errno(err, ERR_INVALID, "%s cannot be read", path);
    close(fd);
    good = good && take(&text, max, path, ret, err);
    OPENSSL_cleanse(text.data, text.len);
    return good;
}
