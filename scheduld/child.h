/*
 * A program run on the event loop: its output is collected, its time is limited. It gets our environment, no
 * standard input, and a process group of its own, which is killed as a whole when the time is over.
 */
#pragma once

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct child;
struct event_base;

struct child_spec {
    char *const *argv; /* lent for the call; argv[0] is looked for in PATH; NULL at the end */
    int64_t timeout_ms;
    size_t out_max; /* bytes of standard output; of standard error what is more is dropped */
};

struct child_end {
    bool good; /* it ended with 0 in time, and its output was not too long */
    const char
        *why; /* not good, else "": "ended with status 1", "took longer than 60 s"... Lent, as all here */
    const char *out; /* standard output, NUL-terminated; wiped afterwards */
    size_t out_len;
    const char *err; /* standard error, NUL-terminated; what fits */
};

/* Exactly once, from the loop; the child is gone when it is called. */
typedef void child_fn(void *arg, const struct child_end *end);

/* NULL: it cannot be started, err says why. */
struct child *child_start(struct event_base *base, const struct child_spec *spec, child_fn *done, void *arg,
                          struct err *err);
/* Kills it and does not wait for its end, for the loop is about to end itself; `done` does not come. */
void child_cancel(struct child *child);
