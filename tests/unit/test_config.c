/* config: what the table says is what is checked, read, and printed. */
#include "config.h"

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

struct settings {
    char *url, *name, *token;
    int64_t workers;
    bool insecure;
    int format;
    char **listen;
};

static bool no_spaces(const char *value, struct err *err)
{
    return strchr(value, ' ') == NULL || err_set(err, ERR_INVALID, "must have no space in it");
}

static const struct setting table[] = {
    {"ECSS_URL", SETTING_URL, offsetof(struct settings, url), .def = "", .help = "where the data is"},
    {"ECSS_NAME", SETTING_STRING, offsetof(struct settings, name), .def = "me", .check = no_spaces,
     .help = "who we are"},
    {"ECSS_TOKEN", SETTING_SECRET, offsetof(struct settings, token), .help = "the token"},
    {"ECSS_WORKERS", SETTING_INT, offsetof(struct settings, workers), .def = "2", .min = 1, .max = 64,
     .help = "threads"},
    {"ECSS_INSECURE", SETTING_BOOL, offsetof(struct settings, insecure), .def = "no",
     .help = "no questions asked"},
    {"ECSS_FORMAT", SETTING_ENUM, offsetof(struct settings, format), .def = "text",
     .names = (const char *const[]){"text", "json", NULL}, .help = "form of lines"},
    {"ECSS_LISTEN", SETTING_LIST, offsetof(struct settings, listen), .def = "127.0.0.1:8080", .min = 1,
     .max = 3, .check = no_spaces, .help = "addresses"},
};
static const struct config config = {table, ARRAY_LEN(table)};

/* A row: an environment of one or two variables, and either what --check-config says of the first, or the
 * mistake. */
struct config_case {
    const char *name;
    const char *variable, *value, *other, *other_value;
    const char *expected; /* NAME=value, or what is wrong */
};

static const char *case_getenv(const char *name, void *arg)
{
    const struct config_case *c = arg;

    if (c->variable != NULL && strcmp(name, c->variable) == 0)
        return c->value;
    return c->other != NULL && strcmp(name, c->other) == 0 ? c->other_value : NULL;
}

static char *printed(const struct settings *settings)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    config_print(&config, settings, out);
    fclose(out);
    return text;
}

static void check_case(void **state)
{
    struct config_case *c = *state;
    AUTO_BUF struct buf mistakes = {0};
    AUTO_FREE char *text = NULL, *line = NULL;
    struct settings settings = {0};
    bool good;

    buf_init(&mistakes, 10000);
    good = config_read(&config, case_getenv, c, &settings, &mistakes);
    line = mem_printf("%s\n", c->expected);
    if (good) {
        text = printed(&settings);
        if (strstr(text, line) == NULL)
            fail_msg("no line \"%s\" in:\n%s", c->expected, text);
    } else {
        assert_string_equal(mistakes.data, line);
    }
    config_done(&config, &settings);
}

#define INT_RANGE "ECSS_WORKERS must be a number between 1 and 64"
#define BOOL_WORDS "ECSS_INSECURE must be one of 1, true, yes, on, 0, false, no, off"

