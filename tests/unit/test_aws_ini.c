/* aws_ini: the shared files' syntax as Python's RawConfigParser has it. */
#include "aws_ini.h"

#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"

struct ini_case {
    const char *name, *text;
    const char *section, *key;
    const char *value; /* NULL: there is none */
    const char *error; /* else how it begins */
};

static struct ini_case ini_cases[] = {
    {"a value", "[a]\nk = v\n", "a", "k", "v", NULL},
    {"a colon", "[a]\nk: v\n", "a", "k", "v", NULL},
    {"no blanks, no last line break", "[a]\nk=v", "a", "k", "v", NULL},
    {"many blanks", "[a]\nk \t =  \t v w \t\n", "a", "k", "v w", NULL},
    {"the first = counts", "[a]\nk = x=y\n", "a", "k", "x=y", NULL},
    {"a URL after =", "[a]\nk = http://h:1/\n", "a", "k", "http://h:1/", NULL},
    {"keys in any case", "[a]\nAws_Key = v\n", "a", "aWS_kEY", "v", NULL},
    {"sections are in their case", "[a]\nk=1\n[A]\nk=2\n", "A", "k", "2", NULL},
    {"lines that end as on Windows", "[a]\r\nk = v\r\n[b]\r\nk = w\r\n", "b", "k", "w", NULL},
    {"comments", "# x\n[a]\n; y = 1\n  # z\nk = v\n", "a", "k", "v", NULL},
    {"no comment within a line", "[a]\nk = v # w ; x\n", "a", "k", "v # w ; x", NULL},
    {"a value goes on", "[a]\nk = v\n  w\n\tx\nl = 1\n", "a", "k", "v\nw\nx", NULL},
    {"a value goes on after a comment", "[a]\nk = v\n# c\n  w\n", "a", "k", "v\nw", NULL},
    {"a value goes on after an empty line", "[a]\nk = v\n\n  w\n\n", "a", "k", "v\n\nw", NULL},
    {"keys that are indented", "[a]\n  k = v\n  l = w\n", "a", "l", "w", NULL},
    {"the first key after a section is a key", "[a]\n    k = v\n", "a", "k", "v", NULL},
    {"less indent is a new key", "[a]\n   k = v\n  l = w\n", "a", "l", "w", NULL},
    {"what looks like a section goes on", "[a]\nk = v\n  [b]\n", "a", "k", "v\n[b]", NULL},
    {"an empty value is none", "[a]\nk =\nl = v\n", "a", "k", NULL, NULL},
    {"a key that is not there", "[a]\nk = v\n", "a", "l", NULL, NULL},
    {"text after a section is dropped", "[a] # main\nk = v\n", "a", "k", "v", NULL},
    {"a section with a bracket", "[a]b]\nk = v\n", "a]b", "k", "v", NULL},
    {"blanks in a section's name stay", "[ a ]\nk = v\n", " a ", "k", "v", NULL},
    {"an interpolation is none", "[a]\nk = %(l)s\n", "a", "k", "%(l)s", NULL},
    {"a key with blanks", "[a]\nmy key = v\n", "a", "my key", "v", NULL},
    {"nothing", "", NULL, NULL, NULL, NULL},
    {"only comments and empty lines", "\n# a\n\n;b", NULL, NULL, NULL, NULL},
    {"a section that does not end", "[a]\nk=v\n[hush\n", NULL, NULL, NULL, "line 3: a section is written"},
    {"a section without a name", "[]\n", NULL, NULL, NULL, "line 1: a section is written"},
    {"a key before any section", "hush = 1\n[a]\n", NULL, NULL, NULL, "line 1: there is a key before"},
    {"a line that is neither", "[a]\nhush\n", NULL, NULL, NULL, "line 2: this is neither"},
    {"a value without a key", "[a]\n= hush\n", NULL, NULL, NULL, "line 2: this is neither"},
    {"a section twice", "[a]\n[b]\n[a]\n", NULL, NULL, NULL, "line 3: this section is in the file twice"},
    {"a key twice", "[a]\nhush=1\nHUSH=2\n", NULL, NULL, NULL, "line 3: this key is in its section twice"},
};

static void check_ini(void **state)
{
    const struct ini_case *c = *state;
    struct aws_ini *ini = NULL;
    struct err err = {0};

    if (!aws_ini_parse(c->text, strlen(c->text), &ini, &err)) {
        assert_non_null(c->error);
        assert_null(ini);
        assert_int_equal(err.kind, ERR_INVALID);
        if (strncmp(err.text, c->error, strlen(c->error)) != 0)
            fail_msg("%s", err.text);
        assert_null(strcasestr(err.text, "hush"));
        return;
    }
    assert_null(c->error);
    if (c->section != NULL) {
        const struct aws_ini_section *section = aws_ini_section(ini, c->section);
        const char *value;

        assert_non_null(section);
        value = aws_ini_get(section, c->key);
        if (c->value == NULL)
            assert_null(value);
        else
            assert_string_equal(value, c->value);
    }
    aws_ini_free(ini);
}

