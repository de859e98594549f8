/*
 * What the URL says, and where it leads: one candidate for each address of each of its hosts. We try them one
 * after the other ourselves, as libpq would begin with the first one again after each timeout, and would
 * resolve names in the foreground. (It still does if the hosts come from a service file.)
 */
#include "db_internal.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "mem.h"

enum { OPTIONS_MAX = 8192, KEYWORDS_MAX = 80 };

struct host {
    char *host, *address, *port; /* owned; each may be NULL */
};

struct hosts {
    struct host *items; /* owned */
    size_t count;
};

struct db_target {
    PQconninfoOption *given; /* owned; what the URL says */
    char *application_name, *options;
    struct hosts hosts;      /* as given */
    struct hosts candidates; /* with addresses in the place of names */
};

/* Settings of a session that the URL's own go before. Keep-alives on both ends: a peer that is gone without a
 * word is noticed within 11 s, and client_connection_check_interval also while a statement runs; by default
 * the server would keep the advisory lock of a leader that is gone for two hours. */
static const struct {
    const char *keyword, *value;
} our_params[] = {
    {"client_encoding", "UTF8"},
    {"keepalives", "1"},
    {"keepalives_idle", "5"},
    {"keepalives_interval", "2"},
    {"keepalives_count", "3"},
    {"tcp_user_timeout", "8000"},
    {"fallback_application_name", "ecs-scheduler"},
    {"target_session_attrs", "read-write"},
};

/* What we ask takes milliseconds: to compile it first would take longer, each time. */
static const char our_settings[] =
    "-c jit=off "
    "-c datestyle=ISO -c intervalstyle=postgres -c timezone=UTC -c extra_float_digits=1"
    " -c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3 -c "
    "tcp_user_timeout=10000"
    " -c client_connection_check_interval=1000";

static const char *given(const PQconninfoOption *options, const char *keyword)
{
    for (; options != NULL && options->keyword != NULL; options++)
        if (strcmp(options->keyword, keyword) == 0)
            return options->val != NULL && options->val[0] != '\0' ? options->val : NULL;
    return NULL;
}

static void hosts_done(struct hosts *hosts)
{
    for (size_t i = 0; i < hosts->count; i++) {
        free(hosts->items[i].host);
        free(hosts->items[i].address);
        free(hosts->items[i].port);
    }
    free(hosts->items);
    *hosts = (struct hosts){0};
}

static void hosts_add(struct hosts *hosts, const char *host, const char *address, const char *port)
{
    hosts->items = mem_grow(hosts->items, hosts->count + 1, sizeof *hosts->items);
    hosts->items[hosts->count++] =
        (struct host){mem_strdup_or_null(host), mem_strdup_or_null(address), mem_strdup_or_null(port)};
}

static size_t list_count(const char *list)
{
    size_t n = list == NULL ? 0 : 1;

    for (; list != NULL && *list != '\0'; list++)
        n += *list == ',';
    return n;
}

/* The i-th of a list separated by commas; NULL if it is empty or not there. A list of one is good for all. */
static char *list_item(const char *list, size_t i)
{
    size_t count = list_count(list), len;

    if (count == 0 || (i >= count && count > 1))
        return NULL;
    for (i = count == 1 ? 0 : i; i > 0; i--)
        list = strchr(list, ',') + 1;
    len = strcspn(list, ",");
    return len == 0 ? NULL : mem_strndup(list, len);
}

/* The hosts of a URL, or those of the environment if it names none. */
static bool read_hosts(struct db_target *target, struct err *err)
{
    PQconninfoOption *defaults = given(target->given, "service") == NULL ? PQconndefaults() : NULL;
    bool own = given(target->given, "host") != NULL || given(target->given, "hostaddr") != NULL;
    const PQconninfoOption *from = own ? target->given : defaults;
    const char *host = given(from, "host"), *address = given(from, "hostaddr"),
               *port = given(target->given, "port");
    size_t count = list_count(host) > list_count(address) ? list_count(host) : list_count(address);
    bool good;

    if (port == NULL)
        port = given(defaults, "port");
    good = (host == NULL || list_count(host) == count) && (address == NULL || list_count(address) == count) &&
           (list_count(port) <= 1 || list_count(port) == (count == 0 ? 1 : count));
    for (size_t i = 0; good && i < (count == 0 ? 1 : count); i++) {
        AUTO_FREE char *h = list_item(host, i), *a = list_item(address, i), *p = list_item(port, i);

        hosts_add(&target->hosts, h, a, p);
    }
    PQconninfoFree(defaults);
    return good || err_set(err, ERR_INVALID,
                           "the database URL names different numbers of hosts, host addresses and ports");
}

/* Whether what libpq took for the name of a parameter can be one: letters, and no piece of a password, which
 * would come after that word, or have an @ behind it. */
static bool is_name_of_a_parameter(const char *url, const char *name, size_t len)
{
    const char *at = memmem(url, strlen(url), name, len);
    const char *password = strstr(url, "password");

    return len > 0 && strspn(name, "abcdefghijklmnopqrstuvwxyz_") == len && at != NULL &&
           strchr(at, '@') == NULL && (password == NULL || password > at);
}

