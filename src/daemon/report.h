/*
 * report: what a job says ahead of its result: how far it is, and partial results.
 */
#ifndef MIRAI__REPORT_H
#define MIRAI__REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <miraicore/daemon.h>

#define MIRAI__REPORT_WINDOW 64

/* Part of a job; zeroed at its beginning, but for the sizes. Under the daemon's lock. */
typedef struct mirai__report {
    /* partial results that the host has not taken in, the oldest first from sizes[first] on */
    uint64_t bytes;
    uint32_t first, count;
    /* progress */
    bool due;        /* what is below is still to be sent */
    bool telling;    /* a thread is at it */
    int64_t told_at; /* when the last one was sent; 0: never */
    double fraction;
    char *text; /* owned; NULL: none */
    uint64_t sizes[MIRAI__REPORT_WINDOW]; /* last; not zeroed */
} mirai__report;

/* Lock held, control thread: the host has taken some in. E_PROTOCOL for more than there are. */
mirai_status mirai__report_taken(mirai__report *report, int32_t count);
/* Control thread, no lock held: send what the present job has said, if it is time to. */
void mirai__report_look(mirai_daemon *daemon);
/* Main thread, no lock held: send what is still due, ahead of the result. */
void mirai__report_end(mirai_job *job);

#endif
