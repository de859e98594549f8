/*
 * Cross-origin requests: which origin an answer may be read from.
 */
#pragma once

/* What Access-Control-Allow-Origin says to a request with this Origin: the origin, or "*" if every one may;
 * NULL if it is to say nothing. origins: NULL at the end; NULL: none. origin: NULL if the request has none.
 */
const char *cors_allow(const char *const *origins, const char *origin);
