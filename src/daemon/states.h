/*
 * states: what functions keep in their daemon from one job to the next, by key. Main thread.
 */
#ifndef MIRAI__STATES_H
#define MIRAI__STATES_H

#include "list.h"
#include <miraicore/daemon.h>

typedef struct mirai__states {
    mirai__list all; /* in the order in which they were kept; zeroed: none yet */
} mirai__states;

typedef struct mirai__state mirai__state;

void *mirai__states_get(const mirai__states *states, const char *key);
/* Takes state, also on failure, and frees what was there. `lasting`: it is not dropped by
 * mirai__states_clean(). E_NOMEM. */
mirai_status mirai__states_set(mirai__states *states, const char *key, void *state,
                               mirai_state_free_fn release, bool lasting);
/* The same, but state stays the caller's on failure, and what was there is handed out, to be freed under no lock. */
mirai_status mirai__states_swap(mirai__states *states, const char *key, void *state,
                                mirai_state_free_fn release, bool lasting, mirai__state **old);
void mirai__state_free(mirai__state *old); /* NULL is allowed */
void mirai__states_clean(mirai__states *states); /* free all that do not last, the last one first */
void mirai__states_fini(mirai__states *states);  /* free all, the last one first */

#endif
