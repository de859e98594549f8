/* Compiler attributes under names of our own, so that gcc and clang read the same source. */
#pragma once

#include <stddef.h>

#define PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#define UNUSED __attribute__((unused))
#define FALLTHROUGH __attribute__((fallthrough)) /* a statement: the next case is meant, too */
#define NODISCARD __attribute__((warn_unused_result))
#define NORETURN __attribute__((noreturn))
#define RETURNS_NONNULL __attribute__((returns_nonnull))

/* Calls fn with the address of the variable when it goes out of scope. */
#define CLEANUP(fn) __attribute__((cleanup(fn)))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
