/* aws_endpoint: the address of each partition, and what may be configured instead. */
#include "aws_endpoint.h"

#include "test.h"

#include <string.h>

#include "mem.h"

struct rule_case {
    const char *name, *service, *region;
    bool fips, dualstack;
    const char *url;
};

static struct rule_case rule_cases[] = {
    {"a region", "ecs", "eu-central-1", false, false, "https://ecs.eu-central-1.amazonaws.com"},
    {"SQS", "sqs", "us-east-1", false, false, "https://sqs.us-east-1.amazonaws.com"},
    {"FIPS", "ecs", "us-east-2", true, false, "https://ecs-fips.us-east-2.amazonaws.com"},
    {"dual-stack", "ecs", "il-central-1", false, true, "https://ecs.il-central-1.api.aws"},
    {"FIPS and dual-stack", "sqs", "us-west-2", true, true, "https://sqs-fips.us-west-2.api.aws"},
    {"China", "ecs", "cn-north-1", false, false, "https://ecs.cn-north-1.amazonaws.com.cn"},
    {"China, dual-stack", "sqs", "cn-northwest-1", false, true,
     "https://sqs.cn-northwest-1.api.amazonwebservices.com.cn"},
    {"GovCloud", "ecs", "us-gov-west-1", false, false, "https://ecs.us-gov-west-1.amazonaws.com"},
    {"GovCloud's ECS has a FIPS name", "ecs", "us-gov-east-1", true, false,
     "https://ecs-fips.us-gov-east-1.amazonaws.com"},
    {"GovCloud's SQS is FIPS by itself", "sqs", "us-gov-east-1", true, false,
     "https://sqs.us-gov-east-1.amazonaws.com"},
    {"GovCloud's STS is FIPS by itself", "sts", "us-gov-west-1", true, false,
     "https://sts.us-gov-west-1.amazonaws.com"},
    {"GovCloud's SQS with dual-stack has a FIPS name", "sqs", "us-gov-east-1", true, true,
     "https://sqs-fips.us-gov-east-1.api.aws"},
    {"the sovereign cloud", "ecs", "eusc-de-east-1", false, false, "https://ecs.eusc-de-east-1.amazonaws.eu"},
    {"iso", "ecs", "us-iso-east-1", false, false, "https://ecs.us-iso-east-1.c2s.ic.gov"},
    {"iso-b is not iso", "ecs", "us-isob-east-1", false, false, "https://ecs.us-isob-east-1.sc2s.sgov.gov"},
    {"iso-e is not in Europe", "ecs", "eu-isoe-west-1", false, false,
     "https://ecs.eu-isoe-west-1.cloud.adc-e.uk"},
    {"iso-f", "sqs", "us-isof-south-1", false, false, "https://sqs.us-isof-south-1.csp.hci.ic.gov"},
    {"a region of tomorrow", "ecs", "xx-outer-9", false, false, "https://ecs.xx-outer-9.amazonaws.com"},
};

static void check_rule(void **state)
{
    const struct rule_case *c = *state;
    AUTO_FREE char *url = aws_endpoint_for(c->service, c->region, c->fips, c->dualstack);

    assert_string_equal(url, c->url);
}

struct address_case {
    const char *name, *text;
    const char *url, *host, *path; /* url NULL: it is refused */
};

