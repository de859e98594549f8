/* What the strict parser accepts it prints, and takes back, and prints the same. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_JSON struct json_object *value = NULL, *again = NULL;
    AUTO_BUF struct buf first = {0}, second = {0}, text = {0};
    struct err err = {0};

    buf_init(&first, 1 << 24);
    buf_init(&second, 1 << 24);
    buf_init(&text, 1 << 24);
    if (!json_parse((const char *)data, size, &value, &err)) {
        if (err.kind != ERR_INVALID || err.text[0] == '\0' || value != NULL)
            abort();
    } else {
        json_put_value(&first, value);
        if (!json_parse(first.data, first.len, &again, &err))
            abort();
        json_put_value(&second, again);
        if (strcmp(first.data, second.data) != 0)
            abort();
    }
    /* Whatever the bytes are, as a JSON string they are JSON (but for \u0000, which we do not take back). */
    json_put_string_len(&text, (const char *)data, size);
    if (memchr(data, '\0', size) == NULL) {
        AUTO_JSON struct json_object *string = NULL;

        if (!json_parse(text.data, text.len, &string, &err))
            abort();
    }
    return 0;
}
