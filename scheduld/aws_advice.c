/* See aws_advice.h. */
#include "aws_advice.h"

#include "attr.h"

#include <string.h>

static void put_denied(struct buf *buf, const struct aws_advice_about *about)
{
    buf_printf(buf, "Allow %s on the cluster to %s; docs/aws.md has a policy", about->action,
               about->identity != NULL ? about->identity : "the identity that these credentials are of");
}

static void put_no_cluster(struct buf *buf, const struct aws_advice_about *about)
{
    buf_printf(buf,
               "Check ECSS_ECS_CLUSTER (%s), the region (%s) and the account; this lists what there is: "
               "aws ecs list-clusters --region %s",
               about->cluster, about->region, about->region);
}

static void put_expired(struct buf *buf, const struct aws_advice_about *about UNUSED)
{
    buf_puts(buf, "Temporary keys that were written down end here; put new ones in their place, or use what "
                  "renews itself: a role, a container's or an instance's credentials");
}

static void put_unknown_keys(struct buf *buf, const struct aws_advice_about *about)
{
    buf_printf(
        buf,
        "AWS does not know this access key in region %s: it was deleted or is of another partition, or "
        "the account has not enabled the region",
        about->region);
}

static void put_signature(struct buf *buf, const struct aws_advice_about *about)
{
    buf_printf(buf,
               "The secret access key does not belong to the access key's id, the region (%s) is not the "
               "endpoint's, or the clock of this machine is wrong",
               about->region);
}

static void put_no_way(struct buf *buf, const struct aws_advice_about *about)
{
    buf_printf(
        buf,
        "Nothing was sent. From here there has to be a way to ECS: to the internet, by HTTPS_PROXY, or by "
        "a VPC endpoint com.amazonaws.%s.ecs",
        about->region);
}

static void put_silence(struct buf *buf, const struct aws_advice_about *about UNUSED)
{
    buf_puts(buf,
             "Something took the connection and did not answer as ECS does: a proxy, a firewall, or a wrong "
             "AWS_ENDPOINT_URL");
}

static void put_no_name(struct buf *buf, const struct aws_advice_about *about)
{
    buf_printf(buf,
               "Either there is no region %s, or names cannot be resolved here: check AWS_REGION, "
               "AWS_ENDPOINT_URL and DNS",
               about->region);
}

static void put_certificate(struct buf *buf, const struct aws_advice_about *about UNUSED)
{
    buf_puts(buf, "Who answers is not trusted: a proxy that looks into TLS needs its CA in AWS_CA_BUNDLE");
}

static void put_later(struct buf *buf, const struct aws_advice_about *about UNUSED)
{
    buf_puts(buf, "The way to AWS and the credentials are good; try again later");
}

static void put_not_aws(struct buf *buf, const struct aws_advice_about *about UNUSED)
{
    buf_puts(buf, "That is no answer of AWS's: check the proxy (HTTPS_PROXY, NO_PROXY) and AWS_ENDPOINT_URL");
}

/* The first that fits. NULL: any. */
static const struct advice {
    const char *code;
    const char *text; /* in the message */
    void (*put)(struct buf *buf, const struct aws_advice_about *about);
} advices[] = {
    {"AccessDenied", NULL, put_denied},
    {"AccessDeniedException", NULL, put_denied},
    {"ClusterNotFoundException", NULL, put_no_cluster},
    {"ExpiredToken", NULL, put_expired},
    {"ExpiredTokenException", NULL, put_expired},
    {"UnrecognizedClientException", NULL, put_unknown_keys},
    {"InvalidClientTokenId", NULL, put_unknown_keys},
    {"InvalidSignatureException", NULL, put_signature},
    {"SignatureDoesNotMatch", NULL, put_signature},
    {"IncompleteSignatureException", NULL, put_signature},
    {"not sent", "resolve host", put_no_name},
    {"not sent", "certificate", put_certificate},
    {"not sent", NULL, put_no_way},
    {"no answer", NULL, put_silence},
};

void aws_advice_put(struct buf *buf, const struct aws_error *error, const struct aws_advice_about *about)
{
    for (size_t i = 0; i < ARRAY_LEN(advices); i++) {
        if (strcmp(error->code, advices[i].code) == 0 &&
            (advices[i].text == NULL || strstr(error->message, advices[i].text) != NULL)) {
            advices[i].put(buf, about);
            return;
        }
    }
    if (error->kind == AWS_RETRYABLE && error->status >= 300 && error->status < 500 &&
        strncmp(error->code, "HTTP ", strlen("HTTP ")) == 0)
        put_not_aws(buf, about);
    else if (error->kind == AWS_THROTTLED || (error->kind == AWS_RETRYABLE && error->status != 0))
        put_later(buf, about);
}

/* arn:PARTITION:ecs:REGION:ACCOUNT:cluster/NAME */
void aws_advice_put_cluster(struct buf *buf, const char *cluster, const char *region)
{
    const char *at = cluster;
    size_t len;

    if (strncmp(cluster, "arn:", strlen("arn:")) != 0)
        return;
    for (int i = 0; i < 3; i++) {
        at = strchr(at, ':');
        if (at == NULL)
            return;
        at++;
    }
    len = strcspn(at, ":");
    if (strlen(region) != len || strncmp(at, region, len) != 0)
        buf_printf(
            buf, "The cluster is in region %.*s, but calls go to %s: set AWS_REGION to the cluster's region",
            (int)len, at, region);
}
