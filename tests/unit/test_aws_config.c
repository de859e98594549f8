/* aws_profile and aws_config: region, endpoints and profiles from the environment and the shared files. */
#include "aws_config.h"

#include "test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "aws_ini.h"
#include "mem.h"

/* A home with an .aws folder, and an environment. */
struct place {
    char *home, *folder, *config, *credentials; /* owned */
    const char *const *env;                     /* "NAME=value", NULL at the end */
};

static const char *place_getenv(const char *name, void *arg)
{
    const struct place *place = arg;
    size_t len = strlen(name);

    for (const char *const *p = place->env; p != NULL && *p != NULL; p++)
        if (strncmp(*p, name, len) == 0 && (*p)[len] == '=')
            return *p + len + 1;
    return strcmp(name, "HOME") == 0 ? place->home : NULL;
}

static void place_begin(struct place *place)
{
    const char *tmp = getenv("TMPDIR");

    *place = (struct place){.home = mem_printf("%s/ecss-aws-XXXXXX", tmp == NULL ? "/tmp" : tmp)};
    assert_non_null(mkdtemp(place->home));
    place->folder = mem_printf("%s/.aws", place->home);
    assert_int_equal(mkdir(place->folder, 0700), 0);
    place->config = mem_printf("%s/config", place->folder);
    place->credentials = mem_printf("%s/credentials", place->folder);
}

static void place_end(struct place *place)
{
    unlink(place->config);
    unlink(place->credentials);
    assert_int_equal(rmdir(place->folder), 0);
    assert_int_equal(rmdir(place->home), 0);
    free(place->home);
    free(place->folder);
    free(place->config);
    free(place->credentials);
}

/* As a program that takes care: a new file takes the old one's place. */
static void write_file(const char *path, const char *text)
{
    AUTO_FREE char *draft = mem_printf("%s.new", path);
    FILE *out = fopen(draft, "w");

    assert_non_null(out);
    fputs(text, out);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(rename(draft, path), 0);
}

/* --- config --- */

struct config_case {
    const char *name;
    const char *env[5];
    const char *config, *credentials; /* NULL: there is no such file */
    const char *service;
    const char *url;    /* or else: */
    const char *error;  /* is in the text */
    const char *region; /* NULL: does not matter */
};

#define REGION "[default]\nregion = eu-west-1\n"
#define SERVICES                                                                                             \
    "[default]\nregion = eu-west-1\nservices = mine\nendpoint_url = http://all:9\n"                          \
    "[services mine]\necs =\n  endpoint_url = http://e:1\n"

