/* What people see of the settings: --help and --check-config. See config.h. */
#include "config.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

enum { HELP_INDENT = 6, HELP_WIDTH = 80 };

static const void *field(const struct setting *setting, const void *settings)
{
    return (const char *)settings + setting->offset;
}

/* Prints text in lines of at most HELP_WIDTH, each indented. */
static void print_wrapped(const char *text, FILE *out)
{
    int column = 0;

    while (*text != '\0') {
        int len = (int)strcspn(text, " ");

        if (column == 0 || column + 1 + len > HELP_WIDTH) {
            fprintf(out, "%s%*s", column == 0 ? "" : "\n", HELP_INDENT, "");
            column = HELP_INDENT;
        } else {
            fputc(' ', out);
            column++;
        }
        fprintf(out, "%.*s", len, text);
        column += len;
        text += len;
        text += strspn(text, " ");
    }
    fputc('\n', out);
}

static void put_choice(const struct setting *setting, struct buf *buf)
{
    switch (setting->type) {
    case SETTING_INT:
        buf_printf(buf, "; %" PRId64 " to %" PRId64, setting->min, setting->max);
        break;
    case SETTING_BOOL:
        buf_puts(buf, "; yes or no");
        break;
    case SETTING_ENUM:
        buf_puts(buf, "; ");
        for (size_t i = 0; setting->names[i] != NULL; i++)
            buf_printf(buf, "%s%s",
                       i == 0                          ? ""
                       : setting->names[i + 1] == NULL ? " or "
                                                       : ", ",
                       setting->names[i]);
        break;
    case SETTING_LIST:
        buf_puts(buf, "; a list, separated by commas");
        break;
    case SETTING_STRING:
    case SETTING_SECRET:
    case SETTING_URL:
        break;
    }
}

void config_print_help(const struct config *config, FILE *out)
{
    for (size_t i = 0; i < config->count; i++) {
        const struct setting *setting = &config->table[i];
        AUTO_BUF struct buf text = {0};

        buf_init(&text, CONFIG_VALUE_MAX);
        buf_puts(&text, setting->help);
        put_choice(setting, &text);
        if (setting->required)
            buf_puts(&text, " (required)");
        else if (setting->def != NULL && setting->def[0] != '\0')
            buf_printf(&text, " (default: %s)", setting->def);
        fprintf(out, "  %s\n", setting->name);
        print_wrapped(text.data, out);
    }
}

/* Where the password of user:password@ begins, with its length; NULL if there is none. The last @ before the
 * parameters counts: libpq takes that before the path, but then a password with a slash in it would be shown.
 */
static const char *uri_password(const char *url, size_t *len)
{
    const char *start = strstr(url, "://"), *at, *colon;

    if (start == NULL)
        return NULL;
    start += 3;
    at = memrchr(start, '@', strcspn(start, "?"));
    if (at == NULL)
        return NULL;
    colon = memchr(start, ':', (size_t)(at - start));
    if (colon == NULL)
        return NULL;
    *len = (size_t)(at - colon - 1);
    return colon + 1;
}

/* The length of a parameter's value, up to what ends it: & in a URI; in a conninfo a quote or white space. */
static size_t value_length(const char *value, bool uri)
{
    const char *p = value;

    if (uri)
        return strcspn(value, "&");
    if (*p == '\'') {
        for (p++; *p != '\0' && *p != '\''; p++)
            if (*p == '\\' && p[1] != '\0')
                p++;
        return (size_t)(p - value) + (*p == '\'');
    }
    for (; *p != '\0' && !isspace((unsigned char)*p); p++)
        if (*p == '\\' && p[1] != '\0')
            p++;
    return (size_t)(p - value);
}

/* Parameters whose values may be shown. Any other may be a secret: a password, or one that is misspelt. */
static const char *const shown[] = {
    "application_name",
    "channel_binding",
    "client_encoding",
    "connect_timeout",
    "dbname",
    "fallback_application_name",
    "gssencmode",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "krbsrvname",
    "load_balance_hosts",
    "options",
    "passfile",
    "port",
    "require_auth",
    "service",
    "sslcert",
    "sslcrl",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "target_session_attrs",
    "tcp_user_timeout",
    "user",
};

static bool is_shown(const char *name, size_t len)
{
    for (size_t i = 0; i < ARRAY_LEN(shown); i++)
        if (strlen(shown[i]) == len && strncmp(shown[i], name, len) == 0)
            return true;
    return false;
}

/* Whether text begins with a parameter that is not to be shown; *len is the length of its name, white space
 * and the = sign. */
static bool is_secret(const char *text, size_t *len)
{
    size_t name_len = strcspn(text, "=& \t\r\n");
    const char *p = text + name_len;

    p += strspn(p, " \t\r\n");
    if (*p != '=' || is_shown(text, name_len))
        return false;
    p++;
    p += strspn(p, " \t\r\n");
    *len = (size_t)(p - text);
    return true;
}

void config_mask_url(const char *url, struct buf *ret)
{
    size_t len = 0;
    const char *password = uri_password(url, &len), *p = url;
    bool uri = strstr(url, "://") != NULL, begins = !uri;

    while (*p != '\0') {
        size_t secret;

        if (p == password) {
            buf_puts(ret, "***");
            p += len;
            password = NULL;
            continue;
        }
        if (begins && is_secret(p, &secret)) {
            buf_put(ret, p, secret);
            buf_puts(ret, "***");
            p += secret;
            p += value_length(p, uri);
            begins = false;
            continue;
        }
        begins = uri ? *p == '?' || *p == '&' : isspace((unsigned char)*p) != 0;
        buf_putc(ret, *p++);
    }
}

static void print_url(const char *url, FILE *out)
{
    AUTO_BUF struct buf text = {0};

    buf_init(&text, (size_t)2 * CONFIG_VALUE_MAX);
    config_mask_url(url, &text);
    fputs(text.data, out);
}

static void print_value(const struct setting *setting, const void *value, FILE *out)
{
    switch (setting->type) {
    case SETTING_STRING:
        fputs(*(char *const *)value == NULL ? "" : *(char *const *)value, out);
        break;
    case SETTING_SECRET:
        fputs(*(char *const *)value == NULL || **(char *const *)value == '\0' ? "" : "***", out);
        break;
    case SETTING_URL:
        print_url(*(char *const *)value == NULL ? "" : *(char *const *)value, out);
        break;
    case SETTING_INT:
        fprintf(out, "%" PRId64, *(const int64_t *)value);
        break;
    case SETTING_BOOL:
        fputs(*(const bool *)value ? "yes" : "no", out);
        break;
    case SETTING_ENUM:
        fputs(setting->names[*(const int *)value], out);
        break;
    case SETTING_LIST:
        for (char *const *item = *(char *const *const *)value; item != NULL && *item != NULL; item++)
            fprintf(out, "%s%s", item == *(char *const *const *)value ? "" : ",", *item);
        break;
    }
}

void config_print(const struct config *config, const void *settings, FILE *out)
{
    for (size_t i = 0; i < config->count; i++) {
        fprintf(out, "%s=", config->table[i].name);
        print_value(&config->table[i], field(&config->table[i], settings), out);
        fputc('\n', out);
    }
}
