/*
 * shares: the values that the host has put into this daemon once, for jobs to refer to by number. The control thread
 * puts them in and marks those that are to go; the main thread decodes them, when they are first referred to, and lets
 * go of them, since hooks run in both.
 */
#ifndef MIRAI__SHARES_H
#define MIRAI__SHARES_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "frame.h"
#include "list.h"
#include "message.h"

enum { MIRAI__SHARE_KEPT = 1 /* bit of a SHARE frame's aux: decoded once, for all jobs */ };

typedef struct mirai__shares {
    pthread_mutex_t lock; /* guards the table and its entries; no hook runs under it */
    mirai__map table;
    mirai__list doomed;     /* entries that are out of the table, for the main thread to free */
    _Atomic bool is_doomed; /* there are some */
    uint32_t depth;         /* main thread: shared values that are being decoded, one inside another */
    mirai__resolver resolver; /* of this table; for the main thread */
} mirai__shares;

void mirai__shares_init(mirai__shares *shares);
void mirai__shares_fini(mirai__shares *shares); /* main thread, when there is no other; releases values */
/* A SHARE frame; takes its segment. E_PROTOCOL, E_NOMEM. */
mirai_status mirai__shares_put(mirai__shares *shares, mirai__frame *frame);
/* An UNSHARE frame. E_PROTOCOL for a number that is not known. */
mirai_status mirai__shares_drop(mirai__shares *shares, uint64_t id);
/* Main thread, under no lock: let go of what was dropped. */
void mirai__shares_sweep(mirai__shares *shares);

#endif
