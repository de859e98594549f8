/*
 * What the guard's files share: guard.c reads and refuses, guard_life.c begins and ends, guard_answer.c is
 * for the owner. What must not be misread about evhtp: it frees a connection (and so the guard, by its hook)
 * from inside its own callbacks; after calling one, guards->feeding tells whether we are still there.
 */
#pragma once

#include "guard.h"

#include <event2/bufferevent.h>
#include <evhtp/evhtp.h>

#include "peers.h"
#include "request_id.h"

struct event;
struct evbuffer;

enum { GUARD_REMOTE_SIZE = 64 };

enum guard_state {
    GUARD_SHAKING,
    GUARD_IDLE,
    GUARD_READING,
    GUARD_BUSY,
    GUARD_STREAMING,
    GUARD_FLUSHING,
    GUARD_LINGERING
};

struct guard {
    struct guards *guards;         /* lent */
    const struct guard_door *door; /* lent */
    struct guard *next, *prev;
    evhtp_connection_t *conn; /* lent: it owns us, by its fini hook */
    struct bufferevent *bev;  /* lent: conn's */
    bufferevent_data_cb evhtp_read, evhtp_write;
    void *evhtp_arg;

    enum guard_state state;
    struct event *timer;      /* owned: the state's deadline, or (EV_WRITE) the answer has been written */
    struct evbuffer *in;      /* owned: read, not judged yet */
    struct framing *framing;  /* owned; lent to the owner while BUSY */
    evhtp_request_t *request; /* lent; while BUSY */
    void *owner;              /* lent; while BUSY */
    size_t unread;            /* what its answer counts in guards->unread */
    bool eof;                 /* the client sends nothing more */
    bool continued;           /* 100 was sent for this request */
    bool closing;             /* after this answer */
    bool refused;             /* as a connection: how it is counted */
    const char *challenge;    /* lent: of the request that is refused; NULL: none */
    int64_t since_us;
    bool named;                       /* request_id is that of this request */
    char request_id[REQUEST_ID_SIZE]; /* of the request that is answered, or was last */
    char remote[GUARD_REMOTE_SIZE];
    struct peer peer;
};

/* guard_answer.c: its answer has been written, or is not going to be. */
void guard_count_read(struct guard *guard);

/* guard.c. From here on the connection's events are ours, not evhtp's. */
void guard_begin(struct guard *guard);
/* Its deadline begins anew. */
void guard_set_state(struct guard *guard, enum guard_state state);
/* If no request has begun, one has to come soon. */
void guard_expect_last(struct guard *guard);
/* evhtp does nothing with the connection, until next_request() lets it. */
void guard_pause_evhtp(struct guard *guard, struct evhtp_request *request);
/* Gives the request its name; once. */
void guard_name_request(struct guard *guard);
/* Answers without evhtp, which never hears of such a request. */
void guard_refuse(struct guard *guard, int status, const char *why);
/* Frees the guard, too. */
void guard_close(struct guard *guard);

/* guard_life.c */
struct framing *guard_new_framing(struct guard *guard);