static struct config_case config_cases[] = {
    /* Regions. */
    {"the region of the environment",
     {"AWS_REGION=us-east-1", "AWS_DEFAULT_REGION=us-east-2"},
     REGION,
     NULL,
     "ecs",
     "https://ecs.us-east-1.amazonaws.com/",
     NULL,
     "us-east-1"},
    {"its other name",
     {"AWS_DEFAULT_REGION=us-east-2"},
     REGION,
     NULL,
     "ecs",
     "https://ecs.us-east-2.amazonaws.com/",
     NULL,
     "us-east-2"},
    {"the region of the config file",
     {NULL},
     REGION,
     NULL,
     "sqs",
     "https://sqs.eu-west-1.amazonaws.com/",
     NULL,
     "eu-west-1"},
    {"an empty variable is not set",
     {"AWS_REGION=", "AWS_DEFAULT_REGION="},
     REGION,
     NULL,
     "ecs",
     "https://ecs.eu-west-1.amazonaws.com/",
     NULL,
     "eu-west-1"},
    {"the credentials file's region counts",
     {NULL},
     REGION,
     "[default]\nregion = eu-north-1\n",
     "ecs",
     "https://ecs.eu-north-1.amazonaws.com/",
     NULL,
     "eu-north-1"},
    {"a profile's region",
     {"AWS_PROFILE=p"},
     REGION "[profile p]\nregion = sa-east-1\n",
     NULL,
     "ecs",
     "https://ecs.sa-east-1.amazonaws.com/",
     NULL,
     "sa-east-1"},
    {"AWS_DEFAULT_PROFILE counts",
     {"AWS_PROFILE=q", "AWS_DEFAULT_PROFILE=p"},
     "[profile p]\nregion = sa-east-1\n[profile q]\nregion = us-west-1\n",
     NULL,
     "ecs",
     "https://ecs.sa-east-1.amazonaws.com/",
     NULL,
     "sa-east-1"},
    {"[profile default] is the default, too",
     {NULL},
     "[profile default]\nregion = sa-east-1\n",
     NULL,
     "ecs",
     "https://ecs.sa-east-1.amazonaws.com/",
     NULL,
     "sa-east-1"},
    {"no region",
     {"AWS_EC2_METADATA_DISABLED=true"},
     NULL,
     NULL,
     NULL,
     NULL,
     "no AWS region: set AWS_REGION or AWS_DEFAULT_REGION, or region in profile \"default\" of ",
     NULL},
    {"no region with keys", {"AWS_ACCESS_KEY_ID=x"}, NULL, NULL, NULL, NULL, "no AWS region", NULL},
    {"no region with keys in a file",
     {NULL},
     NULL,
     "[default]\naws_access_key_id = x\n",
     NULL,
     NULL,
     "no AWS region",
     NULL},
    {"no region with a role", {NULL}, "[default]\nrole_arn = x\n", NULL, NULL, NULL, "no AWS region", NULL},
    {"no region on an instance, maybe",
     {NULL},
     NULL,
     NULL,
     "ecs",
     "https://ecs.us-east-1.amazonaws.com/",
     NULL,
     NULL},
    {"no region with the role of an instance",
     {NULL},
     "[default]\nrole_arn = x\ncredential_source = Ec2InstanceMetadata\n",
     NULL,
     "ecs",
     "https://ecs.us-east-1.amazonaws.com/",
     NULL,
     NULL},
    {"another profile's region is none",
     {"AWS_PROFILE=p", "AWS_EC2_METADATA_DISABLED=true"},
     REGION,
     "[p]\n",
     NULL,
     NULL,
     "no AWS region",
     NULL},
    {"a region that is none",
     {"AWS_REGION=eu west"},
     NULL,
     NULL,
     NULL,
     NULL,
     "\"eu west\" is not the name of an AWS region",
     NULL},
    /* Profiles. */
    {"a profile that is nowhere",
     {"AWS_REGION=us-east-1", "AWS_PROFILE=prod"},
     REGION,
     "[dev]\n",
     NULL,
     NULL,
     "AWS_PROFILE names the profile \"prod\", which is neither in ",
     NULL},
    {"a profile of the config file needs the word",
     {"AWS_REGION=us-east-1", "AWS_PROFILE=prod"},
     "[prod]\n",
     NULL,
     NULL,
     NULL,
     "neither in",
     NULL},
    {"no profile default is fine",
     {"AWS_REGION=us-east-1"},
     "[profile x]\n",
     NULL,
     "ecs",
     "https://ecs.us-east-1.amazonaws.com/",
     NULL,
     NULL},
    {"a broken file",
     {"AWS_REGION=us-east-1"},
     "[default\n",
     NULL,
     NULL,
     NULL,
     ".aws/config: line 1: a section is written [name]",
     NULL},
    {"a broken credentials file",
     {"AWS_REGION=us-east-1"},
     NULL,
     "[default]\nhush",
     NULL,
     NULL,
     ".aws/credentials: line 2: this is neither",
     NULL},
    /* Endpoints. */
    {"an endpoint for all",
     {"AWS_REGION=us-east-1", "AWS_ENDPOINT_URL=http://h:1"},
     NULL,
     NULL,
     "sqs",
     "http://h:1/",
     NULL,
     NULL},
    {"an endpoint for one",
     {"AWS_REGION=us-east-1", "AWS_ENDPOINT_URL=http://h:1", "AWS_ENDPOINT_URL_SQS=http://q:2/x"},
     NULL,
     NULL,
     "sqs",
     "http://q:2/x",
     NULL,
     NULL},
    {"and the others",
     {"AWS_REGION=us-east-1", "AWS_ENDPOINT_URL=http://h:1", "AWS_ENDPOINT_URL_SQS=http://q:2/x"},
     NULL,
     NULL,
     "ecs",
     "http://h:1/",
     NULL,
     NULL},
    {"the services section", {NULL}, SERVICES, NULL, "ecs", "http://e:1/", NULL, NULL},
    {"the profile's for the rest", {NULL}, SERVICES, NULL, "sqs", "http://all:9/", NULL, NULL},
    {"the environment counts",
     {"AWS_ENDPOINT_URL=http://env:1"},
     SERVICES,
     NULL,
     "ecs",
     "http://env:1/",
     NULL,
     NULL},
    {"none of them",
     {"AWS_ENDPOINT_URL=http://env:1", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=TRUE"},
     SERVICES,
     NULL,
     "ecs",
     "https://ecs.eu-west-1.amazonaws.com/",
     NULL,
     NULL},
    {"true is the only true",
     {"AWS_ENDPOINT_URL=http://env:1", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=1"},
     SERVICES,
     NULL,
     "ecs",
     "http://env:1/",
     NULL,
     NULL},
    {"none of them, says the file",
     {NULL},
     SERVICES "[x]\n" /* a section that nobody reads */,
     "[default]\nignore_configured_endpoint_urls = true\n",
     "ecs",
     "https://ecs.eu-west-1.amazonaws.com/",
     NULL,
     NULL},
    {"a services section that is not there",
     {NULL},
     "[default]\nregion = eu-west-1\nservices = gone\n",
     NULL,
     NULL,
     NULL,
     "has services = gone, but ",
     NULL},
    {"an endpoint that is none",
     {"AWS_REGION=us-east-1", "AWS_ENDPOINT_URL_ECS=h:1"},
     NULL,
     NULL,
     NULL,
     NULL,
     "AWS_ENDPOINT_URL_ECS: an endpoint is https://",
     NULL},
    {"one in the file that is none",
     {NULL},
     REGION "endpoint_url = h\n",
     NULL,
     NULL,
     NULL,
     "endpoint_url in the profile: an endpoint is",
     NULL},
    {"FIPS",
     {"AWS_USE_FIPS_ENDPOINT=true"},
     REGION,
     NULL,
     "ecs",
     "https://ecs-fips.eu-west-1.amazonaws.com/",
     NULL,
     NULL},
    {"dual-stack in the file",
     {NULL},
     REGION "use_dualstack_endpoint = True\n",
     NULL,
     "ecs",
     "https://ecs.eu-west-1.api.aws/",
     NULL,
     NULL},
    {"the environment says no",
     {"AWS_USE_DUALSTACK_ENDPOINT=false"},
     REGION "use_dualstack_endpoint = true\n",
     NULL,
     "ecs",
     "https://ecs.eu-west-1.amazonaws.com/",
     NULL,
     NULL},
    {"FIPS and an endpoint",
     {"AWS_USE_FIPS_ENDPOINT=true", "AWS_ENDPOINT_URL=http://h"},
     REGION,
     NULL,
     NULL,
     NULL,
     "AWS_ENDPOINT_URL is set together with AWS_USE_FIPS_ENDPOINT (use_fips_endpoint)",
     NULL},
    {"dual-stack and an endpoint of the file",
     {NULL},
     REGION "use_dualstack_endpoint = true\nendpoint_url = http://h\n",
     NULL,
     NULL,
     NULL,
     "endpoint_url in the profile is set together with AWS_USE_DUALSTACK_ENDPOINT",
     NULL},
};

static void check_config(void **state)
{
    const struct config_case *c = *state;
    struct aws_config *config = NULL;
    struct place place;
    struct err err = {0};

    place_begin(&place);
    place.env = c->env;
    if (c->config != NULL)
        write_file(place.config, c->config);
    if (c->credentials != NULL)
        write_file(place.credentials, c->credentials);
    if (aws_config_new(place_getenv, &place, &config, &err)) {
        struct aws_endpoint endpoint;
        const char *region = aws_config_region(config);

        if (c->url == NULL)
            fail_msg("it was taken");
        if (region == NULL) /* as the instance says */
            assert_true(aws_config_set_region(config, region = "us-east-1", &err));
        aws_config_endpoint(config, c->service, region, &endpoint);
        assert_string_equal(endpoint.url, c->url);
        aws_endpoint_done(&endpoint);
        if (c->region != NULL)
            assert_string_equal(aws_config_region(config), c->region);
        assert_null(aws_config_ca_bundle(config));
    } else {
        if (c->error == NULL || strstr(err.text, c->error) == NULL)
            fail_msg("%s", err.text);
        assert_int_equal(err.kind, ERR_INVALID);
        assert_null(strstr(err.text, "hush"));
        assert_null(config);
    }
    aws_config_free(config);
    place_end(&place);
}

static void another_region_has_its_own_endpoint(void **state)
{
    static const char *const env[] = {"AWS_REGION=eu-west-1", "AWS_ENDPOINT_URL=http://127.0.0.1:4566", NULL};
    static const struct {
        const char *region, *url;
    } cases[] = {
        {"eu-west-1", "http://127.0.0.1:4566/"}, /* ours is as configured */
        {"us-east-2", "https://sqs.us-east-2.amazonaws.com/"},
        {"cn-north-1", "https://sqs.cn-north-1.amazonaws.com.cn/"},
    };
    struct aws_config *config;
    struct place place;
    struct err err;

    (void)state;
    place_begin(&place);
    place.env = env;
    assert_true(aws_config_new(place_getenv, &place, &config, &err));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct aws_endpoint endpoint = {0};

        aws_config_endpoint(config, "sqs", cases[i].region, &endpoint);
        assert_string_equal(endpoint.url, cases[i].url);
        aws_endpoint_done(&endpoint);
    }
    aws_config_free(config);
    place_end(&place);
}

/* What it says then may be no address at all: the one of the start goes on. */
static void an_endpoint_outlives_its_file(void **state)
{
    static const char *const later[] = {REGION "endpoint_url = foo\n", REGION "services = missing\n",
                                        REGION "endpoint_url = http://b:2\nuse_fips_endpoint = true\n",
                                        REGION};
    struct aws_config *config;
    struct place place;
    struct err err;
    bool changed;

    (void)state;
    place_begin(&place);
    write_file(place.config, REGION "endpoint_url = http://a:1\n");
    assert_true(aws_config_new(place_getenv, &place, &config, &err));
    for (size_t i = 0; i < ARRAY_LEN(later); i++) {
        struct aws_endpoint endpoint = {0};

        write_file(place.config, later[i]);
        assert_true(aws_profiles_load(aws_config_profiles(config), &changed, &err) && changed);
        aws_config_endpoint(config, "sts", "eu-west-1", &endpoint);
        assert_string_equal(endpoint.url, "http://a:1/");
        aws_endpoint_done(&endpoint);
    }
    aws_config_free(config);
    place_end(&place);
}

static void a_ca_bundle(void **state)
{
    struct aws_config *config = NULL;
    struct place place;
    struct err err;

    (void)state;
    place_begin(&place);
    write_file(place.credentials, "[default]\n");
    AUTO_FREE char *text = mem_printf("[default]\nregion = x\nca_bundle = %s\n", place.config);
    AUTO_FREE char *bundle = mem_printf("AWS_CA_BUNDLE=%s", place.credentials);
    const char *const env[] = {"AWS_REGION=us-east-1", bundle, "AWS_EMPTY=", NULL};
    const char *const gone[] = {"AWS_CA_BUNDLE=/no/such/ca.pem", NULL};

    write_file(place.config, text);
    place.env = env;
    assert_true(aws_config_new(place_getenv, &place, &config, &err));
    assert_string_equal(aws_config_ca_bundle(config), place.credentials);
    assert_null(aws_config_getenv(config, "AWS_EMPTY"));
    assert_string_equal(aws_profiles_name(aws_config_profiles(config)), "default");
    aws_config_free(config);
    place.env = NULL;
    assert_true(aws_config_new(place_getenv, &place, &config, &err));
    assert_string_equal(aws_config_ca_bundle(config), place.config);
    aws_config_free(config);
    place.env = gone;
    assert_false(aws_config_new(place_getenv, &place, &config, &err));
    assert_non_null(
        strstr(err.text, "AWS_CA_BUNDLE: the CA bundle /no/such/ca.pem cannot be read: No such file"));
    place_end(&place);
}

/* --- profiles --- */

static bool load(struct aws_profiles *profiles, bool *changed)
{
    struct err err;

    *changed = false;
    if (aws_profiles_load(profiles, changed, &err))
        return true;
    assert_int_equal(err.kind, ERR_INVALID);
    return false;
}

static void a_file_that_changed_is_read_again(void **state)
{
    struct aws_profiles *profiles;
    struct place place;
    bool changed;

    (void)state;
    place_begin(&place);
    profiles = aws_profiles_new(place_getenv, &place);
    assert_null(aws_profiles_get(profiles, NULL, "k")); /* nothing is read yet */
    assert_true(load(profiles, &changed) && changed);
    assert_true(load(profiles, &changed) && !changed);
    write_file(place.credentials, "[default]\nk = 1\n");
    assert_true(load(profiles, &changed) && changed);
    assert_string_equal(aws_profiles_get(profiles, NULL, "k"), "1");
    assert_true(load(profiles, &changed) && !changed);
    write_file(place.credentials, "[default]\nk = 2\n"); /* as long as before, in the same second */
    assert_true(load(profiles, &changed) && changed);
    assert_string_equal(aws_profiles_get_credentials(profiles, NULL, "k"), "2");
    write_file(place.credentials, "[default]\nk\n");
    assert_false(load(profiles, &changed));
    assert_string_equal(aws_profiles_get(profiles, NULL, "k"), "2"); /* as it was */
    assert_false(load(profiles, &changed));                          /* and is looked at again */
    write_file(place.config, "[default]\nk = 3\nl = 4\n");
    write_file(place.credentials, "[default]\nk = 5\n");
    assert_true(load(profiles, &changed) && changed);
    assert_string_equal(aws_profiles_get(profiles, NULL, "k"), "5");
    assert_string_equal(aws_profiles_get_config(profiles, NULL, "k"), "3");
    assert_string_equal(aws_profiles_get(profiles, NULL, "l"), "4");
    assert_int_equal(unlink(place.credentials), 0);
    assert_true(load(profiles, &changed) && changed);
    assert_false(aws_profiles_credentials_has(profiles, NULL));
    assert_true(aws_profiles_config_has(profiles, NULL));
    assert_string_equal(aws_profiles_get(profiles, NULL, "k"), "3");
    write_file(place.config, "[defau\n"); /* one broken file leaves both as they were */
    write_file(place.credentials, "[default]\nk = 6\n");
    assert_false(load(profiles, &changed));
    assert_string_equal(aws_profiles_get(profiles, NULL, "k"), "3");
    aws_profiles_free(profiles);
    aws_profiles_free(NULL);
    place_end(&place);
}

struct path_case {
    const char *name, *value, *path;
};

static struct path_case path_cases[] = {
    {"a path", "/x/y", "/x/y"},
    {"a home", "~/c", "/h/c"},
    {"only a home", "~", "/h"},
    {"somebody else's home is not known", "~root/c", "~root/c"},
    {"a home in the middle", "/x/~/c", "/x/~/c"},
    {"a variable", "$DIR/c", "/d/c"},
    {"with braces", "/a${DIR}b", "/a/db"},
    {"at the end", "/x$DIR", "/x/d"},
    {"one that is not set stays", "/x/$NONE/c", "/x/$NONE/c"},
    {"so does one in braces", "${NONE}/c", "${NONE}/c"},
    {"braces that do not end", "/${DIR", "/${DIR"},
    {"a lone dollar", "/x$/$", "/x$/$"},
};

static void check_path(void **state)
{
    const struct path_case *c = *state;
    AUTO_FREE char *config = mem_printf("AWS_CONFIG_FILE=%s", c->value);
    AUTO_FREE char *credentials = mem_printf("AWS_SHARED_CREDENTIALS_FILE=%s", c->value);
    const char *const env[] = {config, credentials, "HOME=/h", "DIR=/d", NULL};
    struct place place = {.env = env};
    struct aws_profiles *profiles = aws_profiles_new(place_getenv, &place);

    assert_string_equal(aws_profiles_config_path(profiles), c->path);
    assert_string_equal(aws_profiles_credentials_path(profiles), c->path);
    aws_profiles_free(profiles);
}

static void the_files_are_at_home(void **state)
{
    static const char *const env[] = {"HOME=", NULL}; /* the user's, by the system */
    struct place place = {.env = env};
    struct aws_profiles *profiles = aws_profiles_new(place_getenv, &place);
    const char *path = aws_profiles_credentials_path(profiles);

    (void)state;
    assert_int_equal(path[0], '/');
    assert_string_equal(path + strlen(path) - strlen("/.aws/credentials"), "/.aws/credentials");
    aws_profiles_free(profiles);
}

static void what_is_no_file_is_said(void **state)
{
    AUTO_FREE char *variable = NULL;
    const char *env[2] = {NULL};
    struct aws_profiles *profiles;
    struct place place;
    struct err err;
    bool changed;

    (void)state;
    place_begin(&place);
    variable = mem_printf("AWS_CONFIG_FILE=%s", place.home);
    env[0] = variable;
    place.env = env;
    profiles = aws_profiles_new(place_getenv, &place);
    assert_false(aws_profiles_load(profiles, &changed, &err));
    assert_non_null(strstr(err.text, "is a folder"));
    aws_profiles_free(profiles);
    /* A path through a file is a file that is not there. */
    write_file(place.config, "");
    free(variable);
    variable = mem_printf("AWS_CONFIG_FILE=%s/x", place.config);
    env[0] = variable;
    profiles = aws_profiles_new(place_getenv, &place);
    assert_true(aws_profiles_load(profiles, &changed, &err));
    aws_profiles_free(profiles);
    /* A link to itself is one that cannot be read. */
    unlink(place.config);
    assert_int_equal(symlink(place.config, place.config), 0);
    place.env = NULL;
    profiles = aws_profiles_new(place_getenv, &place);
    assert_false(aws_profiles_load(profiles, &changed, &err));
    assert_non_null(strstr(err.text, "cannot be read"));
    aws_profiles_free(profiles);
    place_end(&place);
}

static void a_pipe_in_a_file_s_place_does_not_stop_us(void **state)
{
    struct aws_profiles *profiles;
    struct place place;
    struct err err;
    bool changed;

    (void)state;
    place_begin(&place);
    assert_int_equal(mkfifo(place.credentials, 0600), 0);
    profiles = aws_profiles_new(place_getenv, &place);
    assert_true(aws_profiles_load(profiles, &changed, &err)); /* empty, as nobody writes */
    assert_false(aws_profiles_credentials_has(profiles, NULL));
    aws_profiles_free(profiles);
    place_end(&place);
}

static void a_file_that_is_too_long(void **state)
{
    enum { SIZE = 2 * AWS_INI_MAX };
    struct aws_profiles *profiles;
    char *text = mem_alloc(SIZE + 1);
    struct place place;
    struct err err;
    bool changed;

    (void)state;
    memset(text, '#', SIZE);
    place_begin(&place);
    write_file(place.config, text);
    profiles = aws_profiles_new(place_getenv, &place);
    assert_false(aws_profiles_load(profiles, &changed, &err));
    assert_non_null(strstr(err.text, ".aws/config: it is longer than"));
    aws_profiles_free(profiles);
    place_end(&place);
    free(text);
}

int main(void)
{
    static const struct CMUnitTest fixed[] = {
        cmocka_unit_test(another_region_has_its_own_endpoint),
        cmocka_unit_test(an_endpoint_outlives_its_file),
        cmocka_unit_test(a_ca_bundle),
        cmocka_unit_test(a_file_that_changed_is_read_again),
        cmocka_unit_test(the_files_are_at_home),
        cmocka_unit_test(what_is_no_file_is_said),
        cmocka_unit_test(a_pipe_in_a_file_s_place_does_not_stop_us),
        cmocka_unit_test(a_file_that_is_too_long),
    };
    struct CMUnitTest tests[ARRAY_LEN(fixed) + ARRAY_LEN(config_cases) + ARRAY_LEN(path_cases)];
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
        tests[n++] = fixed[i];
    for (size_t i = 0; i < ARRAY_LEN(config_cases); i++)
        tests[n++] = (struct CMUnitTest){config_cases[i].name, check_config, NULL, NULL, &config_cases[i]};
    for (size_t i = 0; i < ARRAY_LEN(path_cases); i++)
        tests[n++] = (struct CMUnitTest){path_cases[i].name, check_path, NULL, NULL, &path_cases[i]};
    return cmocka_run_group_tests_name("AWS settings", tests, NULL, NULL);
}
