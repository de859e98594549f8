/*
 * The life of a call. (aws_client.h)
 *
 *     QUEUED --slot--> [KEYS --found-->] SENT --answer--> done
 *        ^                |                |
 *        |                | none: done     | may help: WAITING
 *        +---timer--------------------------+
 *
 * A call holds one of its lane's slots in KEYS and SENT. Each change of state is in one of the functions
 * queue(), await_keys(), send_request() and wait_a_while(); finish() is the only end.
 */
#include "aws_client_internal.h"

#include "aws_creds.h"
#include "aws_retry.h"
#include "buf.h"
#include "http.h"
#include "json.h"
#include "limits.h"
#include "log.h"
#include "mem.h"
#include "meters.h"
#include "sigv4.h"

#include <assert.h>
#include <event2/event.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SKEW_MIN_S = 240, /* AWS allows 300 */
    HEADERS = 6,
    US_PER_MS = 1000,
};

enum call_state {
    CALL_QUEUED,
    CALL_KEYS,    /* waits for credentials */
    CALL_SENT,    /* waits for the answer */
    CALL_WAITING, /* will be queued again by its timer */
    CALL_DECIDED, /* will be answered by its timer */
};

struct aws_call {
    struct aws_client *client; /* lent */
    enum call_state state;
    struct aws_call_spec spec; /* its body is ours: the two below */
    char *body;
    struct aws_place *place; /* lent */
    struct http_request *request;
    struct aws_creds_waiter waiter;
    struct event *timer;   /* made when it is first needed */
    struct aws_error last; /* of the last attempt; DECIDED: the answer */
    int attempts;          /* requests that were tried */
    int extra;             /* those among them that came after a refresh or a look at the clock */
    bool may_have_acted;
    bool refreshed, reset;   /* credentials were looked up again; the clock was */
    uint64_t keys_serial;    /* what the request was signed with, and for which clock */
    uint64_t refused_serial; /* keys that AWS did not take from it; 0: none */
    int64_t signed_skew_s;
    TAILQ_ENTRY(aws_call) entry; /* of all calls */
    struct aws_turn turn;        /* QUEUED only */
};

static int64_t now_s(const struct aws_client *client, const struct aws_place *place)
{
    return clock_wall_s(client->clock) + place->skew_s;
}

static struct aws_lane *lane_of(const struct aws_call *call)
{
    return &call->client->lanes[call->spec.lane];
}

/* One that had its turn before is older than all that wait. */
static void queue(struct aws_call *call)
{
    call->state = CALL_QUEUED;
    aws_lane_come(lane_of(call), &call->turn, call->attempts > 0);
}

/* Takes back what the call has asked for, whatever it waits for. */
static void halt(struct aws_call *call)
{
    switch (call->state) {
    case CALL_QUEUED:
        aws_lane_quit(lane_of(call), &call->turn);
        break;
    case CALL_KEYS:
        aws_creds_unwait(call->client->creds, &call->waiter);
        aws_lane_leave(lane_of(call));
        break;
    case CALL_SENT:
        if (call->request != NULL)
            http_cancel(call->request);
        aws_lane_leave(lane_of(call));
        break;
    case CALL_WAITING:
    case CALL_DECIDED:
        break;
    }
}

static void call_free(struct aws_call *call)
{
    TAILQ_REMOVE(&call->client->calls, call, entry);
    assert(TAILQ_FIRST(&call->client->calls) != call); /* it was in there once */
    call->client->pending--;
    if (call->place != NULL)
        aws_place_return(call->place);
    if (call->timer != NULL)
        event_free(call->timer);
    aws_error_done(&call->last);
    free(call->body);
    free(call);
}

void aws_call_cancel(struct aws_call *call)
{
    halt(call);
    call_free(call);
}

/* The end of a call; error NULL: it went well. */
static void finish(struct aws_call *call, const struct aws_error *error)
{
    struct aws_call_spec spec = call->spec;
    AUTO_AWS_ERROR struct aws_error copy = {0};

    if (error != NULL) {
        aws_error_copy(&copy, error);
        copy.attempts = call->attempts;
        copy.may_have_acted |= call->may_have_acted;
        snprintf(copy.operation, sizeof copy.operation, "%s", spec.operation);
    }
    halt(call);
    call_free(call);
    spec.done(spec.arg, error == NULL ? NULL : &copy);
}

