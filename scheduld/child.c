/* See child.h. */
#include "child.h"

#include "attr.h"
#include "buf.h"
#include "mem.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    ERR_MAX = 4096,
    REAP_MS = 10,     /* how often a child that has closed its output is asked whether it has ended */
    KILLED_MS = 1000, /* how long one that was killed may take to end */
    WHY_SIZE = 64,
};

enum { OUT, ERR, STREAMS };

/* One end of a pipe. */
struct stream {
    struct child *child; /* lent */
    int fd;              /* owned; -1: its end was reached */
    struct event *event; /* owned */
    struct buf text;
};

struct child {
    pid_t pid;
    struct stream streams[STREAMS];
    struct event *deadline, *reap; /* owned */
    int64_t timeout_ms;
    bool killed;
    int looks;          /* after that */
    char why[WHY_SIZE]; /* "" so far: it is good */
    child_fn *done;
    void *arg;
};

static void close_stream(struct stream *stream)
{
    if (stream->event != NULL)
        event_free(stream->event);
    stream->event = NULL;
    if (stream->fd >= 0)
        close(stream->fd);
    stream->fd = -1;
}

static void unwatch(struct child *child)
{
    for (int i = 0; i < STREAMS; i++)
        close_stream(&child->streams[i]);
    if (child->deadline != NULL)
        event_free(child->deadline);
    if (child->reap != NULL)
        event_free(child->reap);
    child->deadline = child->reap = NULL;
}

static void wipe(struct child *child)
{
    for (int i = 0; i < STREAMS; i++) {
        struct buf *text = &child->streams[i].text;

        OPENSSL_cleanse(text->data, text->len);
        buf_done(text);
    }
}

static void child_free(struct child *child)
{
    unwatch(child);
    wipe(child);
    free(child);
}

/* The whole group. False: it belongs to another user by now (sudo, say). */
static bool kill_group(const struct child *child)
{
    return kill(-child->pid, SIGKILL) == 0;
}

void child_cancel(struct child *child)
{
    kill_group(child);
    waitpid(child->pid, NULL, WNOHANG);
    child_free(child);
}

static void finish(struct child *child)
{
    struct child last;
    struct child_end end;

    unwatch(child);
    last = *child;
    free(child);
    end = (struct child_end){.good = last.why[0] == '\0',
                             .why = last.why,
                             .out = last.streams[OUT].text.data,
                             .out_len = last.streams[OUT].text.len,
                             .err = last.streams[ERR].text.data};
    last.done(last.arg, &end);
    wipe(&last);
}

static void tell_status(struct child *child, int status)
{
    if (WIFSIGNALED(status))
        snprintf(child->why, sizeof child->why, "was ended by signal %d", WTERMSIG(status));
    else if (WEXITSTATUS(status) != 0)
        snprintf(child->why, sizeof child->why, "ended with status %d", WEXITSTATUS(status));
}

/* Both ends of its output are closed, or it was killed: it has ended, or will. */
static void reap(struct child *child)
{
    const struct timeval soon = {.tv_usec = (suseconds_t)REAP_MS * 1000};
    int status = 0;
    pid_t pid = waitpid(child->pid, &status, WNOHANG);
    bool lives = pid == 0 || (pid < 0 && errno == EINTR);

    if (lives && (!child->killed || child->looks++ < KILLED_MS / REAP_MS)) {
        event_add(child->reap, &soon);
        return;
    }
    if (!child->killed && pid < 0)
        snprintf(child->why, sizeof child->why, "ended, nobody knows how: %s", strerror(errno));
    else if (!child->killed)
        tell_status(child, status);
    finish(child);
}

/* It is reaped in a moment; one that cannot be killed is left alone, as it may run for ever. */
static void put_down(struct child *child, const char *why)
{
    child->killed = true;
    snprintf(child->why, sizeof child->why, "%s%s", why, kill_group(child) ? "" : ", and cannot be killed");
    event_del(child->deadline);
    for (int i = 0; i < STREAMS; i++)
        close_stream(&child->streams[i]);
    reap(child);
}

static void on_reap(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    reap(arg);
}