static struct aws_ini *parsed(const char *text)
{
    struct aws_ini *ini = NULL;
    struct err err;

    if (!aws_ini_parse(text, strlen(text), &ini, &err))
        fail_msg("%s", err.text);
    return ini;
}

struct named_case {
    const char *name, *header;
    bool fits; /* [profile "my one"] is meant */
};

static struct named_case named_cases[] = {
    {"double quotes", "profile \"my one\"", true},
    {"single quotes", "profile 'my one'", true},
    {"quotes in the middle", "profile my' 'one", true},
    {"many blanks", "profile \t  \"my one\" ", true},
    {"two words without quotes", "profile my one", false},
    {"another name", "profile 'my two'", false},
    {"a part of the name", "profile my", false},
    {"another kind", "services 'my one'", false},
    {"a kind that only begins so", "profiles 'my one'", false},
    {"no blank between", "profile'my one'", false},
    {"a quote that does not end", "profile \"my one", false},
    {"a third word", "profile 'my one' x", false},
    {"no name", "profile", false},
};

static void check_named(void **state)
{
    const struct named_case *c = *state;
    AUTO_FREE char *text = mem_printf("[%s]\nk = v\n", c->header);
    struct aws_ini *ini = parsed(text);
    const struct aws_ini_section *section = aws_ini_section_of(ini, "profile", "my one");

    assert_int_equal(section != NULL, c->fits);
    if (section != NULL)
        assert_string_equal(aws_ini_get(section, "k"), "v");
    aws_ini_free(ini);
}

static void an_unquoted_name_is_found(void **state)
{
    struct aws_ini *ini = parsed("[profile dev]\nk = 1\n[profile prod]\nk = 2\n");

    (void)state;
    assert_string_equal(aws_ini_get(aws_ini_section_of(ini, "profile", "prod"), "k"), "2");
    assert_null(aws_ini_section_of(ini, "profile", "test"));
    assert_null(aws_ini_section(ini, "prod"));
    aws_ini_free(ini);
}

static void a_block_has_keys_of_its_own(void **state)
{
    struct aws_ini *ini = parsed("[services local]\n"
                                 "ecs =\n"
                                 "  endpoint_url = http://h:1\n"
                                 "  Other = 2\n"
                                 "sqs = \n"
                                 "  nonsense\n"
                                 "  endpoint_url =\n"
                                 "sts = endpoint_url = x\n");
    const struct aws_ini_section *section = aws_ini_section_of(ini, "services", "local");
    AUTO_FREE char *url = aws_ini_get_nested(section, "ecs", "ENDPOINT_URL");
    AUTO_FREE char *other = aws_ini_get_nested(section, "ecs", "other");

    (void)state;
    assert_string_equal(url, "http://h:1");
    assert_string_equal(other, "2");
    assert_null(aws_ini_get_nested(section, "ecs", "third"));
    assert_null(aws_ini_get_nested(section, "sqs", "endpoint_url")); /* empty */
    assert_null(aws_ini_get_nested(section, "sts", "endpoint_url")); /* a value, no block */
    assert_null(aws_ini_get_nested(section, "s3", "endpoint_url"));
    aws_ini_free(ini);
}

static void sizes_and_bytes_have_limits(void **state)
{
    char *text = mem_alloc(AWS_INI_MAX + 1);
    struct aws_ini *ini = NULL;
    struct err err;

    (void)state;
    memset(text, '\n', AWS_INI_MAX + 1);
    assert_true(aws_ini_parse(text, AWS_INI_MAX, &ini, &err));
    aws_ini_free(ini);
    ini = NULL;
    assert_false(aws_ini_parse(text, AWS_INI_MAX + 1, &ini, &err));
    assert_string_equal(err.text, "it is longer than 1048576 bytes");
    assert_false(aws_ini_parse("[a]\nk=\0v\n", 9, &ini, &err));
    assert_string_equal(err.text, "there is a NUL byte in it");
    assert_null(ini);
    aws_ini_free(NULL);
    free(text);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(ini_cases) + ARRAY_LEN(named_cases) + 3] = {
        cmocka_unit_test(an_unquoted_name_is_found),
        cmocka_unit_test(a_block_has_keys_of_its_own),
        cmocka_unit_test(sizes_and_bytes_have_limits),
    };
    size_t n = 3;

    for (size_t i = 0; i < ARRAY_LEN(ini_cases); i++)
        tests[n++] = (struct CMUnitTest){ini_cases[i].name, check_ini, NULL, NULL, &ini_cases[i]};
    for (size_t i = 0; i < ARRAY_LEN(named_cases); i++)
        tests[n++] = (struct CMUnitTest){named_cases[i].name, check_named, NULL, NULL, &named_cases[i]};
    return cmocka_run_group_tests_name("AWS files", tests, NULL, NULL);
}
