/*
 * Allocation that aborts, and freeing by scope. What a client can make us allocate is bounded before it gets
 * here (limits.h) and the truth is in PostgreSQL, so that running out of memory ends the process and the
 * supervisor starts it again; no caller checks for NULL.
 */
#pragma once

#include "attr.h"

#include <stddef.h>

void *mem_alloc(size_t size) RETURNS_NONNULL;                       /* zeroed */
void *mem_array(size_t count, size_t size) RETURNS_NONNULL;         /* zeroed; aborts on overflow */
void *mem_grow(void *p, size_t count, size_t size) RETURNS_NONNULL; /* new bytes are not zeroed */
char *mem_strdup(const char *s) RETURNS_NONNULL;
char *mem_strndup(const char *s, size_t len) RETURNS_NONNULL;
char *mem_printf(const char *fmt, ...) PRINTF(1, 2) RETURNS_NONNULL;
char *mem_strdup_or_null(const char *s); /* NULL for NULL */

/* Frees *p and sets it to NULL: for `AUTO_FREE char *s`, which frees s when it goes out of scope. */
void mem_free_scoped(void *p);
#define AUTO_FREE CLEANUP(mem_free_scoped)
