/* See ecs_defaults.h. */
#include "ecs_defaults.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "buf.h"
#include "job_ecs.h"
#include "json.h"

enum { FILE_MAX = 256 * 1024 };

static bool read_all(int fd, struct buf *ret)
{
    char chunk[4096];
    ssize_t n;

    while ((n = read(fd, chunk, sizeof chunk)) > 0 && !buf_full(ret))
        buf_put(ret, chunk, (size_t)n);
    return n >= 0;
}

static bool read_file(const char *path, struct buf *ret, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO in its place stops nobody */
    bool good;

    if (fd < 0)
        return err_errno(err, ERR_INVALID, "%s cannot be read", path);
    good = read_all(fd, ret) || err_errno(err, ERR_INVALID, "%s cannot be read", path);
    close(fd);
    if (good && buf_full(ret))
        return err_set(err, ERR_INVALID, "%s has more than %d bytes", path, FILE_MAX);
    return good;
}

/* An err of a member says which in its text, too: who shows it shows the text alone. */
static bool name_field(struct err *err)
{
    if (err->field[0] != '\0')
        err_wrap(err, "%s", err->field);
    return false;
}

static bool parse(const char *text, struct json_object **ret, struct err *err)
{
    AUTO_JSON struct json_object *ecs = NULL;

    if (!job_ecs_parse(text, &ecs, err))
        return name_field(err);
    if (job_ecs_revision(ecs) != 0)
        return err_set(err, ERR_INVALID,
                       "has a revision, which is of one task definition: say it in the job");
    if (job_ecs_cluster(ecs, NULL) != NULL)
        return err_set(err, ERR_INVALID, "has a cluster, which is the setting ECSS_ECS_CLUSTER");
    *ret = ecs;
    ecs = NULL;
    return true;
}

bool ecs_defaults_read(const char *setting, struct json_object **ret, struct err *err)
{
    AUTO_BUF struct buf text = {0};

    *ret = NULL;
    if (setting == NULL || setting[0] != '@')
        return parse(setting, ret, err);
    buf_init(&text, FILE_MAX);
    return read_file(setting + 1, &text, err) && (parse(text.data, ret, err) || err_wrap(err, "%s", setting));
}

bool ecs_defaults_check(const char *setting, struct err *err)
{
    AUTO_JSON struct json_object *ecs = NULL;
    struct err own = {0};

    return ecs_defaults_read(setting, &ecs, err != NULL ? err : &own);
}
