/*
 * What STS is asked and answers, pure: a form in, XML out. Of the XML four values are wanted, so a scanner
 * for <Name>text</Name> does; no XML library.
 */
#pragma once

#include "aws_error.h"
#include "aws_keys.h"
#include "buf.h"
#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Appends "&name=value", the value encoded; the first pair without the &. */
void aws_form_put(struct buf *form, const char *name, const char *value);

/* The text of the first element of that name without elements in it; entities are replaced. *ret is owned,
 * NULL: there is none. */
char *aws_xml_text(const char *xml, size_t len, const char *name);

/* The answer to AssumeRole and AssumeRoleWithWebIdentity. ERR_INVALID: it is none; ERR_UNAVAILABLE: the keys
 * in it expired before now_s. */
bool aws_sts_read(const char *xml, size_t len, int64_t now_s, struct aws_keys *ret, struct err *err);

/* An answer with another status than 200. *ret is overwritten, not freed. */
void aws_sts_error(int status, const char *xml, size_t len, struct aws_error *ret);

enum { STS_SESSION_NAME_MIN = 2, STS_SESSION_NAME_MAX = 64 };

/* Whether it can be a RoleSessionName: 2 to 64 of A-Z a-z 0-9 _ + = , . @ - */
bool aws_sts_is_session_name(const char *name);
/* "ecs-scheduler-HOST", what the host's name has of other characters as -. */
void aws_sts_session_name(const char *host, char ret[static STS_SESSION_NAME_MAX + 1]);
