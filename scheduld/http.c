/*
 * See http.h. libcurl tells by two callbacks which sockets to watch and when to come back; both only set
 * events, as no function of libcurl may be called from within. All else happens in on_ready() and
 * on_timeout(): drive libcurl, then collect what has ended.
 */
#include "http.h"

#include "buf.h"
#include "mem.h"

#include <assert.h>
#include <curl/curl.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <time.h>

enum {
    IDLE_MAX_S = 15,       /* AWS closes idle connections after some 20 s */
    AGE_MAX_S = 300,       /* of a connection in use: the address of an endpoint changes */
    CONNECTIONS_MAX = 128, /* idle ones that are kept */
    HEADER_BYTES_MAX = 65536,
    HEADERS_MAX = 128,
};

/* One socket of libcurl's. */
struct watch {
    struct http *http;   /* lent */
    struct event *event; /* owned */
    LIST_ENTRY(watch) entry;
};

struct http {
    struct event_base *base; /* lent */
    CURLM *multi;            /* owned */
    struct event *timer;     /* owned */
    char *user_agent;        /* owned */
    char *ca_bundle;         /* owned */
    LIST_HEAD(, http_request) requests;
    LIST_HEAD(, watch) watches;
    bool calling; /* a callback of a user is running */
};

struct http_request {
    struct http *http; /* lent */
    CURL *easy;        /* owned, as all here */
    struct curl_slist *slist;
    char *body;
    size_t answer_max;
    struct buf answer;  /* its body */
    struct buf headers; /* name NUL value NUL, repeated */
    size_t header_count;
    bool too_big;
    bool begun, withheld; /* it was to go out, at least once; it was not to, the last time */
    bool (*may_send)(void *arg);
    void *may_send_arg;
    char reason[CURL_ERROR_SIZE];
    http_fn *done;
    void *arg;
    LIST_ENTRY(http_request) entry;
};

static void collect(struct http *http);

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
    struct watch *watch = arg;
    struct http *http = watch->http; /* libcurl may drop the watch in the call below */
    int action = (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0);
    int running;

    curl_multi_socket_action(http->multi, fd, action, &running);
    collect(http);
}

static void on_timeout(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    struct http *http = arg;
    int running;

    curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    collect(http);
}

static void watch_free(struct watch *watch)
{
    LIST_REMOVE(watch, entry);
    event_free(watch->event);
    free(watch);
}

/* libcurl's callback: watch this socket for that. */
static int on_want_socket(CURL *easy UNUSED, curl_socket_t fd, int what, void *http_arg, void *watch_arg)
{
    struct http *http = http_arg;
    struct watch *watch = watch_arg;
    short events = EV_PERSIST;

    if (what == CURL_POLL_REMOVE) {
        if (watch != NULL)
            watch_free(watch);
        return 0;
    }
    if (what & CURL_POLL_IN)
        events |= EV_READ;
    if (what & CURL_POLL_OUT)
        events |= EV_WRITE;
    if (watch == NULL) {
        watch = mem_alloc(sizeof *watch);
        watch->http = http;
        LIST_INSERT_HEAD(&http->watches, watch, entry);
        curl_multi_assign(http->multi, fd, watch); /* the one function that may be called here */
    } else {
        event_free(watch->event);
    }
    watch->event = event_new(http->base, fd, events, on_ready, watch);
    if (watch->event == NULL || event_add(watch->event, NULL) != 0)
        abort(); /* no memory */
    return 0;
}

/* libcurl's callback: come back in so many milliseconds, or not at all. */
static int on_want_timeout(CURLM *multi UNUSED, long timeout_ms, void *arg)
{
    struct http *http = arg;
    struct timeval in = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};

    if (timeout_ms < 0)
        event_del(http->timer);
    else
        event_add(http->timer, &in);
    return 0;
}

bool http_new(const struct http_options *options, struct http **ret, struct err *err)
{
    struct http *http;

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return err_set(err, ERR_INTERNAL, "libcurl does not start");
    http = mem_alloc(sizeof *http);
    http->base = options->base;
    http->user_agent = mem_strdup_or_null(options->user_agent);
    http->ca_bundle = mem_strdup_or_null(options->ca_bundle);
    http->timer = evtimer_new(http->base, on_timeout, http);
    http->multi = curl_multi_init();
    if (http->timer == NULL || http->multi == NULL)
        abort(); /* no memory */
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, on_want_socket);
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, on_want_timeout);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
    curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_MAX);
    *ret = http;
    return true;
}

static void request_free(struct http_request *request)
{
    curl_multi_remove_handle(request->http->multi, request->easy);
    curl_easy_cleanup(request->easy);
    curl_slist_free_all(request->slist);
    LIST_REMOVE(request, entry);
    free(request->body);
    buf_done(&request->answer);
    buf_done(&request->headers);
    free(request);
}