static struct config_case cases[] = {
    {"a number", "ECSS_WORKERS", "64", NULL, NULL, "ECSS_WORKERS=64"},
    {"a number that is not given has its default", "X", "1", NULL, NULL, "ECSS_WORKERS=2"},
    {"an empty variable is one that is not set", "ECSS_WORKERS", "", NULL, NULL, "ECSS_WORKERS=2"},
    {"a number too small", "ECSS_WORKERS", "0", NULL, NULL, INT_RANGE},
    {"a number too large", "ECSS_WORKERS", "65", NULL, NULL, INT_RANGE},
    {"a number beyond 64 bits", "ECSS_WORKERS", "99999999999999999999", NULL, NULL, INT_RANGE},
    {"a number with more behind it", "ECSS_WORKERS", "2x", NULL, NULL, INT_RANGE},
    {"a number with a space", "ECSS_WORKERS", " 2", NULL, NULL, INT_RANGE},
    {"a word for yes", "ECSS_INSECURE", "On", NULL, NULL, "ECSS_INSECURE=yes"},
    {"a word for no", "ECSS_INSECURE", "FALSE", NULL, NULL, "ECSS_INSECURE=no"},
    {"a word for neither", "ECSS_INSECURE", "maybe", NULL, NULL, BOOL_WORDS},
    {"one of the names", "ECSS_FORMAT", "JSON", NULL, NULL, "ECSS_FORMAT=json"},
    {"none of the names", "ECSS_FORMAT", "xml", NULL, NULL, "ECSS_FORMAT must be one of text, json"},
    {"a list is trimmed", "ECSS_LISTEN", " a:1 , b:2", NULL, NULL, "ECSS_LISTEN=a:1,b:2"},
    {"a list with a hole", "ECSS_LISTEN", "a:1,,b:2", NULL, NULL,
     "ECSS_LISTEN has an empty item; items are separated by one comma"},
    {"a list with too much", "ECSS_LISTEN", "a,b,c,d", NULL, NULL, "ECSS_LISTEN must have 1 to 3 items"},
    {"an item that is wrong", "ECSS_LISTEN", "a,b c", NULL, NULL,
     "ECSS_LISTEN \"b c\": must have no space in it"},
    {"a rule of its own", "ECSS_NAME", "a b", NULL, NULL, "ECSS_NAME must have no space in it"},
    {"another variable inside", "ECSS_NAME", "x{HOST}y", "HOST", "db", "ECSS_NAME=xdby"},
    {"what was put in is not looked at again", "ECSS_NAME", "{HOST}", "HOST", "{ECSS_NAME}",
     "ECSS_NAME={ECSS_NAME}"},
    {"double braces", "ECSS_NAME", "{{x}}", NULL, NULL, "ECSS_NAME={x}"},
    {"another variable that is not set", "ECSS_NAME", "{HOST}", NULL, NULL,
     "ECSS_NAME refers to {HOST}, but the environment variable HOST is not set"},
    {"another variable that is empty", "ECSS_NAME", "a{HOST}", "HOST", "", "ECSS_NAME=a"},
    {"a brace that stays open", "ECSS_NAME", "{HOST", "HOST", "db",
     "ECSS_NAME a { is not followed by the name of an environment variable and a }; write {{ for a brace"},
    {"a brace that only closes", "ECSS_NAME", "a}", NULL, NULL,
     "ECSS_NAME a } has no { before it; write }} for a brace"},
    {"a number from another variable", "ECSS_WORKERS", "{N}", "N", "7", "ECSS_WORKERS=7"},
    {"a secret is not shown", "ECSS_TOKEN", "hush", NULL, NULL, "ECSS_TOKEN=***"},
    {"a secret that is not there", "X", "1", NULL, NULL, "ECSS_TOKEN="},
    {"a URL without a password", "ECSS_URL", "postgresql://u@h/d", NULL, NULL, "ECSS_URL=postgresql://u@h/d"},
    {"a URL with a password", "ECSS_URL", "postgresql://u:p@h:1/d", NULL, NULL,
     "ECSS_URL=postgresql://u:***@h:1/d"},
    {"a URL with a password from elsewhere", "ECSS_URL", "postgresql://u:{P}@h/d", "P", "hush",
     "ECSS_URL=postgresql://u:***@h/d"},
    {"a URL with an @ in the password", "ECSS_URL", "postgresql://u:p@q@h/d", NULL, NULL,
     "ECSS_URL=postgresql://u:***@h/d"},
    {"a URL with two hosts", "ECSS_URL", "postgresql://u:p@h:1,i:2/d", NULL, NULL,
     "ECSS_URL=postgresql://u:***@h:1,i:2/d"},
    {"a URL with a slash in the password", "ECSS_URL", "postgresql://u:p/q@h/d", NULL, NULL,
     "ECSS_URL=postgresql://u:***@h/d"},
    {"a URL with a misspelt password", "ECSS_URL", "postgresql://h/d?Passwort=p&sslmode=require", NULL, NULL,
     "ECSS_URL=postgresql://h/d?Passwort=***&sslmode=require"},
    {"a URL with an encoded name", "ECSS_URL", "postgresql://h/d?pass%77ord=p&port=1&hos=q", NULL, NULL,
     "ECSS_URL=postgresql://h/d?pass%77ord=***&port=1&hos=***"},
    {"a conninfo with a misspelt password", "ECSS_URL", "host=h passwd = p dbname=d", NULL, NULL,
     "ECSS_URL=host=h passwd = *** dbname=d"},
    {"a URL with a password as parameter", "ECSS_URL", "postgresql:///d?user=u&password=p&host=/x", NULL,
     NULL, "ECSS_URL=postgresql:///d?user=u&password=***&host=/x"},
    {"a URL with a key's password", "ECSS_URL", "postgresql://h/?sslpassword=p", NULL, NULL,
     "ECSS_URL=postgresql://h/?sslpassword=***"},
    {"a conninfo with a password", "ECSS_URL", "host=h password=p dbname=d", NULL, NULL,
     "ECSS_URL=host=h password=*** dbname=d"},
    {"a conninfo with a quoted password", "ECSS_URL", "password = 'p \\' q' host=h", NULL, NULL,
     "ECSS_URL=password = *** host=h"},
    {"a conninfo with an escaped password", "ECSS_URL", "password=p\\ q host=h", NULL, NULL,
     "ECSS_URL=password=*** host=h"},
};