static void on_deadline(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    struct child *child = arg;
    char why[WHY_SIZE];

    snprintf(why, sizeof why, "took longer than %lld s", (long long)(child->timeout_ms / 1000));
    put_down(child, why);
}

static void on_output(evutil_socket_t fd, short what UNUSED, void *arg)
{
    struct stream *stream = arg;
    struct child *child = stream->child;
    char part[4096];
    ssize_t n = read(fd, part, sizeof part);

    if (n > 0)
        buf_put(&stream->text, part, (size_t)n);
    OPENSSL_cleanse(part, sizeof part);
    if (n > 0 && buf_full(&child->streams[OUT].text)) {
        put_down(child, "writes more than credentials can be");
        return;
    }
    if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
        return;
    close_stream(stream);
    if (child->streams[OUT].fd < 0 && child->streams[ERR].fd < 0)
        reap(child);
}

/* Our environment without our own settings and libpq's: the database's password is none of its business. *ret
 * is the caller's, its strings are not. */
static char **make_environ(void)
{
    size_t count = 0, kept = 0;
    char **ret;

    while (environ[count] != NULL)
        count++;
    ret = mem_array(count + 1, sizeof *ret);
    for (size_t i = 0; i < count; i++)
        if (strncmp(environ[i], "ECSS_", strlen("ECSS_")) != 0 &&
            strncmp(environ[i], "PG", strlen("PG")) != 0)
            ret[kept++] = environ[i];
    return ret;
}

/* Starts argv with the writing ends of two pipes as its output; 0 or an errno. */
static int spawn(char *const *argv, const int *fds, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    AUTO_FREE char **variables = make_environ();
    sigset_t none, usual;
    int code;

    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE); /* which we ignore */
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &usual);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, fds[OUT], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, fds[ERR], STDERR_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1); /* libcurl's sockets, say */
    code = posix_spawnp(pid, argv[0], &actions, &attributes, argv, variables);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return code;
}

/* Two pipes: reading ends into the streams, writing ends into fds. */
static bool make_pipes(struct child *child, int *fds)
{
    for (int i = 0; i < STREAMS; i++) {
        int ends[2];

        if (pipe2(ends, O_CLOEXEC) != 0)
            return false;
        child->streams[i].fd = ends[0];
        fds[i] = ends[1];
        if (fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0)
            return false;
    }
    return true;
}

static void watch(struct child *child, struct event_base *base)
{
    struct timeval in = {.tv_sec = child->timeout_ms / 1000, .tv_usec = child->timeout_ms % 1000 * 1000};

    child->deadline = evtimer_new(base, on_deadline, child);
    child->reap = evtimer_new(base, on_reap, child);
    if (child->deadline == NULL || child->reap == NULL || event_add(child->deadline, &in) != 0)
        abort(); /* no memory */
    for (int i = 0; i < STREAMS; i++) {
        struct stream *stream = &child->streams[i];

        stream->event = event_new(base, stream->fd, EV_READ | EV_PERSIST, on_output, stream);
        if (stream->event == NULL || event_add(stream->event, NULL) != 0)
            abort();
    }
}

struct child *child_start(struct event_base *base, const struct child_spec *spec, child_fn *done, void *arg,
                          struct err *err)
{
    struct child *child = mem_alloc(sizeof *child);
    int fds[STREAMS] = {-1, -1}, code;

    *child = (struct child){.timeout_ms = spec->timeout_ms, .done = done, .arg = arg};
    for (int i = 0; i < STREAMS; i++)
        child->streams[i] = (struct stream){.child = child, .fd = -1};
    buf_init(&child->streams[OUT].text, spec->out_max);
    buf_init(&child->streams[ERR].text, ERR_MAX);
    code = make_pipes(child, fds) ? spawn(spec->argv, fds, &child->pid) : errno;
    for (int i = 0; i < STREAMS; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    if (code != 0) {
        child_free(child);
        err_set(err, ERR_UNAVAILABLE, "%s cannot be started: %s", spec->argv[0], strerror(code));
        return NULL;
    }
    watch(child, base);
    return child;
}
