/* See supervisor.h. */
#include "supervisor.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>
#include <systemd/sd-daemon.h>

#include "clock.h"
#include "log.h"
#include "mem.h"

enum {
    STATUS_MAX = 512,
    STATUS_US = 5000000, /* how old a status may get */
    FEEDS = 3,           /* in the time that the watchdog waits: two may come late */
    US_PER_S = 1000000,
};

struct supervisor {
    struct supervisor_options options;
    struct event *tick; /* owned; NULL: nobody supervises us */
    bool watched;
    bool unwell;
    struct buf status; /* as it was told last */
};

static bool is_supervised(void)
{
    const char *path = getenv("NOTIFY_SOCKET");

    return path != NULL && path[0] != '\0';
}

/* The supervisor may be gone; there is nobody to tell, then. */
static void tell(const char *state)
{
    (void)sd_notify(0, state);
}

void supervisor_ready(void)
{
    tell("READY=1");
}

void supervisor_reloading(void)
{
    (void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, clock_monotonic_us(&clock_system));
}

void supervisor_stopping(void)
{
    tell("STOPPING=1");
}

void supervisor_refresh(struct supervisor *supervisor)
{
    AUTO_BUF struct buf now = {0};

    if (supervisor == NULL || supervisor->tick == NULL || supervisor->options.status == NULL)
        return;
    buf_init(&now, STATUS_MAX);
    supervisor->options.status(supervisor->options.arg, &now);
    if (strcmp(now.data, supervisor->status.data) == 0)
        return;
    (void)sd_notifyf(0, "STATUS=%s", now.data);
    buf_clear(&supervisor->status);
    buf_puts(&supervisor->status, now.data);
}

static void feed(struct supervisor *supervisor)
{
    bool well = supervisor->options.is_well == NULL || supervisor->options.is_well(supervisor->options.arg);

    if (well)
        tell("WATCHDOG=1");
    else if (!supervisor->unwell)
        log_critical("supervisor.unwell", "action=%s", LOGQ("the watchdog is not fed any more"));
    supervisor->unwell = !well;
}

static void on_tick(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    struct supervisor *supervisor = arg;

    if (supervisor->watched)
        feed(supervisor);
    supervisor_refresh(supervisor);
}

struct supervisor *supervisor_new(const struct supervisor_options *options)
{
    struct supervisor *supervisor = mem_alloc(sizeof *supervisor);
    uint64_t watchdog_us = 0, tick_us = STATUS_US;
    struct timeval tv;

    *supervisor = (struct supervisor){.options = *options};
    buf_init(&supervisor->status, STATUS_MAX);
    if (!is_supervised())
        return supervisor;
    supervisor->watched = sd_watchdog_enabled(0, &watchdog_us) > 0;
    if (supervisor->watched && watchdog_us / FEEDS < tick_us)
        tick_us = watchdog_us / FEEDS;
    tv = (struct timeval){.tv_sec = (time_t)(tick_us / US_PER_S),
                          .tv_usec = (suseconds_t)(tick_us % US_PER_S)};
    supervisor->tick = event_new(options->base, -1, EV_PERSIST, on_tick, supervisor);
    if (supervisor->tick == NULL || event_add(supervisor->tick, &tv) != 0)
        abort();
    return supervisor;
}

void supervisor_free(struct supervisor *supervisor)
{
    if (supervisor == NULL)
        return;
    if (supervisor->tick != NULL)
        event_free(supervisor->tick);
    buf_done(&supervisor->status);
    free(supervisor);
}

bool supervisor_sockets(int *ret, size_t *count, struct err *err)
{
    int found = sd_listen_fds(1);

    if (found < 0)
        return err_set(err, ERR_INVALID, "the sockets that systemd passes cannot be taken: %s",
                       strerror(-found));
    if (found > SUPERVISOR_SOCKETS_MAX)
        return err_set(err, ERR_INVALID, "systemd passes %d sockets; %d are the most", found,
                       SUPERVISOR_SOCKETS_MAX);
    for (int i = 0; i < found; i++) {
        ret[i] = SD_LISTEN_FDS_START + i;
        if (sd_is_socket(ret[i], AF_UNSPEC, SOCK_STREAM, 1) <= 0)
            return err_set(
                err, ERR_INVALID,
                "systemd passes something that is no listening stream socket; see ListenStream= of "
                "the .socket unit, with Accept=no");
        if (fcntl(ret[i], F_SETFL, fcntl(ret[i], F_GETFL) | O_NONBLOCK) != 0)
            return err_errno(err, ERR_INTERNAL, "a socket that systemd passes cannot be set not to block");
    }
    *count = (size_t)found;
    return true;
}
