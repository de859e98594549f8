/* See tls.h. */
#include "tls.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "attr.h"

static const unsigned char session_context[] = "webapid";

/* Names the file and why. OpenSSL's first word says it, without its codes: those that follow only say which
 * part of it passed it on. Its words for a file of another kind are hard to guess at, so what it takes
 * follows. */
static bool fail(struct err *err, const char *what, const char *path, const char *takes)
{
    const unsigned long code = ERR_peek_error();
    const char *why = ERR_reason_error_string(code);

    if (ERR_SYSTEM_ERROR(code))
        err_set(err, ERR_INVALID, "%s %s: %s", what, path, strerror(ERR_GET_REASON(code)));
    else
        err_set(err, ERR_INVALID, "%s %s: %s; it takes %s", what, path, why == NULL ? "cannot be used" : why,
                takes);
    ERR_clear_error();
    return false;
}

static bool fail_setup(struct err *err)
{
    const char *why = ERR_reason_error_string(ERR_peek_error());

    err_set(err, ERR_INTERNAL, "OpenSSL cannot be set up: %s", why == NULL ? "it does not say why" : why);
    ERR_clear_error();
    return false;
}

/* No passphrase is asked for on the terminal. */
static int no_passphrase(char *text UNUSED, int size UNUSED, int writing UNUSED, void *arg UNUSED)
{
    return -1;
}

static bool load_client_ca(SSL_CTX *tls, const char *path, struct err *err)
{
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(path);

    if (names == NULL || SSL_CTX_load_verify_file(tls, path) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return fail(err, "client CA", path, "certificates of CAs in PEM");
    }
    SSL_CTX_set_client_CA_list(tls, names); /* tls's now */
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return true;
}

static bool load_all(SSL_CTX *tls, const struct tls_files *files, struct err *err)
{
    static const char key[] = "the key of the certificate in PEM, without a passphrase";

    if (SSL_CTX_use_certificate_chain_file(tls, files->certificate) != 1)
        return fail(err, "certificate", files->certificate, "a certificate in PEM, with its chain");
    if (SSL_CTX_use_PrivateKey_file(tls, files->key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(tls) != 1)
        return fail(err, "key", files->key, key);
    return files->client_ca == NULL || load_client_ca(tls, files->client_ca, err);
}

bool tls_load(const struct tls_files *files, struct ssl_ctx_st **ret, struct err *err)
{
    SSL_CTX *tls;

    ERR_clear_error();
    tls = SSL_CTX_new(TLS_server_method());
    if (tls == NULL)
        return fail_setup(err);
    /* A client can make us do no second handshake; memory of idle connections is given back. */
    SSL_CTX_set_options(tls,
                        SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_default_passwd_cb(tls, no_passphrase);
    if (SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_session_id_context(tls, session_context, sizeof session_context - 1) != 1) {
        SSL_CTX_free(tls);
        return fail_setup(err);
    }
    if (!load_all(tls, files, err)) {
        SSL_CTX_free(tls);
        return false;
    }
    *ret = tls;
    return true;
}

struct ssl_ctx_st *tls_share(struct ssl_ctx_st *tls)
{
    if (tls != NULL)
        SSL_CTX_up_ref(tls);
    return tls;
}

void tls_free(struct ssl_ctx_st *tls)
{
    SSL_CTX_free(tls);
}

int64_t tls_expires_s(const struct ssl_ctx_st *tls)
{
    struct tm at = {0};

    if (ASN1_TIME_to_tm(X509_get0_notAfter(SSL_CTX_get0_certificate(tls)), &at) != 1)
        return 0;
    return timegm(&at);
}

int tls_days_left(const struct ssl_ctx_st *tls)
{
    int days = 0, seconds = 0;

    if (ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(SSL_CTX_get0_certificate(tls))) != 1)
        return 0;
    return seconds < 0 && days == 0 ? -1 : days;
}

void tls_close_notify(struct bufferevent *bev)
{
    SSL *ssl = bufferevent_openssl_get_ssl(bev);

    if (ssl != NULL)
        SSL_shutdown(ssl);
}

void tls_cut(struct bufferevent *bev)
{
    SSL *ssl = bufferevent_openssl_get_ssl(bev);

    if (ssl != NULL)
        SSL_set_quiet_shutdown(ssl, 1);
}

bool tls_is_on(struct bufferevent *bev)
{
    return bufferevent_openssl_get_ssl(bev) != NULL;
}
