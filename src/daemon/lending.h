/*
 * lending: results that the host reads in place: the slabs in which a daemon's large buffers are born, and what the
 * host has got of them. Begun and ended by the main thread, before and after the control thread lives.
 */
#ifndef MIRAI__LENDING_H
#define MIRAI__LENDING_H

#include "link.h"
#include "slabs.h"

/* All zeros: everything travels. */
typedef struct mirai__lending {
    mirai__slabs *slabs;   /* owned */
    mirai__lender *lender; /* owned */
} mirai__lending;

/* Where the link's channel can pass memory. E_NOMEM. */
mirai_status mirai__lending_begin(mirai__lending *lending, mirai__link *link);
void mirai__lending_end(mirai__lending *lending); /* after the link */

#endif