static void drop_requests(struct http *http)
{
    for (struct http_request *request = LIST_FIRST(&http->requests), *next; request != NULL; request = next) {
        next = LIST_NEXT(request, entry);
        request_free(request);
    }
}

static void drop_watches(struct http *http)
{
    for (struct watch *watch = LIST_FIRST(&http->watches), *next; watch != NULL; watch = next) {
        next = LIST_NEXT(watch, entry);
        watch_free(watch);
    }
}

void http_free(struct http *http)
{
    if (http == NULL)
        return;
    assert(!http->calling);
    drop_requests(http);
    curl_multi_cleanup(http->multi);
    drop_watches(http);
    event_free(http->timer);
    free(http->user_agent);
    free(http->ca_bundle);
    free(http);
    curl_global_cleanup();
}

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
    struct http_request *request = arg;
    size_t len = size * count;

    if (len > request->answer_max - request->answer.len) {
        request->too_big = true;
        return 0; /* ends the transfer */
    }
    buf_put(&request->answer, data, len);
    return len;
}

static size_t on_header(char *line, size_t size, size_t count, void *arg)
{
    struct http_request *request = arg;
    size_t len = size * count;
    const char *colon = memchr(line, ':', len);
    const char *value, *end = line + len;

    if (len >= 5 && memcmp(line, "HTTP/", 5) == 0) { /* a new head: what came before was a 1xx */
        buf_clear(&request->headers);
        request->header_count = 0;
        return len;
    }
    if (colon == NULL)
        return len;
    for (value = colon + 1; value < end && (*value == ' ' || *value == '\t'); value++)
        ;
    while (end > value && strchr("\r\n\t ", end[-1]) != NULL)
        end--;
    buf_put(&request->headers, line, (size_t)(colon - line));
    buf_putc(&request->headers, '\0');
    buf_put(&request->headers, value, (size_t)(end - value));
    buf_putc(&request->headers, '\0');
    if (buf_full(&request->headers) || ++request->header_count > HEADERS_MAX) {
        request->too_big = true;
        return 0;
    }
    return len;
}

/* libcurl's callback: there is a connection, and the request goes out now, for the first time or once more.
 */
static int on_send(void *arg, char *their_address UNUSED, char *our_address UNUSED, int their_port UNUSED,
                   int our_port UNUSED)
{
    struct http_request *request = arg;

    request->withheld = request->may_send != NULL && !request->may_send(request->may_send_arg);
    request->begun |= !request->withheld;
    return request->withheld ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

static void add_header(struct http_request *request, const struct http_header *header)
{
    /* "Name:" would take a header away; "Name;" is one without a value. */
    AUTO_FREE char *line = *header->value == '\0' ? mem_printf("%s;", header->name)
                                                  : mem_printf("%s: %s", header->name, header->value);
    struct curl_slist *longer = curl_slist_append(request->slist, line);

    if (longer == NULL)
        abort();
    request->slist = longer;
}

/* Each option by itself; a libcurl that does not know one of them is not ours, and an unset one may be
 * unsafe. */
#define SET(easy, option, value)                                                                             \
    do {                                                                                                     \
        if (curl_easy_setopt(easy, option, value) != CURLE_OK)                                               \
            abort();                                                                                         \
    } while (0)

static void set_method(CURL *easy, const struct http_send *send, const char *body)
{
    if (body != NULL || strcmp(send->method, "POST") == 0 || strcmp(send->method, "PUT") == 0) {
        SET(easy, CURLOPT_POST, 1L);
        SET(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)send->body_len);
        SET(easy, CURLOPT_POSTFIELDS, body == NULL ? "" : body);
    }
    if (strcmp(send->method, "POST") != 0)
        SET(easy, CURLOPT_CUSTOMREQUEST, send->method);
}

