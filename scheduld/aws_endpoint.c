/* See aws_endpoint.h. */
#include "aws_endpoint.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The first whose prefix fits; the last one fits all. */
static const struct partition {
    const char *prefix;
    const char *suffix, *dualstack_suffix;
} partitions[] = {
    {"cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"},
    {"us-gov-", "amazonaws.com", "api.aws"},
    {"eusc-", "amazonaws.eu", "api.amazonwebservices.eu"},
    {"us-iso-", "c2s.ic.gov", "api.aws.ic.gov"},
    {"us-isob-", "sc2s.sgov.gov", "api.aws.scloud"},
    {"eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"},
    {"us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov"},
    {"", "amazonaws.com", "api.aws"},
};

/* In GovCloud the plain endpoints of these are the FIPS ones. */
static bool is_fips_by_itself(const char *service, const char *region)
{
    return strncmp(region, "us-gov-", 7) == 0 && (strcmp(service, "sqs") == 0 || strcmp(service, "sts") == 0);
}

bool aws_region_check(const char *region, struct err *err)
{
    size_t len = strlen(region);
    size_t good = strspn(region, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-");

    if (len == 0 || len > 63 || good != len || region[0] == '-' || region[len - 1] == '-')
        return err_set(err, ERR_INVALID, "\"%s\" is not the name of an AWS region (such as eu-central-1)",
                       region);
    return true;
}

char *aws_endpoint_for(const char *service, const char *region, bool fips, bool dualstack)
{
    const struct partition *p = partitions;

    while (strncmp(region, p->prefix, strlen(p->prefix)) != 0)
        p++;
    if (fips && !dualstack && is_fips_by_itself(service, region))
        fips = false;
    return mem_printf("https://%s%s.%s.%s", service, fips ? "-fips" : "", region,
                      dualstack ? p->dualstack_suffix : p->suffix);
}

static bool is_within(const char *host, const char *domain)
{
    size_t len = strlen(host), domain_len = strlen(domain);

    return len > domain_len && host[len - domain_len - 1] == '.' &&
           strcasecmp(host + len - domain_len, domain) == 0;
}

bool aws_endpoint_is_aws(const char *host)
{
    for (size_t i = 0; i < ARRAY_LEN(partitions); i++)
        if (is_within(host, partitions[i].suffix) || is_within(host, partitions[i].dualstack_suffix))
            return true;
    return false;
}

void aws_endpoint_done(struct aws_endpoint *endpoint)
{
    free(endpoint->url);
    free(endpoint->host);
    *endpoint = (struct aws_endpoint){0};
}

/* The digits of a port, 1 to 65535. */
static bool is_port(const char *text, size_t len)
{
    long port = 0;

    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9' || port > 65535)
            return false;
        port = port * 10 + (text[i] - '0');
    }
    return len > 0 && port >= 1 && port <= 65535;
}

/* host, host:port, [v6], [v6]:port; *host_len is what comes before the port's colon. */
static bool is_authority(const char *text, size_t len, size_t *host_len)
{
    const char *end = text[0] == '[' ? memchr(text, ']', len) : NULL;
    const char *colon;

    if (text[0] == '[') {
        if (end == NULL || strspn(text + 1, "0123456789abcdefABCDEF:.") != (size_t)(end - text - 1))
            return false;
        *host_len = (size_t)(end - text) + 1;
    } else {
        colon = memchr(text, ':', len);
        *host_len = colon == NULL ? len : (size_t)(colon - text);
        for (size_t i = 0; i < *host_len; i++)
            if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._", text[i]) == NULL)
                return false;
    }
    if (*host_len == 0)
        return false;
    return *host_len == len || (text[*host_len] == ':' && is_port(text + *host_len + 1, len - *host_len - 1));
}

/* Characters that a path may have; no query, no fragment. */
static bool is_path(const char *path)
{
    for (; *path != '\0'; path++)
        if (*path <= ' ' || *path >= 0x7F || strchr("?#\"<>\\^`{|}", *path) != NULL)
            return false;
    return true;
}

bool aws_endpoint_parse(const char *url, struct aws_endpoint *ret, struct err *err)
{
    bool https = strncasecmp(url, "https://", 8) == 0;
    const char *host = url + (https ? 8 : 7);
    const char *own_port = https ? ":443" : ":80";
    size_t len, host_len;

    if (!https && strncasecmp(url, "http://", 7) != 0)
        return err_set(err, ERR_INVALID, "an endpoint is https://HOST[:PORT][/PATH] or http://...");
    len = strcspn(host, "/");
    if (!is_authority(host, len, &host_len) || !is_path(host + len))
        return err_set(err, ERR_INVALID,
                       "an endpoint is %s://HOST[:PORT][/PATH], without a user, a query or a fragment",
                       https ? "https" : "http");
    if (strlen(own_port) == len - host_len && strncmp(host + host_len, own_port, len - host_len) == 0)
        ret->host = mem_strndup(host, host_len);
    else
        ret->host = mem_strndup(host, len);
    ret->url = mem_printf("%s%s", url, host[len] == '\0' ? "/" : "");
    ret->path = ret->url + (host - url) + len;
    return true;
}
