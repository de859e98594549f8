/*
 * The certificate that TLS listeners show, over the life of the process: read at the start and on SIGHUP, and
 * looked at each day, so that one that nobody renews is told in time: in the log, in the status, and as a
 * number.
 *
 * A struct certificate belongs to the main thread.
 */
#pragma once

#include "buf.h"
#include "err.h"

#include <stdbool.h>

struct certificate;
struct event_base;
struct meters;
struct ssl_ctx_st;
struct tls_files;

/* The caller's to certificate_free(). files and meters are lent; the err names the file at fault. */
bool certificate_new(struct event_base *base, const struct tls_files *files, struct meters *meters,
                     struct certificate **ret, struct err *err);
void certificate_free(struct certificate *certificate); /* NULL is fine */

/* Lent: until it is read again. NULL if the certificate is. */
struct ssl_ctx_st *certificate_tls(const struct certificate *certificate);
/* Reads the files again. What cannot be used is logged, and changes nothing; false, then. */
bool certificate_reload(struct certificate *certificate);

/* What somebody should do something about, behind what is in the status already; often nothing. */
void certificate_put_status(const struct certificate *certificate, struct buf *ret);
