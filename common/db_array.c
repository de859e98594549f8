/* Text of PostgreSQL's arrays. See db.h. */
#include "db.h"

#include <inttypes.h>
#include <stdint.h>

enum { ARRAY_MAX = 1 << 29 }; /* below PostgreSQL's limit of 1 GB for a value */

static void next(struct db_array *array)
{
    buf_putc(&array->buf, array->count++ == 0 ? '{' : ',');
}

void db_array_init(struct db_array *array)
{
    *array = (struct db_array){0};
    buf_init(&array->buf, ARRAY_MAX);
}

void db_array_done(struct db_array *array)
{
    buf_done(&array->buf);
}

void db_array_text(struct db_array *array, const char *text)
{
    if (text == NULL) {
        db_array_null(array);
        return;
    }
    next(array);
    buf_putc(&array->buf, '"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            buf_putc(&array->buf, '\\');
        buf_putc(&array->buf, *text);
    }
    buf_putc(&array->buf, '"');
}

void db_array_int64(struct db_array *array, int64_t value)
{
    next(array);
    buf_printf(&array->buf, "%" PRId64, value);
}

void db_array_bool(struct db_array *array, bool value)
{
    next(array);
    buf_putc(&array->buf, value ? 't' : 'f');
}

void db_array_null(struct db_array *array)
{
    next(array);
    buf_puts(&array->buf, "NULL");
}

const char *db_array_end(struct db_array *array)
{
    if (!array->ended) {
        buf_puts(&array->buf, array->count == 0 ? "{}" : "}");
        array->ended = true;
    }
    return array->buf.data;
}
