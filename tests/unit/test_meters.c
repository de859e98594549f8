/* webapid's meters: each status that a refusal may have is counted by its own name. */
#include "meters.h"

#include "test.h"

#include <stdio.h>
#include <string.h>

#include "refusal.h"

enum { TEXT_MAX = 1 << 16, STATUS_MIN = 400, STATUS_MAX = 599 };

static bool is_refusal(int status)
{
    AUTO_BUF struct buf text = {0};

    buf_init(&text, TEXT_MAX);
    refusal_put(&text, &(struct refusal){.status = status, .why = "w", .request_id = "r"});
    return strstr(text.data, " Error\r\n") == NULL;
}

static void each_refusal_is_counted_by_its_status(void **state)
{
    struct meters *meters = meters_new(&(struct router){NULL, 0}, 1, 1);
    AUTO_BUF struct buf text = {0};
    char line[64];
    int seen = 0;

    (void)state;
    buf_init(&text, TEXT_MAX);
    for (int status = STATUS_MIN; status <= STATUS_MAX; status++)
        if (is_refusal(status))
            meters_refused(meters, status);
    metrics_put(&text, meters_metrics(meters), METRICS_PROMETHEUS);
    for (int status = STATUS_MIN; status <= STATUS_MAX; status++) {
        if (!is_refusal(status))
            continue;
        snprintf(line, sizeof line, "\necss_http_refused_total{status=\"%d\"} 1\n", status);
        assert_non_null(strstr(text.data, line));
        seen++;
    }
    assert_in_range(seen, 10, 20);
    meters_free(meters);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_refusal_is_counted_by_its_status),
    };

    return cmocka_run_group_tests_name("meters", tests, NULL, NULL);
}
