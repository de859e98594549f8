/* See peers.h. */
#include "peers.h"

#include <assert.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "mem.h"

enum { BUCKETS = 4096, REFUSED_MAX = 16, PREFIX_LEN = 8 };

struct entry {
    struct entry *next; /* owned */
    unsigned char bytes[16];
    int count; /* 1 and more */
};

struct peers {
    int max;
    uint64_t seed; /* so that nobody can choose addresses that share a bucket */
    pthread_mutex_t lock;
    struct entry *buckets[BUCKETS]; /* owned */
};

struct peer peer_of(const struct sockaddr_storage *address)
{
    struct peer peer = {.is_counted = true};

    if (address->ss_family == AF_INET6) {
        const struct in6_addr *v6 = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;

        memcpy(peer.bytes, v6, IN6_IS_ADDR_V4MAPPED(v6) ? sizeof *v6 : PREFIX_LEN);
    } else if (address->ss_family == AF_INET) {
        peer.bytes[10] = peer.bytes[11] = 0xFF; /* as IPv6 writes it */
        memcpy(peer.bytes + 12, &((const struct sockaddr_in *)(const void *)address)->sin_addr, 4);
    } else {
        peer.is_counted = false;
    }
    return peer;
}

struct peers *peers_new(int max_of_each)
{
    struct peers *peers = mem_alloc(sizeof *peers);

    peers->max = max_of_each;
    pthread_mutex_init(&peers->lock, NULL);
    if (getrandom(&peers->seed, sizeof peers->seed, 0) != sizeof peers->seed)
        abort();
    return peers;
}

void peers_free(struct peers *peers)
{
    if (peers == NULL)
        return;
    for (size_t i = 0; i < BUCKETS; i++) {
        while (peers->buckets[i] != NULL) {
            struct entry *next = peers->buckets[i]->next;

            free(peers->buckets[i]);
            peers->buckets[i] = next;
        }
    }
    pthread_mutex_destroy(&peers->lock);
    free(peers);
}

/* Where the entry is, or where it would be put; under the lock. */
static struct entry **find(struct peers *peers, const struct peer *peer)
{
    uint64_t hash = peers->seed;
    struct entry **at;

    for (size_t i = 0; i < sizeof peer->bytes; i++)
        hash = (hash ^ peer->bytes[i]) * UINT64_C(0x100000001B3);
    at = &peers->buckets[(hash ^ hash >> 32) % BUCKETS];
    while (*at != NULL && memcmp((*at)->bytes, peer->bytes, sizeof peer->bytes) != 0)
        at = &(*at)->next;
    return at;
}

enum peers_verdict peers_judge(struct peers *peers, const struct peer *peer)
{
    const struct entry *entry;
    int count;

    if (!peer->is_counted)
        return PEERS_WELCOME;
    pthread_mutex_lock(&peers->lock);
    entry = *find(peers, peer);
    count = entry == NULL ? 0 : entry->count;
    pthread_mutex_unlock(&peers->lock);
    return count < peers->max                 ? PEERS_WELCOME
           : count < peers->max + REFUSED_MAX ? PEERS_TOO_MANY
                                              : PEERS_FAR_TOO_MANY;
}

bool peers_enter(struct peers *peers, const struct peer *peer)
{
    struct entry **at;
    bool few;

    if (!peer->is_counted)
        return true;
    pthread_mutex_lock(&peers->lock);
    at = find(peers, peer);
    if (*at == NULL) {
        *at = mem_alloc(sizeof **at);
        memcpy((*at)->bytes, peer->bytes, sizeof peer->bytes);
    }
    few = ++(*at)->count <= peers->max;
    pthread_mutex_unlock(&peers->lock);
    return few;
}

void peers_leave(struct peers *peers, const struct peer *peer)
{
    struct entry **at, *gone;

    if (!peer->is_counted)
        return;
    pthread_mutex_lock(&peers->lock);
    at = find(peers, peer);
    assert(*at != NULL);
    if (--(*at)->count == 0) {
        gone = *at;
        *at = gone->next;
        free(gone);
    }
    pthread_mutex_unlock(&peers->lock);
}
