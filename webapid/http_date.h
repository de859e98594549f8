/* The Date header. */
#pragma once

enum { HTTP_DATE_SIZE = 32 };

/* "Tue, 24 Nov 2026 10:30:42 GMT" */
void http_date_now(char out[static HTTP_DATE_SIZE]);
