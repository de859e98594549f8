/*
 * Names to addresses in a thread, as getaddrinfo() may take as long as it likes and cannot be interrupted.
 * Thread and loop share a job that the last of the two frees, so that a db can be freed while its resolver
 * hangs.
 */
#include "db_internal.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <event2/event.h>

#include "mem.h"

struct job {
    atomic_int users; /* the thread and the loop */
    int fd;           /* an eventfd: written when all is resolved */
    size_t count;
    char **names;
    struct addrinfo **found;
    struct err err; /* of the last name without an address */
};

struct db_resolve {
    struct job *job;
    struct event *ready;
    void (*done)(void *arg, struct addrinfo *const *addresses, const struct err *err);
    void *arg;
};

static void job_release(struct job *job)
{
    if (atomic_fetch_sub(&job->users, 1) > 1)
        return;
    for (size_t i = 0; i < job->count; i++) {
        free(job->names[i]);
        if (job->found[i] != NULL)
            freeaddrinfo(job->found[i]);
    }
    close(job->fd);
    free(job->names);
    free(job->found);
    free(job);
}

static void *job_run(void *arg)
{
    static const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct job *job = arg;

    for (size_t i = 0; i < job->count; i++) {
        int why = getaddrinfo(job->names[i], NULL, &hints, &job->found[i]);

        if (why != 0) {
            job->found[i] = NULL;
            err_set(&job->err, ERR_UNAVAILABLE, "the host name \"%s\" has no address: %s", job->names[i],
                    why == EAI_SYSTEM ? strerror(errno) : gai_strerror(why));
        }
    }
    eventfd_write(job->fd, 1);
    job_release(job);
    return NULL;
}

static void on_ready(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    struct db_resolve *resolve = arg;
    bool any = false;

    for (size_t i = 0; i < resolve->job->count; i++)
        any = any || resolve->job->found[i] != NULL;
    resolve->done(resolve->arg, resolve->job->found, any ? NULL : &resolve->job->err);
}

/* The thread takes no signals: they are for the loop. */
static int start_thread(struct job *job)
{
    pthread_attr_t attr;
    pthread_t thread;
    sigset_t all, before;
    int why;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    why = pthread_create(&thread, &attr, job_run, job);
    pthread_attr_destroy(&attr);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return why;
}

struct db_resolve *
db_resolve_new(struct event_base *base, char *const *names, size_t count,
               void (*done)(void *arg, struct addrinfo *const *addresses, const struct err *err), void *arg)
{
    struct db_resolve *resolve = mem_alloc(sizeof *resolve);
    struct job *job = mem_alloc(sizeof *job);
    int why;

    *job = (struct job){.users = 2, .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .count = count};
    job->names = mem_array(count, sizeof *job->names);
    job->found = mem_array(count, sizeof(struct addrinfo *));
    for (size_t i = 0; i < count; i++)
        job->names[i] = mem_strdup(names[i]);
    *resolve = (struct db_resolve){.job = job, .done = done, .arg = arg};
    resolve->ready = event_new(base, job->fd, EV_READ, on_ready, resolve);
    event_add(resolve->ready, NULL);
    why = start_thread(job);
    if (why != 0) {
        err_set(&job->err, ERR_UNAVAILABLE, "no thread to resolve host names in: %s", strerror(why));
        atomic_fetch_sub(&job->users, 1);
        eventfd_write(job->fd, 1);
    }
    return resolve;
}

void db_resolve_free(struct db_resolve *resolve)
{
    if (resolve == NULL)
        return;
    event_free(resolve->ready);
    job_release(resolve->job);
    free(resolve);
}
