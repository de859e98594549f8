/*
 * TLS 1.2 and later for the listeners: certificate, key, and who may connect. Read as a whole, and again on
 * SIGHUP, so that a renewed certificate needs no restart; what cannot be used is refused before it counts.
 */
#pragma once

#include "err.h"

#include <stdbool.h>
#include <stdint.h>

struct bufferevent;
struct ssl_ctx_st; /* OpenSSL's SSL_CTX */

struct tls_files {
    const char *certificate; /* PEM: ours first, then those between it and the root */
    const char *key;         /* PEM, without a passphrase */
    const char
        *client_ca; /* PEM: a client must have a certificate that one of these signed. NULL: none needed */
};

/* The caller's to tls_free(). The err names the file at fault. */
bool tls_load(const struct tls_files *files, struct ssl_ctx_st **ret, struct err *err);
struct ssl_ctx_st *tls_share(struct ssl_ctx_st *tls); /* one more owner; NULL is fine */
void tls_free(struct ssl_ctx_st *tls);                /* NULL is fine */

/* When the certificate expires, in seconds since 1970. */
int64_t tls_expires_s(const struct ssl_ctx_st *tls);
/* Days until then, below 0 if it has. */
int tls_days_left(const struct ssl_ctx_st *tls);

/* Tells the client that nothing more comes, if this is TLS. */
void tls_close_notify(struct bufferevent *bev);
/* The client is never told that, whoever closes the connection: what it has is not all. */
void tls_cut(struct bufferevent *bev);
bool tls_is_on(struct bufferevent *bev);