static void set_options(struct http_request *request, const struct http_send *send)
{
    struct http *http = request->http;
    CURL *easy = request->easy;

    SET(easy, CURLOPT_URL, send->url);
    set_method(easy, send, request->body);
    SET(easy, CURLOPT_HTTPHEADER, request->slist);
    if (http->user_agent != NULL)
        SET(easy, CURLOPT_USERAGENT, http->user_agent);
    if (http->ca_bundle != NULL)
        SET(easy, CURLOPT_CAINFO, http->ca_bundle);
    if (send->direct)
        SET(easy, CURLOPT_PROXY, "");
    SET(easy, CURLOPT_NOSIGNAL, 1L);
    SET(easy, CURLOPT_QUICK_EXIT, 1L); /* else who gives up waits for the thread that resolves the name */
    SET(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    SET(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    SET(easy, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
    SET(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    SET(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    SET(easy, CURLOPT_FOLLOWLOCATION, 0L);
    SET(easy, CURLOPT_PATH_AS_IS, 1L); /* the path that was signed */
    SET(easy, CURLOPT_MAXAGE_CONN, (long)IDLE_MAX_S);
    SET(easy, CURLOPT_MAXLIFETIME_CONN, (long)AGE_MAX_S);
    SET(easy, CURLOPT_CONNECTTIMEOUT_MS, send->connect_timeout_ms);
    SET(easy, CURLOPT_TIMEOUT_MS, send->timeout_ms);
    SET(easy, CURLOPT_PREREQFUNCTION, on_send);
    SET(easy, CURLOPT_PREREQDATA, request);
    SET(easy, CURLOPT_ERRORBUFFER, request->reason);
    SET(easy, CURLOPT_WRITEFUNCTION, on_body);
    SET(easy, CURLOPT_WRITEDATA, request);
    SET(easy, CURLOPT_HEADERFUNCTION, on_header);
    SET(easy, CURLOPT_HEADERDATA, request);
    SET(easy, CURLOPT_PRIVATE, request);
}

struct http_request *http_start(struct http *http, const struct http_send *send, http_fn *done, void *arg)
{
    struct http_request *request = mem_alloc(sizeof *request);

    request->http = http;
    request->answer_max = send->answer_max;
    request->may_send = send->may_send;
    request->may_send_arg = send->may_send_arg;
    request->done = done;
    request->arg = arg;
    buf_init(&request->answer, send->answer_max);
    buf_init(&request->headers, HEADER_BYTES_MAX);
    if (send->body != NULL)
        request->body = mem_strndup(send->body, send->body_len);
    for (size_t i = 0; i < send->header_count; i++)
        add_header(request, &send->headers[i]);
    /* No "Expect: 100-continue", which libcurl would send with large bodies. */
    request->slist = curl_slist_append(request->slist, "Expect:");
    request->easy = curl_easy_init();
    if (request->easy == NULL || request->slist == NULL)
        abort();
    set_options(request, send);
    LIST_INSERT_HEAD(&http->requests, request, entry);
    if (curl_multi_add_handle(http->multi, request->easy) != CURLM_OK)
        abort();
    return request;
}

void http_cancel(struct http_request *request)
{
    request_free(request);
}

static enum http_outcome outcome_of(const struct http_request *request, CURLcode code)
{
    long sent = 0;

    if (code == CURLE_OK)
        return HTTP_ANSWERED;
    if (request->too_big)
        return HTTP_TOO_BIG;
    /* All bytes that were written: also those on a connection that then turned out to be dead, and those to a
     * proxy that was to make a tunnel. */
    curl_easy_getinfo(request->easy, CURLINFO_REQUEST_SIZE, &sent);
    return request->begun && sent > 0 ? HTTP_LOST : HTTP_NOT_SENT;
}

static void list_headers(const struct buf *text, struct http_header *headers, size_t count)
{
    const char *p = text->data;

    for (size_t i = 0; i < count; i++) {
        headers[i].name = p;
        p += strlen(p) + 1;
        headers[i].value = p;
        p += strlen(p) + 1;
    }
}

static void finish(struct http_request *request, CURLcode code)
{
    AUTO_BUF struct buf body = request->answer, text = request->headers;
    struct http_header headers[HEADERS_MAX];
    struct http_answer answer = {.outcome = outcome_of(request, code), .reason = ""};
    struct http *http = request->http;
    http_fn *done = request->done;
    void *arg = request->arg;
    char reason[CURL_ERROR_SIZE];
    curl_off_t took_us = 0;
    long status = 0;

    request->answer = request->headers = (struct buf){0};
    curl_easy_getinfo(request->easy, CURLINFO_TOTAL_TIME_T, &took_us);
    answer.took_ms = took_us / 1000;
    if (answer.outcome == HTTP_ANSWERED) {
        curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
        answer.status = (int)status;
        answer.header_count = request->header_count;
        list_headers(&text, headers, request->header_count);
        answer.headers = headers;
        answer.body = body.data;
        answer.body_len = body.len;
    } else if (request->withheld) {
        answer.withheld = true;
        answer.reason = "it may not be sent now";
    } else if (request->too_big) {
        answer.reason = "the answer is too big";
    } else {
        memcpy(reason, request->reason, sizeof reason);
        answer.reason = reason[0] != '\0' ? reason : curl_easy_strerror(code);
    }
    request_free(request);
    http->calling = true;
    done(arg, &answer);
    http->calling = false;
}

/* Answers all that has ended. A callback may start and cancel requests: libcurl then forgets their messages.
 */
static void collect(struct http *http)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(http->multi, &left)) != NULL) {
        char *private = NULL;

        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
        finish((struct http_request *)(void *)private, message->data.result);
    }
}

const char *http_answer_header(const struct http_answer *answer, const char *name)
{
    for (size_t i = 0; i < answer->header_count; i++)
        if (strcasecmp(answer->headers[i].name, name) == 0)
            return answer->headers[i].value;
    return NULL;
}

bool http_date_parse(const char *text, int64_t *ret)
{
    struct tm tm = {0};
    const char *end = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm);

    if (end == NULL || *end != '\0')
        return false;
    *ret = timegm(&tm);
    return true;
}