static void on_timer(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    struct aws_call *call = arg;

    if (call->state == CALL_DECIDED)
        finish(call, call->last.kind == AWS_OK ? NULL : &call->last);
    else
        queue(call);
}

static void set_timer(struct aws_call *call, int64_t ms)
{
    struct timeval in = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

    if (call->timer == NULL)
        call->timer = evtimer_new(call->client->base, on_timer, call);
    if (call->timer == NULL || event_add(call->timer, &in) != 0)
        abort(); /* no memory */
}

/* Gives the slot back and comes again after a while. */
static void wait_a_while(struct aws_call *call, int64_t ms)
{
    call->state = CALL_WAITING;
    set_timer(call, ms);
    aws_lane_leave(lane_of(call));
}

static double random_fraction(void)
{
    return (double)arc4random() / 4294967296.0;
}

/* The credentials' clock is the same: when they expire is told by AWS. */
static void set_skew(struct aws_call *call, int64_t skew_s)
{
    call->place->skew_s = skew_s;
    aws_creds_set_skew(call->client->creds, skew_s);
}

/* Whether the request is to be sent again at once, since what was wrong with it has been put right. */
static bool mend(struct aws_call *call, const struct aws_error *error, int64_t offset_s)
{
    struct aws_place *place = call->place;

    if (error->skewed && !call->reset) {
        if (llabs(offset_s) > SKEW_MIN_S && offset_s != place->skew_s) {
            log_warning("aws.clock", "service=%s off_by_s=%lld", place->service->name, (long long)offset_s);
            set_skew(call, offset_s);
        }
        call->reset = place->skew_s != call->signed_skew_s; /* by us, or by another call meanwhile */
        return call->reset;
    }
    if (error->expired && !call->refreshed) {
        call->refreshed = true;
        call->refused_serial = call->keys_serial;
        return aws_creds_refused(call->client->creds, call->keys_serial);
    }
    return false;
}

static void prepare(struct aws_call *call);

/* An attempt has failed: once more, or the end. Takes the error over. */
static void decide(struct aws_call *call, struct aws_error *error, int64_t offset_s)
{
    int64_t ms;

    call->may_have_acted |= error->may_have_acted;
    aws_error_done(&call->last);
    call->last = *error;
    snprintf(call->last.operation, sizeof call->last.operation, "%s", call->spec.operation);
    if (mend(call, &call->last, offset_s)) {
        call->extra++;
        log_info("aws.again", "operation=%s code=%s", call->spec.operation, LOGQ(call->last.code));
        aws_lane_again(lane_of(call));
        prepare(call);
        return;
    }
    if (!aws_retry_wanted(&call->last, call->attempts - call->extra)) {
        finish(call, &call->last);
        return;
    }
    ms = aws_retry_delay_ms(&call->last, call->attempts - call->extra, random_fraction());
    log_warning("aws.retry", "operation=%s attempt=%d in_ms=%lld code=%s message=%s request_id=%s",
                call->spec.operation, call->attempts, (long long)ms, LOGQ(call->last.code),
                LOGQ(call->last.message), LOGQ(call->last.request_id));
    wait_a_while(call, ms);
}

