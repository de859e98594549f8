/* See aws_creds_fetch.h. */
#include "aws_creds_fetch.h"

#include "log.h"
#include "mem.h"

#include <event2/event.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ANSWER_MAX = 65536,
    SKEW_MIN_S = 240, /* AWS allows 300 */
};

struct aws_fetch {
    struct aws_means *means; /* lent */
    char *method, *url;      /* owned, as all below */
    char **values;           /* of the headers */
    struct http_header *headers;
    size_t header_count;
    char *body;
    struct http_send send; /* made of them */
    int attempts;          /* that are left */
    int64_t pause_ms;
    bool local;
    bool (*again)(const struct http_answer *answer);
    struct http_request *request; /* NULL: between two attempts */
    struct event *timer;
    http_fn *done;
    void *arg;
};

static void wipe(char *text)
{
    if (text != NULL)
        OPENSSL_cleanse(text, strlen(text));
    free(text);
}

static void fetch_free(struct aws_fetch *fetch)
{
    event_free(fetch->timer);
    for (size_t i = 0; i < fetch->header_count; i++)
        wipe(fetch->values[i]);
    free(fetch->values);
    free(fetch->headers);
    free(fetch->method);
    free(fetch->url);
    wipe(fetch->body);
    free(fetch);
}

void aws_fetch_cancel(struct aws_fetch *fetch)
{
    if (fetch == NULL)
        return;
    if (fetch->request != NULL)
        http_cancel(fetch->request);
    fetch_free(fetch);
}

/* Keys that expire are judged by the clock of those who made them. */
static void note_date(const struct aws_fetch *fetch, const struct http_answer *answer)
{
    struct aws_means *means = fetch->means;
    const char *date = http_answer_header(answer, "date");
    int64_t theirs, skew_s;

    if (date == NULL || !http_date_parse(date, &theirs))
        return;
    skew_s = theirs - clock_wall_s(means->clock);
    if (llabs(skew_s) > SKEW_MIN_S)
        means->skew_s = skew_s;
    else if (!fetch->local)
        means->skew_s = 0;
}

static bool wants_again(const struct aws_fetch *fetch, const struct http_answer *answer)
{
    if (fetch->attempts == 0 || answer->outcome == HTTP_TOO_BIG)
        return false;
    if (answer->outcome != HTTP_ANSWERED)
        return true;
    return fetch->again != NULL ? fetch->again(answer) : answer->status == 429 || answer->status >= 500;
}

static void on_answer(void *arg, const struct http_answer *answer)
{
    struct aws_fetch *fetch = arg;
    http_fn *done = fetch->done;
    void *done_arg = fetch->arg;
    int64_t ms = fetch->pause_ms / 2 + (int64_t)arc4random_uniform((uint32_t)fetch->pause_ms / 2 + 1);
    struct timeval in = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

    fetch->request = NULL;
    log_debug("aws.fetch", "url=%.*s status=%d ms=%lld reason=%s", (int)aws_fetch_host_len(fetch->url),
              fetch->url, answer->status, (long long)answer->took_ms, LOGQ(answer->reason));
    note_date(fetch, answer);
    if (wants_again(fetch, answer)) {
        if (event_add(fetch->timer, &in) != 0)
            abort(); /* no memory */
        return;
    }
    fetch_free(fetch);
    done(done_arg, answer);
}

static void start(struct aws_fetch *fetch)
{
    fetch->attempts--;
    fetch->request = http_start(fetch->means->http, &fetch->send, on_answer, fetch);
}

static void on_timer(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    start(arg);
}

struct aws_fetch *aws_fetch_start(struct aws_means *means, const struct aws_fetch_spec *spec, http_fn *done,
                                  void *arg)
{
    struct aws_fetch *fetch = mem_alloc(sizeof *fetch);

    *fetch = (struct aws_fetch){.means = means,
                                .method = mem_strdup(spec->method),
                                .url = mem_strdup(spec->url),
                                .values = mem_array(spec->header_count, sizeof *fetch->values),
                                .headers = mem_array(spec->header_count, sizeof *fetch->headers),
                                .header_count = spec->header_count,
                                .body = mem_strdup_or_null(spec->body),
                                .attempts = spec->attempts,
                                .pause_ms = spec->pause_ms,
                                .local = spec->local,
                                .again = spec->again,
                                .done = done,
                                .arg = arg};
    for (size_t i = 0; i < spec->header_count; i++) {
        fetch->values[i] = mem_strdup(spec->headers[i].value);
        fetch->headers[i] = (struct http_header){spec->headers[i].name, fetch->values[i]};
    }
    fetch->timer = evtimer_new(means->base, on_timer, fetch);
    if (fetch->timer == NULL)
        abort(); /* no memory */
    fetch->send = (struct http_send){.method = fetch->method,
                                     .url = fetch->url,
                                     .headers = fetch->headers,
                                     .header_count = fetch->header_count,
                                     .body = fetch->body,
                                     .body_len = fetch->body == NULL ? 0 : strlen(fetch->body),
                                     .connect_timeout_ms = spec->timeout_ms,
                                     .timeout_ms = spec->timeout_ms,
                                     .answer_max = ANSWER_MAX,
                                     .direct = spec->direct};
    start(fetch);
    return fetch;
}

const char *aws_fetch_failure(const struct http_answer *answer, char *out, size_t size)
{
    if (answer->outcome == HTTP_ANSWERED)
        snprintf(out, size, "answers HTTP %d", answer->status);
    else if (answer->outcome == HTTP_TOO_BIG)
        snprintf(out, size, "answers with more than %d bytes", ANSWER_MAX);
    else
        snprintf(out, size, "does not answer: %s", answer->reason);
    return out;
}

size_t aws_fetch_host_len(const char *url)
{
    const char *host = strstr(url, "://");

    return host == NULL ? strlen(url) : (size_t)(host - url) + 3 + strcspn(host + 3, "/");
}
