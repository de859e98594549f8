/* See certificate.h. */
#include "certificate.h"

#include <stdlib.h>

#include <event2/event.h>

#include "attr.h"
#include "log.h"
#include "mem.h"
#include "meters.h"
#include "tls.h"

enum { DAYS_MIN = 14 /* left, below which it is a warning */, DAY_S = 86400 };

struct certificate {
    struct tls_files files; /* lent */
    struct meters *meters;  /* lent */
    struct ssl_ctx_st *tls; /* owned share */
    struct event *daily;    /* owned */
    bool refused;           /* the last try to read it again */
};

static void warn(const struct certificate *certificate)
{
    const int days = tls_days_left(certificate->tls);

    if (days < DAYS_MIN)
        log_warning("webapid.certificate_expires", "certificate=%s days_left=%d",
                    LOGQ(certificate->files.certificate), days);
}

static void on_day(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    warn(arg);
}

static bool load(struct certificate *certificate, struct err *err)
{
    struct ssl_ctx_st *tls;

    if (!tls_load(&certificate->files, &tls, err))
        return false;
    tls_free(certificate->tls);
    certificate->tls = tls;
    log_info("webapid.tls", "certificate=%s days_left=%d", LOGQ(certificate->files.certificate),
             tls_days_left(tls));
    warn(certificate);
    meters_certificate(certificate->meters, tls_expires_s(tls));
    return true;
}

bool certificate_new(struct event_base *base, const struct tls_files *files, struct meters *meters,
                     struct certificate **ret, struct err *err)
{
    const struct timeval day = {.tv_sec = DAY_S};
    struct certificate *certificate = mem_alloc(sizeof *certificate);

    *certificate = (struct certificate){.files = *files, .meters = meters};
    certificate->daily = event_new(base, -1, EV_PERSIST, on_day, certificate);
    if (certificate->daily == NULL || event_add(certificate->daily, &day) != 0)
        abort();
    if (!load(certificate, err)) {
        certificate_free(certificate);
        return false;
    }
    *ret = certificate;
    return true;
}

void certificate_free(struct certificate *certificate)
{
    if (certificate == NULL)
        return;
    event_free(certificate->daily);
    tls_free(certificate->tls);
    free(certificate);
}

struct ssl_ctx_st *certificate_tls(const struct certificate *certificate)
{
    return certificate == NULL ? NULL : certificate->tls;
}

bool certificate_reload(struct certificate *certificate)
{
    struct err err = {0};

    certificate->refused = !load(certificate, &err);
    if (certificate->refused)
        log_error("webapid.not_reloaded", "error=%s", LOGQ(err.text));
    return !certificate->refused;
}

void certificate_put_status(const struct certificate *certificate, struct buf *ret)
{
    int days;

    if (certificate == NULL)
        return;
    if (certificate->refused)
        buf_puts(ret, "; the new certificate cannot be used, see the log");
    days = tls_days_left(certificate->tls);
    if (days < 0)
        buf_puts(ret, "; the certificate has expired");
    else if (days < DAYS_MIN)
        buf_printf(ret, "; the certificate expires in %d days", days);
}
