/* See http_date.h. */
#include "http_date.h"

#include <time.h>

#include "clock.h"

void http_date_now(char out[static HTTP_DATE_SIZE])
{
    time_t now = (time_t)clock_wall_s(&clock_system);
    struct tm tm;

    gmtime_r(&now, &tm);
    /* The names are English: the program never sets a locale. */
    strftime(out, HTTP_DATE_SIZE, "%a, %d %b %Y %H:%M:%S GMT", &tm);
}
