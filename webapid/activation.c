/* See activation.h. */
#include "activation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "listen.h"

enum { LISTEN_MAX = SUPERVISOR_SOCKETS_MAX * (LISTEN_HOST_MAX + 16) };

static const char setting[] = "ECSS_LISTEN";

bool activation_take(struct activation *ret, struct err *err)
{
    AUTO_BUF struct buf text = {0};
    const char *given = getenv(setting);

    if (!supervisor_sockets(ret->sockets, &ret->count, err))
        return false;
    if (ret->count == 0)
        return true;
    buf_init(&text, LISTEN_MAX);
    for (size_t i = 0; i < ret->count; i++) {
        buf_puts(&text, i == 0 ? "" : ",");
        if (!listen_describe(ret->sockets[i], &text, err))
            return false;
    }
    if (given != NULL && given[0] != '\0' && strcmp(given, text.data) != 0)
        fprintf(stderr,
                "webapid: warning: %s does not count: systemd passes sockets on %s (webapid.socket)\n",
                setting, text.data);
    return setenv(setting, text.data, 1) == 0 || err_errno(err, ERR_INTERNAL, "setenv");
}
