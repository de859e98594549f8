/*
 * The syntax of AWS's shared files, pure: sections of `key = value` or `key: value` lines as Python's
 * RawConfigParser reads them, which is what the AWS CLI does. Keys are in any case; lines that begin with #
 * or ; are comments; a line that is indented more than its key goes on with the value; a value that begins on
 * the next line is a block of `key = value` lines of its own.
 */
#pragma once

#include "attr.h"
#include "err.h"

#include <stdbool.h>
#include <stddef.h>

struct aws_ini;

enum { AWS_INI_MAX = 1048576 }; /* bytes of a file */

/* ERR_INVALID: "line 3: ..."; what the line says is not in the message, as it may be a secret. */
bool aws_ini_parse(const char *text, size_t len, struct aws_ini **ret, struct err *err);
void aws_ini_free(struct aws_ini *ini); /* wipes the values; NULL is fine */

/* A section by its whole name ("default"), or by what kind it is ("profile", "services") and its name, which
 * may be quoted in the file. NULL: there is none. What these return is lent, as long as the ini lives. */
struct aws_ini_section;
const struct aws_ini_section *aws_ini_section(const struct aws_ini *ini, const char *name);
const struct aws_ini_section *aws_ini_section_of(const struct aws_ini *ini, const char *kind,
                                                 const char *name);

/* NULL: there is no such key, or its value is empty. */
const char *aws_ini_get(const struct aws_ini_section *section, const char *key);

/* A key in the block of another; owned by the caller. NULL as above. */
char *aws_ini_get_nested(const struct aws_ini_section *section, const char *key, const char *nested);
