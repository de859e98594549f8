/*
 * Sets of small numbers as bits, and the years of a schedule, which are either a few progressions in struct
 * cron or such a set on the heap. For cron_*.c, and for whoever puts a schedule into words.
 */
#pragma once

#include "cron.h"

enum {
    CRON_WORD_BITS = 64,
    CRON_YEARS = CRON_YEAR_MAX - CRON_YEAR_MIN + 1,
    CRON_YEAR_WORDS = (CRON_YEARS + CRON_WORD_BITS - 1) / CRON_WORD_BITS,
};

void cron_set_add(uint64_t *bits, int first, int last, int step);

/*
 * Takes the lowest number out of the set, and with it the longest progression that begins with it and the
 * next one, if that has at least three members: so a set falls into few parts, always the same. False if the
 * set is empty.
 */
bool cron_set_take(uint64_t *bits, int words, struct cron_span *ret);

/* Puts the set of years (bit 0 is CRON_YEAR_MIN) into the schedule; the bits are used up. */
void cron_years_store(struct cron *cron, uint64_t *bits);

/* A set with the schedule's years, for CRON_YEAR_WORDS words. */
void cron_years_load(const struct cron *cron, uint64_t *bits);

/* The first of the schedule's years that is not before `year`; 0 if there is none. */
int cron_year_next(const struct cron *cron, int year);