static const char *all_wrong(const char *name, void *arg)
{
    (void)arg;
    if (strcmp(name, "ECSS_NAME") == 0)
        return "a b";
    return strcmp(name, "ECSS_WORKERS") == 0 || strcmp(name, "ECSS_FORMAT") == 0 ? "x" : NULL;
}

static void all_mistakes_are_listed(void **state)
{
    AUTO_BUF struct buf mistakes = {0};
    struct settings settings = {0};

    (void)state;
    buf_init(&mistakes, 10000);
    assert_false(config_read(&config, all_wrong, NULL, &settings, &mistakes));
    assert_string_equal(mistakes.data, "ECSS_NAME must have no space in it\n"
                                       "ECSS_WORKERS must be a number between 1 and 64\n"
                                       "ECSS_FORMAT must be one of text, json\n");
    config_done(&config, &settings);
}

static void what_is_required_is_asked_for(void **state)
{
    static const struct setting required[] = {
        {"ECSS_CLUSTER", SETTING_STRING, 0, .required = true, .help = "the cluster's name"}};
    const struct config one = {required, 1};
    AUTO_BUF struct buf mistakes = {0};
    struct config_case nothing = {0};
    char *cluster = NULL;

    (void)state;
    buf_init(&mistakes, 1000);
    assert_false(config_read(&one, case_getenv, &nothing, &cluster, &mistakes));
    assert_string_equal(mistakes.data, "ECSS_CLUSTER is required: the cluster's name\n");
    assert_null(cluster);
}

static const char *long_value(const char *name, void *arg)
{
    return strcmp(name, "ECSS_NAME") == 0 ? "{LONG}{LONG}" : strcmp(name, "LONG") == 0 ? arg : NULL;
}

static void a_value_has_a_maximum(void **state)
{
    AUTO_BUF struct buf mistakes = {0};
    struct settings settings = {0};
    char text[CONFIG_VALUE_MAX / 2 + 2];

    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    buf_init(&mistakes, 1000);
    assert_false(config_read(&config, long_value, text, &settings, &mistakes));
    assert_string_equal(mistakes.data, "ECSS_NAME is longer than 8192 bytes\n");
    config_done(&config, &settings);
}

/* Every setting is in the help, with its default and what it may be; the default is one that the check takes.
 */
static void help_says_what_is_checked(void **state)
{
    struct settings settings = {0};
    struct config_case nothing = {0};
    AUTO_BUF struct buf mistakes = {0};
    AUTO_FREE char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    (void)state;
    config_print_help(&config, out);
    fclose(out);
    for (size_t i = 0; i < config.count; i++) {
        assert_non_null(strstr(text, table[i].name));
        assert_non_null(strstr(text, table[i].help));
    }
    assert_non_null(strstr(text, "threads; 1 to 64 (default: 2)"));
    assert_non_null(strstr(text, "form of lines; text or json (default: text)"));
    buf_init(&mistakes, 1000);
    assert_true(config_read(&config, case_getenv, &nothing, &settings, &mistakes));
    assert_int_equal(settings.workers, 2);
    assert_string_equal(settings.listen[0], "127.0.0.1:8080");
    assert_null(settings.listen[1]);
    assert_null(settings.token);
    assert_string_equal(settings.url, "");
    config_done(&config, &settings);
    assert_null(settings.listen);
}

static void a_misspelt_name_is_noticed(void **state)
{
    static const char *const others[] = {"ECSS_CLUSTER", NULL};
    char a[] = "ECSS_WORKER=2", b[] = "ECSS_CLUSTER=c", c[] = "ECSS_NAME=n", d[] = "PATH=/bin";
    char *env[] = {a, b, c, d, NULL};
    AUTO_BUF struct buf unknown = {0};

    (void)state;
    buf_init(&unknown, 1000);
    config_unknown(&config, others, env, &unknown);
    assert_string_equal(unknown.data, "ECSS_WORKER\n");
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(cases) + 5] = {
        cmocka_unit_test(all_mistakes_are_listed),    cmocka_unit_test(what_is_required_is_asked_for),
        cmocka_unit_test(a_value_has_a_maximum),      cmocka_unit_test(help_says_what_is_checked),
        cmocka_unit_test(a_misspelt_name_is_noticed),
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        tests[i + 5] = (struct CMUnitTest){cases[i].name, check_case, NULL, NULL, &cases[i]};
    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
