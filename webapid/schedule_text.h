/*
 * A schedule in words: one English sentence, without a full stop, that is right for every schedule.
 *
 *     At 02:30:00 on the last Friday of every month, in ISO weeks 9 to 20
 *     Every 5 minutes, at second 0, between 09:00 and 17:59, from Monday to Friday
 *
 * "Every 5 minutes" goes on in real time when the clock repeats an hour; so does what is said to fire "both
 * times". Anything else runs the first time only. Two schedules with one sentence fire at the same times;
 * only where there are more years than can be named the sentence just says how many.
 *
 * It is made from the compiled schedule, so that it says what will happen and not what was written: "mon/2"
 * is Monday. Times are those of the clock in the schedule's zone.
 */
#pragma once

#include "buf.h"

struct cron;

enum { SCHEDULE_TEXT_MAX = 4096 }; /* bytes of the longest sentence */

void schedule_text_put(struct buf *buf, const struct cron *cron);
