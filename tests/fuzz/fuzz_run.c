/* What is taken as chunks or tasks of a run is printed, taken back, and printed the same. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "run.h"

typedef bool read_fn(struct run *run, const char *text, struct err *err);
typedef void put_fn(struct buf *buf, const struct run *run);

static void check(const char *text, read_fn *read_text, put_fn *put_text)
{
    AUTO_RUN struct run *run = run_new(), *again = run_new();
    AUTO_BUF struct buf first = {0}, second = {0};
    struct err err = {0};

    buf_init(&first, 1 << 24);
    buf_init(&second, 1 << 24);
    if (!read_text(run, text, &err)) {
        if (err.kind != ERR_INVALID || err.text[0] == '\0' || run->chunk_count != 0 || run->task_count != 0)
            abort();
        return;
    }
    put_text(&first, run);
    if (!read_text(again, first.data, &err))
        abort();
    put_text(&second, again);
    if (strcmp(first.data, second.data) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_FREE char *text = mem_strndup((const char *)data, size);

    check(text, run_read_chunks, run_put_chunks);
    check(text, run_read_tasks, run_put_tasks);
    return 0;
}