/* libpq's complaints quote the part of the text that is wrong, which may be the password. */
static bool not_a_url(struct err *err, const char *url, char *complaint)
{
    char *open = complaint == NULL ? NULL : strchr(complaint, '"');
    char *shut = complaint == NULL ? NULL : strrchr(complaint, '"');

    if (open != NULL && shut > open && !is_name_of_a_parameter(url, open + 1, (size_t)(shut - open - 1)))
        memmove(open + 1, shut, strlen(shut) + 1);
    err_set(err, ERR_INVALID, "the database URL is neither a PostgreSQL URI nor a conninfo string: %s",
            complaint == NULL ? "out of memory" : complaint);
    if (err != NULL)
        one_line(err->text);
    PQfreemem(complaint);
    return false;
}

static char *session_options(const struct db_options *options, const char *of_url)
{
    AUTO_BUF struct buf text = {0};
    int statement_ms =
        options->statement_timeout_ms != 0 ? options->statement_timeout_ms : options->deadline_ms;

    buf_init(&text, OPTIONS_MAX);
    buf_puts(&text, our_settings);
    if (statement_ms > 0)
        buf_printf(&text, " -c statement_timeout=%d", statement_ms);
    if (options->lock_timeout_ms > 0)
        buf_printf(&text, " -c lock_timeout=%d", options->lock_timeout_ms);
    if (options->session_options != NULL)
        buf_printf(&text, " %s", options->session_options);
    if (of_url != NULL)
        buf_printf(&text, " %s", of_url);
    return buf_steal(&text);
}

struct db_target *db_target_new(const struct db_options *options, struct err *err)
{
    struct db_target *target = mem_alloc(sizeof *target);
    char *complaint = NULL;

    target->given = PQconninfoParse(options->url == NULL ? "" : options->url, &complaint);
    if (target->given == NULL) {
        not_a_url(err, options->url == NULL ? "" : options->url, complaint);
        db_target_free(target);
        return NULL;
    }
    if (!read_hosts(target, err)) {
        db_target_free(target);
        return NULL;
    }
    target->application_name = mem_strdup_or_null(options->application_name);
    target->options = session_options(options, given(target->given, "options"));
    return target;
}

bool db_check_url(const char *url, struct err *err)
{
    struct db_target *target = db_target_new(&(struct db_options){.url = url}, err);

    db_target_free(target);
    return target != NULL;
}

void db_target_free(struct db_target *target)
{
    if (target == NULL)
        return;
    PQconninfoFree(target->given);
    hosts_done(&target->hosts);
    hosts_done(&target->candidates);
    free(target->application_name);
    free(target->options);
    free(target);
}

static bool is_name(const struct host *host)
{
    struct in6_addr address;

    return host->address == NULL && host->host != NULL && host->host[0] != '/' && host->host[0] != '@' &&
           inet_pton(AF_INET, host->host, &address) != 1 && inet_pton(AF_INET6, host->host, &address) != 1;
}

char **db_target_names(const struct db_target *target, size_t *count)
{
    char **names = mem_array(target->hosts.count, sizeof *names);

    *count = 0;
    for (size_t i = 0; i < target->hosts.count; i++)
        if (is_name(&target->hosts.items[i]))
            names[(*count)++] = target->hosts.items[i].host;
    return names;
}

void db_target_resolved(struct db_target *target, struct addrinfo *const *addresses)
{
    char text[INET6_ADDRSTRLEN + 16]; /* and the scope of a link-local address */

    hosts_done(&target->candidates);
    for (size_t i = 0; i < target->hosts.count; i++) {
        const struct host *host = &target->hosts.items[i];

        if (!is_name(host)) {
            hosts_add(&target->candidates, host->host, host->address, host->port);
            continue;
        }
        for (const struct addrinfo *a = *addresses++; a != NULL; a = a->ai_next)
            if (getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST) == 0)
                hosts_add(&target->candidates, host->host, text, host->port);
    }
}

size_t db_target_count(const struct db_target *target)
{
    return target->candidates.count;
}

struct params {
    const char *keywords[KEYWORDS_MAX], *values[KEYWORDS_MAX];
    int count;
};

static void put(struct params *params, const char *keyword, const char *value)
{
    if (value == NULL || params->count + 1 >= KEYWORDS_MAX)
        return;
    params->keywords[params->count] = keyword;
    params->values[params->count++] = value;
}

static bool is_where(const char *keyword)
{
    return strcmp(keyword, "host") == 0 || strcmp(keyword, "hostaddr") == 0 || strcmp(keyword, "port") == 0 ||
           strcmp(keyword, "options") == 0;
}

PGconn *db_target_connect(const struct db_target *target, size_t i)
{
    const struct host *host = &target->candidates.items[i];
    struct params params = {0};

    for (size_t k = 0; k < ARRAY_LEN(our_params); k++)
        if (given(target->given, our_params[k].keyword) == NULL)
            put(&params, our_params[k].keyword, our_params[k].value);
    if (given(target->given, "application_name") == NULL)
        put(&params, "application_name", target->application_name);
    for (const PQconninfoOption *o = target->given; o->keyword != NULL; o++)
        if (!is_where(o->keyword))
            put(&params, o->keyword, given(o, o->keyword));
    put(&params, "host", host->host);
    put(&params, "hostaddr", host->address);
    put(&params, "port", host->port);
    put(&params, "options", target->options);
    return PQconnectStartParams(params.keywords, params.values, 0);
}
