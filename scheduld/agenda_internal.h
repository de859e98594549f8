/*
 * What the files of the agenda share, and nobody else sees.
 *
 *     agenda.c        its life, who leads, and the tick: what is due
 *     agenda_row.c    a row that was read: the job is made, changed, armed
 *     agenda_sync.c   which rows to read: all, those notified of, those that changed, those that owe
 *     agenda_scan.c   looking through all jobs, in portions
 *     agenda_write.c  job_state, in batches
 *     job_load.c      the SQL; job_table.c  the jobs; due.c  what one owes (pure); wheel.c  when
 *
 * Who leads goes through three stages, as a job that owes an old fire time must be found before a later one
 * is acted on, which would move its cursor past the old one:
 *
 *     STANDBY --agenda_lead()--> DRAINING --loaded, nothing due--> CATCHING_UP --all read--> LEADING
 *
 * DRAINING is as STANDBY: fire times pass in silence. CATCHING_UP reads the rows that say what is owed; the
 * wheel stands still until all of them are in. LEADING, any row that is read may say so. A connection that is
 * lost before LEADING begins again at DRAINING.
 */
#pragma once

#include "agenda.h"
#include "db.h"
#include "due.h"
#include "job_load.h"
#include "job_table.h"

enum {
    AGENDA_STEP_US = 2000, /* work for so long, then the loop has its turn */
    AGENDA_LOOK_AT_CLOCK = 32,
    AGENDA_RETRY_MS = 1000,
    AGENDA_SWEEP_MS = 3000,
    AGENDA_ZONES_MS = 60000,
    AGENDA_FAILED_MS = 60000, /* from one line of the log about reads that fail to the next */
    AGENDA_PRUNE_MS = 600000,
    AGENDA_LEAP_S = 2,       /* the clock was set, not slewed */
    AGENDA_COUNT_MAX = 4096, /* fire times that are counted at a time */
    AGENDA_HINTS_MAX = 5000, /* more jobs that we were told of are found by what changed */
    AGENDA_ZONES_MAX = 64,   /* zones that change at a time; more: all jobs are read again */
    AGENDA_MARK_SIZE = 24,
};

struct event;
struct wheel;
struct ticker;
struct zone;
struct zones;

enum agenda_mode { AGENDA_STANDBY, AGENDA_DRAINING, AGENDA_CATCHING_UP, AGENDA_LEADING };

enum agenda_read {
    AGENDA_READ_ALL,
    AGENDA_READ_OWING,
    AGENDA_READ_HINTED,
    AGENDA_READ_CHANGED,
    AGENDA_READS
};

/* A job that owes more than can be counted at a time. */
struct agenda_counting {
    uint32_t number;
    int64_t revision, first_s;
    struct due due;
};

/* Looking through all jobs for some. */
struct agenda_scan {
    bool running;
    uint32_t at;
    bool unseen;                                /* those that the last load has not seen are removed */
    bool problems;                              /* those that cannot be armed are read again */
    const struct zone *zones[AGENDA_ZONES_MAX]; /* those in these zones are compiled again */
    size_t zone_count, stale;
};

struct agenda {
    struct agenda_options options;
    struct job_table table;
    struct zones *zones;   /* owned */
    struct wheel *wheel;   /* owned */
    struct ticker *ticker; /* owned */
    enum agenda_mode mode;
    int64_t tick_us;  /* monotonic: of the last one */
    int64_t ahead_us; /* wall clock less monotonic then: it changes when the clock is set */
    int64_t passed_s; /* what was due until then has left the wheel */
    int64_t epoch;

    struct agenda_counting *counting; /* owned */
    uint32_t counting_count, counting_cap;

    /* agenda_sync.c */
    bool up, loading, ready;
    bool reload; /* another load is to follow */
    bool sweeping, asking;
    unsigned owing;      /* looks for those that owe that are not answered */
    int64_t owing_s;     /* by which second the last one asks */
    bool sweep_soon;     /* a sweep is to follow */
    uint32_t generation; /* of loads */
    int64_t ordinal;     /* last one of the page that was read */
    size_t page_rows;
    char mark[AGENDA_MARK_SIZE], next_mark[AGENDA_MARK_SIZE]; /* xid8; what is before mark was seen */
    int64_t file;                                             /* of the table jobs */
    struct db_array hints;                                    /* ids to read */
    bool hints_unchanged, asked_unchanged; /* some of these, or of those asked for, are agenda_hint()'s */
    bool hints_lost;                       /* ids that we were notified of: a sweep finds them */
    bool unchanged_lost;                   /* agenda_hint()'s: no sweep finds them, so all are to be read */
    struct event *soon;                    /* to read hints */
    struct event *sweep;                   /* every sweep_ms */
    struct event *retry;                   /* a read failed */
    struct event *zone_time;               /* every AGENDA_ZONES_MS */
    int64_t prune_at_ms, failed_again_ms[AGENDA_READS];
    int64_t load_began_us, load_took_us; /* the last one; monotonic */

    /* agenda_scan.c */
    struct agenda_scan scan;
    struct event *scan_step;

    /* agenda_write.c */
    uint32_t *dirty; /* owned: numbers of jobs to write */
    uint32_t dirty_count, dirty_cap;
    bool writing;
    uint32_t batch[JOB_PUT_MAX];
    int64_t batch_next_s[JOB_PUT_MAX];
    uint32_t batch_count;
    int64_t batch_epoch;
    struct event *write_later;
};

/* agenda.c */
int64_t agenda_now_s(const struct agenda *a);
bool agenda_owes(const struct agenda *a); /* what is owed is acted on */
void agenda_loaded(struct agenda *a);     /* all jobs were read */
void agenda_caught_up(struct agenda *a);
/* Until AGENDA_STEP_US have passed since then: asked in each turn of a loop over jobs. */
bool agenda_has_time(int64_t began_us, unsigned turn);

/* agenda_row.c */
void agenda_apply(struct agenda *a, const struct job_row *row, bool owes); /* owes: it may */
void agenda_remove(struct agenda *a, const char *id);
void agenda_remove_number(struct agenda *a, uint32_t number);

/* agenda_sync.c */
void agenda_sync_new(struct agenda *a);
void agenda_sync_free(struct agenda *a);
/* The job is to be read again, though its row has not changed. */
void agenda_hint(struct agenda *a, const char *id);
void agenda_hint_later(struct agenda *a, const char *id); /* likewise, at the next look at what changed */
void agenda_load(struct agenda *a);                       /* all are; may be called again while it goes on */
void agenda_read_owing(struct agenda *a);                 /* then agenda_caught_up() */

/* agenda_scan.c */
void agenda_scan_new(struct agenda *a);
void agenda_scan_free(struct agenda *a);
void agenda_scan_unseen(struct agenda *a);
void agenda_scan_all(struct agenda *a); /* each is read again, and armed by what the time is now */
void agenda_scan_problems(struct agenda *a);

/* agenda_write.c */
void agenda_write_new(struct agenda *a);
void agenda_write_free(struct agenda *a);
void agenda_write(struct agenda *a, uint32_t number); /* the job's state is to be written */
void agenda_write_go_on(struct agenda *a);            /* if there is something to write */
/* Nothing is: a standby's next fire times pass over what the leader has yet to act on. */
void agenda_write_forget(struct agenda *a);