/* What an answer is, if it is one that the caller can use; else error says why not. */
static bool read_answer(struct aws_call *call, const struct http_answer *answer, struct aws_error *error)
{
    AUTO_JSON struct json_object *body = NULL;
    struct err err = {0};

    switch (answer->outcome) {
    case HTTP_NOT_SENT:
        aws_error_set(error, AWS_RETRYABLE, "not sent", "%s", answer->reason);
        return false;
    case HTTP_LOST:
        aws_error_set(error, AWS_UNKNOWN, "no answer", "%s", answer->reason);
        return false;
    case HTTP_TOO_BIG:
        aws_error_set(error, AWS_UNKNOWN, "answer too big", "more than %d bytes", AWS_RESPONSE_MAX);
        return false;
    case HTTP_ANSWERED:
        break;
    }
    if (answer->status != 200) {
        aws_error_read(&(struct aws_answer){.status = answer->status,
                                            .error_type = http_answer_header(answer, "x-amzn-errortype"),
                                            .query_error = http_answer_header(answer, "x-amzn-query-error"),
                                            .request_id = http_answer_header(answer, "x-amzn-requestid"),
                                            .retry_after = http_answer_header(answer, "retry-after"),
                                            .retry_after_ms = http_answer_header(answer, "x-amz-retry-after"),
                                            .body = answer->body,
                                            .body_len = answer->body_len},
                       error);
        return false;
    }
    if (json_parse(answer->body, answer->body_len, &body, &err)) {
        if (!json_object_is_type(body, json_type_object))
            err_set(&err, ERR_INVALID, "it is not an object");
        else if (call->spec.decode == NULL || call->spec.decode(call->spec.arg, body, &err))
            return true;
    }
    aws_error_set(error, AWS_UNKNOWN, "answer not understood", "%s%s%s", err.field,
                  err.field[0] != '\0' ? ": " : "", err.text);
    error->status = answer->status;
    return false;
}

/* How far the service's clock is from ours, by the answer's Date; 0 without one. */
static int64_t offset_of(struct aws_call *call, const struct http_answer *answer)
{
    const char *date = http_answer_header(answer, "date");
    int64_t theirs, offset_s;

    if (date == NULL || !http_date_parse(date, &theirs))
        return 0;
    offset_s = theirs - clock_wall_s(call->client->clock);
    if (call->place->skew_s != 0 && llabs(offset_s) <= SKEW_MIN_S) {
        log_info("aws.clock", "service=%s off_by_s=0", call->place->service->name);
        set_skew(call, 0);
    }
    return offset_s;
}

/* The caller did not allow it, or not once more. */
static void end_withheld(struct aws_call *call, enum http_outcome outcome)
{
    AUTO_AWS_ERROR struct aws_error error;

    aws_error_set(&error, AWS_RETRYABLE, "not sent", "it may not be sent now");
    if (outcome == HTTP_NOT_SENT)
        call->attempts--;
    else
        call->may_have_acted = true;
    finish(call, &error);
}

static void count(const struct aws_call *call, enum aws_error_kind result, int64_t took_ms)
{
    const size_t action = meter_of_action(call->spec.operation);

    metrics_add(call->client->metrics, METER_AWS_REQUESTS, action, result, 1);
    metrics_observe(call->client->metrics, METER_AWS_DURATION, action, 0, took_ms * US_PER_MS);
}

static void on_answer(void *arg, const struct http_answer *answer)
{
    struct aws_call *call = arg;
    const char *request_id = http_answer_header(answer, "x-amzn-requestid");
    struct aws_error error = {0};
    int64_t offset_s = offset_of(call, answer);
    bool good;

    call->request = NULL;
    if (answer->withheld) {
        end_withheld(call, answer->outcome);
        return;
    }
    good = read_answer(call, answer, &error);
    count(call, good ? AWS_OK : error.kind, answer->took_ms);
    if (answer->outcome == HTTP_ANSWERED)
        aws_lane_answered(lane_of(call), !good && error.kind == AWS_THROTTLED);
    log_debug("aws.call", "operation=%s attempt=%d status=%d ms=%lld request_id=%s error=%s",
              call->spec.operation, call->attempts, answer->status, (long long)answer->took_ms,
              LOGQ(request_id), LOGQ(good ? NULL : error.code));
    if (good)
        finish(call, NULL);
    else
        decide(call, &error, offset_s);
}

