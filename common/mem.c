/* See mem.h. */
#include "mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Nothing here may allocate: we are here because that failed. */
static NORETURN void die(void)
{
    static const char msg[] = "out of memory\n";
    ssize_t ignored UNUSED = write(STDERR_FILENO, msg, sizeof msg - 1);

    abort();
}

void *mem_array(size_t count, size_t size)
{
    /* One byte for an empty array, so that NULL always means failure. */
    void *p = count == 0 || size == 0 ? calloc(1, 1) : calloc(count, size);

    if (p == NULL)
        die();
    return p;
}

void *mem_alloc(size_t size)
{
    return mem_array(1, size);
}

void *mem_grow(void *p, size_t count, size_t size)
{
    void *q = reallocarray(p, count == 0 ? 1 : count, size == 0 ? 1 : size);

    if (q == NULL)
        die();
    return q;
}

char *mem_strndup(const char *s, size_t len)
{
    char *copy = mem_alloc(len + 1);

    memcpy(copy, s, len);
    return copy;
}

char *mem_strdup(const char *s)
{
    return mem_strndup(s, strlen(s));
}

char *mem_strdup_or_null(const char *s)
{
    return s == NULL ? NULL : mem_strdup(s);
}

char *mem_printf(const char *fmt, ...)
{
    char *s = NULL;
    va_list ap;
    int len;

    va_start(ap, fmt);
    len = vasprintf(&s, fmt, ap);
    va_end(ap);
    if (len < 0 || s == NULL)
        die();
    return s;
}

void mem_free_scoped(void *p)
{
    void **var = p;

    free(*var);
    *var = NULL;
}
