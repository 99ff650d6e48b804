/*
 * scheduler_model: drives the scheduler with a list of events and holds what it says against a
 * plain model of the contract. An event is an operation and a number from which the operation takes
 * what it needs (which task, how long), modulo what there is, so that any list is a valid one and
 * can be cut down at will.
 */
#ifndef SCHEDULER_MODEL_H
#define SCHEDULER_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODEL_OPERATIONS(X)                                                                        \
    X(config)                                                                                      \
    X(submit)                                                                                      \
    X(submit_nomem)                                                                                \
    X(cancel)                                                                                      \
    X(value) X(fail) X(stray) X(spawned) X(nomem) X(unspawned) X(ready) X(leave) X(gone) X(tick)   \
        X(advance) X(expire) X(setup) X(forget) X(resize) X(drain) X(close) X(hold) X(take)        \
            X(demand) X(unblock) X(fail_blocked) X(cancel_all) X(left) X(unread) X(launch)            \
                X(ahead) X(claim) X(grab) X(near) X(spread)

enum {
#define MODEL_ENUM(name) MODEL_##name,
    MODEL_OPERATIONS(MODEL_ENUM)
#undef MODEL_ENUM
        MODEL_COUNT
};

typedef struct model_event {
    int operation;
    uint32_t number;
} model_event;

typedef struct model_totals {
    int64_t events, tasks, runs, setups, spawns, kills, interrupts, by_outcome[6];
    int64_t again, retired, infeasible, dormant, roused, groups;
    int64_t lent, recalled, claimed, near; /* claimed: of what was lent; near: lent although a daemon idled */
} model_totals;

enum { MODEL_EVENTS_MAX = 8192 };

extern const char *const model_names[MODEL_COUNT];

/* NULL, or what was broken (a static buffer); *at is the index of the event after which it was, or
 * `count` when it was in the end: everything is then answered, the pool closed, and all must be
 * resolved. `trace` prints. */
const char *model_run(const model_event *events, size_t count, bool trace, size_t *at,
                      model_totals *totals);

#endif
