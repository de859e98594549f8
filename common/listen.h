/*
 * Where the server listens: addresses as they are written in settings, and sockets bound to them.
 */
#pragma once

#include "buf.h"
#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

enum { LISTEN_HOST_MAX = 255, LISTEN_PATH_MAX = 107 };

struct listen_address {
    bool is_unix;
    char host[LISTEN_HOST_MAX + 1]; /* without brackets */
    int port;                       /* 0: any; listen_open() says which one it was */
    char path[LISTEN_PATH_MAX + 1];
    /* Of the socket's file, once it is there; an inode's number alone may be used again at once. */
    dev_t dev;
    ino_t ino;
    struct timespec made;
};

/* `host:port`, `[v6]:port`, `unix:/path`. */
bool listen_parse(const char *text, struct listen_address *ret, struct err *err);

/* Whether a name or an address, without brackets, is this host's loopback: localhost, 127.0.0.0/8 or ::1. No
 * name that somebody else's DNS answers for is one. */
bool listen_host_is_loopback(const char *host);
/* Whether another host can reach it: neither loopback nor a unix socket. */
bool listen_is_public(const struct listen_address *address);

/*
 * Opens count sockets on one address, ready for accept(2), not blocking. For TCP they are sockets of their
 * own, among which the kernel spreads the connections. That works by SO_REUSEPORT, by which another process
 * of the same user could listen there as well without either noticing; so the first socket is bound without
 * it, and gets it only then. A unix socket's file that nobody answers at is from a process that has died, and
 * is replaced.
 */
bool listen_open(struct listen_address *address, int count, int *fds, struct err *err);

/* The same by a socket that somebody else has opened for us: all workers accept from this one. It is the
 * caller's on failure. */
bool listen_adopt(int socket, int count, int *fds, struct err *err);

/* Writes the address of such a socket as listen_parse() reads it. */
bool listen_describe(int socket, struct buf *ret, struct err *err);

/* Removes the file of a unix socket, if it is still the one that was made. */
void listen_forget(const struct listen_address *address);