static void send_request(struct aws_call *call, const struct aws_keys *keys)
{
    struct aws_client *client = call->client;
    const struct aws_place *place = call->place;
    AUTO_FREE char *target = mem_printf("%s.%s", place->service->target, call->spec.operation);
    AUTO_BUF struct buf authorization;
    char amz_date[SIGV4_DATE_SIZE];
    struct http_header headers[HEADERS] = {{"Host", place->endpoint.host},
                                           {"Content-Type", place->service->content_type},
                                           {"X-Amz-Target", target}};
    size_t count = 3;
    struct sigv4_request request = {.method = "POST",
                                    .path = place->endpoint.path,
                                    .headers = headers,
                                    .header_count = count,
                                    .body = call->body,
                                    .body_len = call->spec.body_len};
    struct sigv4_scope scope = {now_s(client, place), place->region, place->service->name};
    struct sigv4_keys with = {keys->access_key_id, keys->secret, keys->token};

    call->state = CALL_SENT;
    call->attempts++;
    call->keys_serial = keys->serial;
    call->signed_skew_s = place->skew_s;
    buf_init(&authorization, SIZE_MAX);
    sigv4_sign(client->signer, &request, &scope, &with, amz_date, &authorization);
    headers[count++] = (struct http_header){"X-Amz-Date", amz_date};
    headers[count++] = (struct http_header){"Authorization", authorization.data};
    if (keys->token != NULL)
        headers[count++] = (struct http_header){"X-Amz-Security-Token", keys->token};
    call->request =
        http_start(client->http,
                   &(struct http_send){.method = "POST",
                                       .url = place->endpoint.url,
                                       .headers = headers,
                                       .header_count = count,
                                       .body = call->body,
                                       .body_len = call->spec.body_len,
                                       .connect_timeout_ms = client->connect_timeout_ms,
                                       .timeout_ms = call->spec.timeout_ms > 0 ? call->spec.timeout_ms
                                                                               : client->timeout_ms,
                                       .answer_max = AWS_RESPONSE_MAX,
                                       .may_send = call->spec.may_send,
                                       .may_send_arg = call->spec.may_send_arg},
                   on_answer, call);
}

static void on_keys(void *arg, const struct err *err)
{
    struct aws_call *call = arg;
    const struct aws_keys *keys = err != NULL ? NULL : aws_creds_keys(call->client->creds);
    struct aws_error error;

    if (keys != NULL) {
        send_request(call, keys);
        return;
    }
    aws_error_set(&error, AWS_AUTH, "no credentials", "%s",
                  err != NULL ? err->text : "the credentials that were found have expired");
    finish(call, &error);
}

static void await_keys(struct aws_call *call)
{
    call->state = CALL_KEYS;
    call->waiter.done = on_keys;
    call->waiter.arg = call;
    aws_creds_wait(call->client->creds, &call->waiter);
}

/* Those at hand, but for the ones that AWS refused the call with. */
static const struct aws_keys *keys_for(const struct aws_call *call)
{
    const struct aws_keys *keys = aws_creds_keys(call->client->creds);

    return keys != NULL && keys->serial != call->refused_serial ? keys : NULL;
}

/* Has a slot: sends as soon as there are keys. */
static void prepare(struct aws_call *call)
{
    const struct aws_keys *keys = keys_for(call);

    if (keys != NULL)
        send_request(call, keys);
    else
        await_keys(call);
}

static void on_turn(void *arg)
{
    prepare(arg);
}

static struct aws_call *call_new(struct aws_client *client, const struct aws_call_spec *spec)
{
    struct aws_call *call = mem_alloc(sizeof *call);

    call->client = client;
    call->spec = *spec;
    call->turn = (struct aws_turn){.go = on_turn, .arg = call};
    TAILQ_INSERT_TAIL(&client->calls, call, entry);
    client->pending++;
    return call;
}

struct aws_call *aws_call(struct aws_client *client, const struct aws_call_spec *spec)
{
    struct aws_call *call = call_new(client, spec);

    call->body = mem_strndup(spec->body, spec->body_len);
    call->place = aws_places_lend(&client->places, spec->service, spec->region);
    queue(call);
    return call;
}

struct aws_call *aws_call_decided(struct aws_client *client, const struct aws_call_spec *spec,
                                  const struct aws_error *error)
{
    struct aws_call *call = call_new(client, spec);

    call->state = CALL_DECIDED;
    if (error != NULL)
        aws_error_copy(&call->last, error);
    set_timer(call, 0);
    return call;
}

void aws_call_end(struct aws_call *call, const struct aws_error *error)
{
    /* What is on the wire may take effect. */
    call->may_have_acted |= call->state == CALL_SENT;
    finish(call, error);
}
