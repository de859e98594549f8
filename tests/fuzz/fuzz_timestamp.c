/* What is taken for a time is written as a time that means the same, and is written the same again. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "timestamp.h"
#include "tz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_FREE char *text = mem_strndup((const char *)data, size);
    AUTO_BUF struct buf first = {0}, second = {0};
    struct timestamp time, again;
    struct err err = {0};

    buf_init(&first, 64);
    buf_init(&second, 64);
    if (!timestamp_parse(text, &time, &err)) {
        if (err.kind != ERR_INVALID || strcmp(err.text, "Not a valid datetime.") != 0)
            abort();
        return 0;
    }
    timestamp_put(&first, &time, tz_utc(), TIMESTAMP_START);
    if (buf_full(&first) || !timestamp_parse(first.data, &again, NULL))
        abort();
    timestamp_put(&second, &again, tz_utc(), TIMESTAMP_END);
    if (strcmp(first.data, second.data) != 0 ||
        timestamp_start_s(&time, tz_utc()) != timestamp_start_s(&again, tz_utc()) ||
        timestamp_end_s(&time, tz_utc()) != timestamp_end_s(&again, tz_utc()))
        abort();
    return 0;
}
