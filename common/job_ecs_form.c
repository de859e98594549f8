/* See job_ecs_form.h. */
#include "job_ecs_form.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "job.h"

enum { CLUSTER_NAME_MAX = 255 };

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* All of text that is left is in chars, and there is some. */
static bool consists_of(const char *text, const char *chars)
{
    return text[0] != '\0' && text[strspn(text, chars)] == '\0';
}

static bool is_id(const char *text, const char *prefix)
{
    return begins(text, prefix) && consists_of(text + strlen(prefix), "0123456789abcdefghijklmnopqrstuvwxyz");
}

/* What comes after `mark` in an ARN of a service in any partition: "arn:aws-cn:iam::1:role/x". NULL: it is
 * none. */
static const char *arn_tail(const char *text, const char *service, const char *mark)
{
    const char *at = strchr(text, ':');

    if (at == NULL || !begins(text, "arn:aws"))
        return NULL;
    at = strchr(at + 1, ':');
    if (at == NULL || !begins(at, service))
        return NULL;
    at = strstr(at + strlen(service), mark);
    return at == NULL ? NULL : at + strlen(mark);
}

bool job_form_cluster(const char *text)
{
    const char *name = arn_tail(text, ":ecs:", ":cluster/");

    return job_name_valid(name == NULL ? text : name, CLUSTER_NAME_MAX);
}

bool job_form_version(const char *text)
{
    int dots = 0;

    if (strcmp(text, "LATEST") == 0)
        return true;
    if (!consists_of(text, "0123456789.") || text[0] == '.' || strstr(text, "..") != NULL ||
        text[strlen(text) - 1] == '.')
        return false;
    for (; *text != '\0'; text++)
        dots += *text == '.';
    return dots == 2;
}

bool job_form_subnet(const char *text)
{
    return is_id(text, "subnet-");
}

bool job_form_security_group(const char *text)
{
    return is_id(text, "sg-");
}

bool job_form_snapshot(const char *text)
{
    return is_id(text, "snap-");
}

bool job_form_role(const char *text)
{
    const char *name = arn_tail(text, ":iam::", ":role/");

    return name != NULL && name[0] != '\0' && strpbrk(name, " \t\r\n") == NULL;
}

bool job_form_environment_file(const char *text)
{
    const char *object = arn_tail(text, ":s3:", "::");
    const char *key = object == NULL ? NULL : strchr(object, '/');

    return key != NULL && key > object && strlen(key) > strlen("/.env") &&
           strcmp(key + strlen(key) - strlen(".env"), ".env") == 0;
}

/* A whole number; or a number, maybe a blank, and the unit in any case. */
static bool is_amount(const char *text, const char *unit)
{
    size_t digits = strspn(text, "0123456789"), fraction = 0;

    if (digits > 0 && text[digits] == '\0')
        return text[strspn(text, "0")] != '\0';
    text += digits;
    if (*text == '.') {
        fraction = strspn(text + 1, "0123456789");
        text += 1 + fraction;
    }
    if (digits + fraction == 0)
        return false;
    return strcasecmp(text + (*text == ' '), unit) == 0;
}

bool job_form_cpu(const char *text)
{
    return is_amount(text, "vcpu");
}

bool job_form_memory(const char *text)
{
    return is_amount(text, "gb");
}

/* Which of the letters beyond ASCII are letters is AWS's to know. */
bool job_form_tag(const char *text)
{
    if (strncasecmp(text, "aws:", strlen("aws:")) == 0)
        return false;
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x80 && !isalnum((unsigned char)*text) &&
            strchr(" _.:/=+-@", *text) == NULL)
            return false;
    return true;
}

bool job_form_count_or_all(const char *text)
{
    return strcmp(text, "ALL") == 0 || (consists_of(text, "0123456789") && text[0] != '0');
}

bool job_form_spread(const char *text)
{
    return strcmp(text, "instanceId") == 0 || strcmp(text, "host") == 0 ||
           (begins(text, "attribute:") && text[strlen("attribute:")] != '\0');
}
