/* Lines of what may be jobs, as an import reads them: each is in the batch or refused with a word, and what
 * the batch has goes out as JSON that is taken back. */
#include "fuzz.h"

#include <string.h>

#include "http_limits.h"
#include "job_import.h"
#include "job_json.h"
#include "json.h"
#include "zone.h"

static struct zones *zones;

static void check_texts(const struct job_import *im)
{
    for (size_t i = 0; i < JOB_FIELDS; i++)
        EXPECT(im->columns[i].count == im->count &&
               json_utf8_valid(im->columns[i].buf.data, im->columns[i].buf.len));
    EXPECT(im->lines.count == im->count);
}

static void check_results(const struct job_import *im)
{
    AUTO_BUF struct buf buf = {0};
    AUTO_JSON struct json_object *value = NULL;

    buf_init(&buf, 1 << 26);
    buf_puts(&buf, "{\"a\":1");
    job_import_put_results(&buf, im);
    buf_putc(&buf, '}');
    EXPECT(json_parse(buf.data, buf.len, &value, NULL));
    EXPECT(im->shown + im->hidden >= im->failed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct job_import im;

    if (zones == NULL)
        zones = zones_new(NULL);
    job_import_init(&im, (const char *)data, size, &http_limits_default);
    do {
        while (!job_import_read(&im, 3, zones, 1800000000))
            continue;
        check_texts(&im);
        if (!job_import_at_end(&im))
            job_import_next_batch(&im);
    } while (!job_import_at_end(&im));
    check_results(&im);
    job_import_done(&im);
    return 0;
}
