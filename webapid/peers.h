/*
 * How many connections each address has, of all workers: one client shall not take the place of all others.
 * An IPv6 address counts as its /64, which one host may well have for itself. Unix sockets are not counted.
 */
#pragma once

#include <stdbool.h>

struct peers;
struct sockaddr_storage;

/* An address to count by. */
struct peer {
    unsigned char bytes[16];
    bool is_counted; /* false: a unix socket */
};

enum peers_verdict {
    PEERS_WELCOME,
    PEERS_TOO_MANY,     /* to be told so */
    PEERS_FAR_TOO_MANY, /* to be dropped without a word: each of those costs memory as well */
};

struct peer peer_of(const struct sockaddr_storage *address);

struct peers *peers_new(int max_of_each);
void peers_free(struct peers *peers); /* NULL is fine */

/* What becomes of one more. May be called by any thread, as those that follow. */
enum peers_verdict peers_judge(struct peers *peers, const struct peer *peer);
/* Counts it. True: with it, there are not too many. */
bool peers_enter(struct peers *peers, const struct peer *peer);
void peers_leave(struct peers *peers, const struct peer *peer);