static struct address_case address_cases[] = {
    {"a host", "https://ecs.example", "https://ecs.example/", "ecs.example", "/"},
    {"a host and /", "https://ecs.example/", "https://ecs.example/", "ecs.example", "/"},
    {"a port", "http://127.0.0.1:4566", "http://127.0.0.1:4566/", "127.0.0.1:4566", "/"},
    {"the scheme's own port is not in Host", "https://h:443/x", "https://h:443/x", "h", "/x"},
    {"nor is http's", "http://h:80", "http://h:80/", "h", "/"},
    {"the other scheme's port is", "http://h:443", "http://h:443/", "h:443", "/"},
    {"so is a longer one", "http://h:8080", "http://h:8080/", "h:8080", "/"},
    {"a path", "https://proxy.example/aws/ecs", "https://proxy.example/aws/ecs", "proxy.example", "/aws/ecs"},
    {"a path with an escape", "https://h/a%20b", "https://h/a%20b", "h", "/a%20b"},
    {"IPv6", "http://[::1]:4566/x", "http://[::1]:4566/x", "[::1]:4566", "/x"},
    {"IPv6 without a port", "http://[fd00:ec2::254]", "http://[fd00:ec2::254]/", "[fd00:ec2::254]", "/"},
    {"a scheme in capitals", "HTTP://h", "HTTP://h/", "h", "/"},
    {"a host in capitals", "http://Host_1", "http://Host_1/", "Host_1", "/"},
    {"no scheme", "localhost:4566", NULL, NULL, NULL},
    {"another scheme", "ftp://h", NULL, NULL, NULL},
    {"nothing", "", NULL, NULL, NULL},
    {"only a scheme", "https://", NULL, NULL, NULL},
    {"no host", "http://:80", NULL, NULL, NULL},
    {"an empty port", "http://h:", NULL, NULL, NULL},
    {"port 0", "http://h:0", NULL, NULL, NULL},
    {"port 65536", "http://h:65536", NULL, NULL, NULL},
    {"a port that would overflow", "http://h:99999999999999999999", NULL, NULL, NULL},
    {"a port that is a name", "http://h:http", NULL, NULL, NULL},
    {"a user", "http://me@h", NULL, NULL, NULL},
    {"a password", "http://me:hush@h:80", NULL, NULL, NULL},
    {"a query", "http://h/?x=1", NULL, NULL, NULL},
    {"a query without a path", "http://h?x", NULL, NULL, NULL},
    {"a fragment", "http://h/#x", NULL, NULL, NULL},
    {"a blank", "http://h/a b", NULL, NULL, NULL},
    {"a line break", "http://h/\r\nX: y", NULL, NULL, NULL},
    {"a line break in the host", "http://h\r\n", NULL, NULL, NULL},
    {"a byte that is not ASCII", "http://h/\xC3\xA4", NULL, NULL, NULL},
    {"IPv6 that does not end", "http://[::1", NULL, NULL, NULL},
    {"IPv6 with a name in it", "http://[localhost]", NULL, NULL, NULL},
    {"IPv6 and more", "http://[::1]x", NULL, NULL, NULL},
    {"empty brackets are no name", "http://[]x", NULL, NULL, NULL},
};

static void check_address(void **state)
{
    const struct address_case *c = *state;
    struct aws_endpoint endpoint = {0};
    struct err err = {0};

    if (!aws_endpoint_parse(c->text, &endpoint, &err)) {
        assert_null(c->url);
        assert_int_equal(err.kind, ERR_INVALID);
        assert_non_null(strstr(err.text, "://HOST[:PORT][/PATH]"));
        assert_null(strstr(err.text, "hush"));
        assert_null(endpoint.url);
        return;
    }
    assert_non_null(c->url);
    assert_string_equal(endpoint.url, c->url);
    assert_string_equal(endpoint.host, c->host);
    assert_string_equal(endpoint.path, c->path);
    assert_true(endpoint.path > endpoint.url && endpoint.path < endpoint.url + strlen(endpoint.url));
    aws_endpoint_done(&endpoint);
}

static void every_address_of_our_making_is_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rule_cases); i++) {
        const struct rule_case *c = &rule_cases[i];
        struct aws_endpoint endpoint;
        struct err err;

        if (!aws_endpoint_parse(c->url, &endpoint, &err))
            fail_msg("%s: %s", c->url, err.text);
        assert_string_equal(endpoint.host, c->url + strlen("https://"));
        aws_endpoint_done(&endpoint);
    }
}

static void a_region_can_be_part_of_a_host_name(void **state)
{
    static const char longest[] = "a23456789012345678901234567890123456789012345678901234567890123";
    struct err err;

    (void)state;
    assert_true(aws_region_check("eu-central-1", &err) && aws_region_check("X", &err));
    assert_true(aws_region_check(longest, &err));
    assert_false(aws_region_check("", &err) || aws_region_check("-eu", &err) ||
                 aws_region_check("eu-", &err) || aws_region_check("eu.central", &err) ||
                 aws_region_check("eu/central", &err) || aws_region_check("eu\n", &err) ||
                 aws_region_check("b23456789012345678901234567890123456789012345678901234567890123-4", &err));
    assert_false(aws_region_check("evil.example#", &err));
    assert_string_equal(err.text,
                        "\"evil.example#\" is not the name of an AWS region (such as eu-central-1)");
    assert_int_equal(err.kind, ERR_INVALID);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rule_cases) + ARRAY_LEN(address_cases) + 2] = {
        cmocka_unit_test(every_address_of_our_making_is_taken),
        cmocka_unit_test(a_region_can_be_part_of_a_host_name),
    };
    size_t n = 2;

    for (size_t i = 0; i < ARRAY_LEN(rule_cases); i++)
        tests[n++] = (struct CMUnitTest){rule_cases[i].name, check_rule, NULL, NULL, &rule_cases[i]};
    for (size_t i = 0; i < ARRAY_LEN(address_cases); i++)
        tests[n++] = (struct CMUnitTest){address_cases[i].name, check_address, NULL, NULL, &address_cases[i]};
    return cmocka_run_group_tests_name("AWS endpoints", tests, NULL, NULL);
}
