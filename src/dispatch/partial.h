/*
 * partial: what a task says ahead of its result: how far it is, and partial results. Kept with the task from the first
 * word on; guarded by the pool's lock. Partial results are decoded on the thread that reads them, or in
 * mirai_pool_process(), under no lock.
 */
#ifndef MIRAI__PARTIAL_H
#define MIRAI__PARTIAL_H

#include "handle.h"

typedef struct mirai__partials {
    mirai_progress_fn on_progress;
    mirai_partial_fn on_partial;
    mirai__list items;   /* partial results that nobody has read, in order */
    size_t held;         /* their bytes, which count in the pool's budget */
    double fraction;
    char *text;          /* owned; NULL: none */
    bool has_progress;
    bool progress_due;   /* on_progress is to be called with it */
} mirai__partials;

/* Take note of the callbacks of a task that is being submitted. E_NOMEM. */
mirai_status mirai__partials_expect(mirai_task *task, mirai_progress_fn on_progress, mirai_partial_fn on_partial);
/* PROGRESS and EMIT of a task (NULL: of none that is waited for any more, or of a setup). What is wrong with the
 * frame; NULL when it was dealt with. Lock held. */
const char *mirai__partials_progress(mirai_pool *pool, mirai_task *task, const mirai__frame *frame);
const char *mirai__partials_emit(mirai_pool *pool, mirai_task *task, mirai__frame *frame);
/* Whether a callback is due. Lock held. */
bool mirai__partials_due(const mirai_task *task);
/* Call the callbacks that are due, until there are none; how many there were. Lock not held. */
size_t mirai__partials_deliver(mirai_task *task);
void mirai__partials_free(mirai__partials *partials); /* NULL is allowed; the last handle is gone */

#endif
