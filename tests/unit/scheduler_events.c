/*
 * scheduler_events: the operations, each done to the scheduler and to the model
 * (scheduler_world.h), and a run.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault.h"
#include "scheduler_world.h"

const char *const model_names[MODEL_COUNT] = {
#define MODEL_NAME(name) #name,
    MODEL_OPERATIONS(MODEL_NAME)
#undef MODEL_NAME
};

/* ---- events ---- */

/* Whether a start failure was counted is the scheduler's to say; how long it then waits is checked.
 */
static void note_failures(world *w)
{
    for (int i = 0; i < w->group_count; i++) {
        int64_t now = w->sched.groups[i].start_failures, before = w->groups[i].failures;
        w->groups[i].failures = now;
        if (now <= before) continue;
        int64_t wait = now > 9 ? 30000 : 100 * ((int64_t)1 << (now - 1));
        w->groups[i].retry_at = w->now + (wait < 30000 ? wait : 30000);
    }
}

void model_follow(world *w)
{
    model_catch_up(w, true);
    note_failures(w);
    model_watch(w);
    model_judge(w);
    model_watch(w);
}

static void do_cancel(world *w, uint32_t number)
{
    if (w->task_count == 0) return;
    int from = number % 8 == 0 || w->oldest == w->task_count ? 0 : w->oldest;
    int id = from + (int)(number / 8 % (uint32_t)(w->task_count - from));
    task_model *task = &w->tasks[id];
    if (!task->held) return;
    model_take_back(w, id);
    int32_t expected = task->lender != NOBODY              ? MIRAI_CANCEL_INTERRUPTED
                       : task->state == MIRAI_TASK_QUEUED  ? MIRAI_CANCEL_NEVER_RAN
                       : task->state == MIRAI_TASK_BLOCKED ? MIRAI_CANCEL_NEVER_RAN
                       : task->state == MIRAI_TASK_RUNNING ? MIRAI_CANCEL_INTERRUPTED
                                                           : MIRAI_CANCEL_TOO_LATE;
    int32_t real = mirai__sched_cancel(&w->sched, &task->held->sched, w->now);
    model_expect(w, real == expected, "cancel of task %d said %d, not %d", id, (int)real,
                 (int)expected);
    if (expected == MIRAI_CANCEL_NEVER_RAN) {
        model_expect(w, !task->claimed, "task %d ran and a cancel says that it did not", id);
        task->never_ran = true;
    }
    if (task->state != MIRAI_TASK_RESOLVED) model_abandon(w, id, MIRAI_OUTCOME_CANCELLED);
}

static daemon_model *pick(world *w, uint32_t number)
{
    return w->live_count == 0 ? NULL : &w->daemons[w->live[number % (uint32_t)w->live_count]];
}

static void do_stray(world *w, uint32_t number)
{
    daemon_model *daemon = pick(w, number / 8), *other = pick(w, number / 4096);
    if (!daemon) return;
    const uint64_t attempts[] = {0,
                                 daemon->attempt - 1,
                                 daemon->attempt + 1,
                                 other->attempt,
                                 w->last_attempt + 1,
                                 w->last_attempt,
                                 1,
                                 UINT64_MAX};
    uint64_t attempt = attempts[number % 8];
    if (attempt == daemon->attempt && attempt != 0) return;
    mirai__sched_task *task;
    mirai__sched_setup *setup;
    bool taken = mirai__sched_result(&w->sched, &daemon->held->sched, attempt, MIRAI_OUTCOME_VALUE,
                                     w->now, &task, &setup);
    model_expect(w, !taken && !task && !setup, "a stray result was taken");
}

/* A group that waits for the answer to a SPAWN; NOBODY. */
static int spawning_group(const world *w, uint32_t number)
{
    for (int i = 0; i < w->group_count; i++) {
        int group = (int)((number + (uint32_t)i) % (uint32_t)w->group_count);
        if (w->groups[group].spawning > 0) return group;
    }
    return NOBODY;
}

static void do_unspawned(world *w, uint32_t number)
{
    int group = spawning_group(w, number);
    if (group == NOBODY) return;
    w->groups[group].spawning--;
    mirai__sched_spawn_failed(&w->sched, group, w->now);
}

static void do_spawned(world *w, uint32_t number, bool nomem)
{
    int group = spawning_group(w, number);
    if (group == NOBODY || w->daemon_count == DAEMONS) return;
    int id = w->daemon_count;
    held_daemon *held = calloc(1, sizeof *held);
    held->id = id;
    held->sched.borrows = ((number >> 8) + (uint32_t)id) % 4 != 0;
    if (nomem) mirai__fault_arm(1, false);
    mirai_status status = mirai__sched_daemon_added(&w->sched, &held->sched, group, w->now);
    mirai__fault_arm(0, false);
    w->groups[group].spawning--;
    if (status != MIRAI_OK) {
        model_expect(w, nomem && status == MIRAI_E_NOMEM, "daemon_added gave %d", (int)status);
        free(held);
        mirai__sched_spawn_failed(&w->sched, group, w->now);
        return;
    }
    w->daemons[id] = (daemon_model){.held = held,
                                    .state = MIRAI__DAEMON_STARTING,
                                    .task = NOBODY,
                                    .setup = NOBODY,
                                    .holds = NOBODY,
                                    .group = group,
                                    .borrows = held->sched.borrows,
                                    .kill_at = model_after(w, w->start_timeout)};
    w->live[w->live_count++] = id;
    w->daemon_count++;
    w->groups[group].starting++;
    w->counts.starting++;
}

static void do_ready(world *w, daemon_model *daemon)
{
    if (!daemon) return;
    mirai__sched_daemon_ready(&w->sched, &daemon->held->sched, w->now);
    if (daemon->state != MIRAI__DAEMON_STARTING) return;
    daemon->state = MIRAI__DAEMON_IDLE;
    daemon->ever_ready = true;
    daemon->joined = w->setup_count;
    daemon->kill_at = MIRAI__NEVER;
    w->counts.starting--;
    w->counts.ready++;
    w->groups[daemon->group].starting--;
    w->groups[daemon->group].ready++;
    w->groups[daemon->group].retry_at = INT64_MIN;
}

static void do_leave(world *w, daemon_model *daemon)
{
    if (!daemon) return;
    mirai__sched_daemon_leaving(&w->sched, &daemon->held->sched, w->now);
    if (daemon->state != MIRAI__DAEMON_ENDING) model_end(w, daemon);
}

/* It says itself that it leaves, and has not begun what it has. */
static void do_left(world *w, daemon_model *daemon, uint32_t number)
{
    if (!daemon) return;
    bool idle = number % 2 == 0;
    model_finish(w, daemon, MIRAI_OUTCOME_VALUE); /* it ends what it is at */
    model_read_all(w, daemon);
    if (number >> 20 & 1) model_revoke(w, daemon, 0); /* or when it is told to */
    daemon->left = true;
    int task = daemon->task;
    mirai__sched_daemon_left(&w->sched, &daemon->held->sched, idle, w->now);
    daemon->claims -= daemon->claims > 0 && daemon->attempt != 0;
    model_let_go(w, daemon);
    if (daemon->state != MIRAI__DAEMON_ENDING) {
        group_model *group = &w->groups[daemon->group];
        model_end(w, daemon);
        bool dormant = idle && model_is_short(group);
        group->dormant += dormant;
        w->totals->dormant += dormant;
    }
    if (task == NOBODY) return;
    w->tasks[task].attempts--; /* it was not begun */
    if (model_has_place(w, task))
        model_again(w, task);
    else
        model_decide(w, task, MIRAI_OUTCOME_LOST);
}

static void lose(world *w, int id, bool begun)
{
    task_model *task = &w->tasks[id];
    int *left = begun ? &task->retries : &task->losses;
    bool given_up = begun && ++task->deaths >= MIRAI__DEATHS_MAX;
    bool asked = !begun || (task->retry_on & MIRAI_RETRY_LOST);
    if (given_up || !asked || *left == 0 || !model_has_place(w, id)) {
        model_decide(w, id, MIRAI_OUTCOME_LOST);
        return;
    }
    --*left;
    model_again(w, id);
}

/* All that it has still, though it has broken the rules then, is claimed. */
static void lose_lent(world *w, daemon_model *daemon)
{
    while (model_promote(w, daemon)) {
        int task = daemon->task;
        model_let_go(w, daemon);
        lose(w, task, true);
    }
}

static void do_gone(world *w, uint32_t number, bool begun)
{
    if (w->live_count == 0) return;
    int index = (int)(number % (uint32_t)w->live_count), id = w->live[index];
    daemon_model *daemon = &w->daemons[id];
    if (number >> 20 & 1) model_revoke(w, daemon, 0); /* before or after */
    model_read_all(w, daemon);
    model_revoke(w, daemon, number >> 22 & 1 ? 0 : (int)(number >> 23 & 3));
    if (daemon->promoted || daemon->claims > 0) begun = daemon->claims > 0;
    mirai__sched_daemon_gone(&w->sched, &daemon->held->sched, begun, w->now);
    if (daemon->state != MIRAI__DAEMON_ENDING) model_end(w, daemon);
    w->counts.ending--;
    w->groups[daemon->group].ending--;
    w->live[index] = w->live[--w->live_count];
    int task = daemon->task, setup = daemon->setup;
    model_let_go(w, daemon);
    if (task != NOBODY) lose(w, task, begun);
    lose_lent(w, daemon);
    if (setup != NOBODY && begun && ++w->setups[setup].deaths >= 3) model_fail_setup(w, setup);
    daemon->state = 0;
    free(daemon->held);
    daemon->held = NULL;
}

static void do_advance(world *w)
{
    for (int id = w->oldest; id < w->task_count; id++)
        if (w->tasks[id].deadline <= w->now) model_take_back(w, id);
    mirai__sched_advance(&w->sched, w->now);
    for (int id = w->oldest; id < w->task_count; id++) {
        const task_model *task = &w->tasks[id];
        if (task->state != MIRAI_TASK_RESOLVED && task->deadline <= w->now)
            model_abandon(w, id, MIRAI_OUTCOME_TIMEDOUT);
    }
    model_catch_up(w, false); /* those that tasks were pinned to */
    for (int i = 0; i < w->live_count; i++) {
        daemon_model *daemon = &w->daemons[w->live[i]];
        if (daemon->kill_at == INT64_MIN) daemon->kill_at = model_after(w, w->grace);
        if (daemon->kill_at > w->now) continue;
        daemon->kill_at = MIRAI__NEVER;
        daemon->kill_due = true;
        if (daemon->state != MIRAI__DAEMON_ENDING) model_end(w, daemon);
    }
}

static void do_setup(world *w, uint32_t number)
{
    if (w->setup_count == SETUPS) return;
    int id = w->setup_count;
    held_setup *held = calloc(1, sizeof *held);
    held->id = id;
    held->sched.remembered = number % 3 != 0;
    mirai_status status = mirai__sched_setup_add(&w->sched, &held->sched, w->now);
    model_expect(w, status == (w->closing ? MIRAI_E_CLOSED : MIRAI_OK), "setup_add gave %d",
                 (int)status);
    if (status != MIRAI_OK) {
        free(held);
        return;
    }
    w->setups[id] = (setup_model){.held = held, .remembered = held->sched.remembered, .open = true};
    w->setup_count++;
    w->totals->setups++;
}

static void do_forget(world *w, uint32_t number)
{
    if (w->setup_count == 0) return;
    int id = (int)(number % (uint32_t)w->setup_count);
    setup_model *setup = &w->setups[id];
    if (!setup->held) return;
    mirai__sched_setup_remove(&w->sched, &setup->held->sched);
    model_withdraw(w, id, w->grace < 0 ? MIRAI__NEVER : INT64_MIN);
    free(setup->held);
    *setup = (setup_model){.held = NULL};
}

static void do_close(world *w, int how)
{
    if (how == MIRAI_CANCEL) model_take_all_back(w);
    mirai__sched_close(&w->sched, how, w->now);
    if (w->closing == MIRAI_CANCEL) return;
    w->closing = how;
    if (how == MIRAI_DRAIN) return;
    model_abandon_waiting(w, MIRAI_OUTCOME_CLOSED);
    for (int id = 0; id < w->setup_count; id++)
        if (w->setups[id].open) model_fail_setup(w, id);
    for (int i = 0; i < w->live_count; i++) {
        daemon_model *daemon = &w->daemons[w->live[i]];
        if (daemon->task != NOBODY)
            model_abandon(w, daemon->task, MIRAI_OUTCOME_CLOSED);
        else if (daemon->setup != NOBODY)
            model_stop(daemon, model_after(w, w->grace));
    }
}

static void do_time(world *w, int operation, uint32_t number)
{
    if (operation == MODEL_expire) {
        int64_t deadline = mirai__sched_deadline(&w->sched);
        if (deadline == MIRAI__NEVER) return;
        if (deadline > w->now) w->now = deadline;
    } else {
        w->now += number % 200;
    }
    if (operation != MODEL_tick) do_advance(w);
}

/* ---- a run ---- */

static void do_config(world *w, uint32_t number)
{
    static const int64_t graces[] = {-1, 0, 40, 1000};
    static const char *const tags[] = {NULL, NULL, "a", "b,a"};
    const mirai_resource resources[RESOURCES] = {{model_resources[0], 0.5 * (1 + number / 256 % 8)},
                                                 {model_resources[1], 1 + number / 2048 % 4}};
    mirai__sched_config config = {.daemons = number % 9,
                                  .start_timeout_ms = number / 16 % 3 == 0 ? -1 : 150,
                                  .grace_ms = graces[number / 64 % 4],
                                  .tags = tags[number >> 20 & 3],
                                  .resources = resources,
                                  .resource_count = (number >> 24) % (RESOURCES + 1)};
    mirai__sched_fini(&w->sched);
    mirai__sched_init(&w->sched, &config);
    w->group_count = 1;
    w->groups[0] =
        (group_model){.tags = config.tags, .wanted = config.daemons, .retry_at = INT64_MIN};
    for (size_t i = 0; i < config.resource_count; i++)
        w->total[i] = w->free[i] = (int64_t)(resources[i].amount * MIRAI__RESOURCE_PARTS);
    w->grace = config.grace_ms;
    model_set_ahead(w, number * 0x9e3779b1U >> 16);
    if (number % 3 == 0) model_set_near(w, number * 0x85ebca6bU >> 16);
    w->start_timeout = config.start_timeout_ms;
}

static void do_launch(world *w, uint32_t number)
{
    static const char *const tags[] = {NULL, "a", "b", "c", "c,a"};
    if (w->group_count == GROUPS) return;
    int32_t group = NOBODY;
    const char *its = tags[number / 8 % 5];
    mirai_status status = mirai__sched_group_add(&w->sched, number % 4, its, &group, w->now);
    model_expect(w, status == (w->closing ? MIRAI_E_CLOSED : MIRAI_OK), "group_add gave %d",
                 (int)status);
    if (status != MIRAI_OK) return;
    model_expect(w, group == w->group_count, "group %d", (int)group);
    w->groups[w->group_count++] =
        (group_model){.tags = its, .wanted = number % 4, .retry_at = INT64_MIN};
    w->totals->groups++;
}

static void do_size(world *w, uint32_t number)
{
    int id = (int)(number / 16 % (uint32_t)w->group_count);
    group_model *group = &w->groups[id];
    group->wanted = number % 10;
    int64_t room = group->wanted - group->starting - group->ready - group->spawning;
    if (room < 0) room = 0;
    if (group->dormant > room) group->dormant = room;
    mirai__sched_resize(&w->sched, id, group->wanted, w->now);
}

static void apply(world *w, model_event event)
{
    uint32_t number = event.number;
    switch (event.operation) {
    case MODEL_submit: model_submit(w, number, false, false); break;
    case MODEL_submit_nomem: model_submit(w, number, true, number % 2 == 0); break;
    case MODEL_demand: model_submit(w, number, false, true); break;
    case MODEL_unblock: model_unblock(w, number, false); break;
    case MODEL_fail_blocked: model_unblock(w, number, true); break;
    case MODEL_cancel_all: model_cancel_all(w); break;
    case MODEL_left: do_left(w, pick(w, number / 2), number); break;
    case MODEL_launch: do_launch(w, number); break;
    case MODEL_cancel: do_cancel(w, number); break;
    case MODEL_value: model_read(w, pick(w, number), MIRAI_OUTCOME_VALUE); break;
    case MODEL_fail: model_read(w, pick(w, number), MIRAI_OUTCOME_FAILED); break;
    case MODEL_claim: model_claim(w, pick(w, number), number / 64); break;
    case MODEL_grab: model_grab(w, pick(w, number)); break;
    case MODEL_ahead: model_set_ahead(w, number); break;
    case MODEL_near: model_set_near(w, number); break;
    case MODEL_spread: model_spread(w, number % 4 == 0); break;
    case MODEL_stray: do_stray(w, number); break;
    case MODEL_spawned: do_spawned(w, number, false); break;
    case MODEL_nomem: do_spawned(w, number, true); break;
    case MODEL_unspawned: do_unspawned(w, number); break;
    case MODEL_ready: do_ready(w, pick(w, number)); break;
    case MODEL_leave: do_leave(w, pick(w, number)); break;
    case MODEL_gone: do_gone(w, number, true); break;
    case MODEL_unread: do_gone(w, number, false); break;
    case MODEL_tick:
    case MODEL_advance:
    case MODEL_expire: do_time(w, event.operation, number); break;
    case MODEL_setup: do_setup(w, number); break;
    case MODEL_forget: do_forget(w, number); break;
    case MODEL_resize: do_size(w, number); break;
    case MODEL_drain: do_close(w, MIRAI_DRAIN); break;
    case MODEL_close: do_close(w, MIRAI_CANCEL); break;
    default: break;
    }
}

/* Some of the commands, and then further events before the others. */
static void do_take(world *w, uint32_t number)
{
    for (uint32_t i = 0; i <= number % 3 && w->broken[0] == 0 && model_take(w);) i++;
    if (w->hold < 2) w->hold = 2;
}

static void step(world *w, model_event event)
{
    apply(w, event);
    model_follow(w);
    w->totals->events++;
    if (event.operation == MODEL_take) do_take(w, event.number);
    if (event.operation == MODEL_hold) w->hold = 1 + (int)(event.number % 8);
    if (w->hold > 0)
        w->hold--; /* the commands wait for further events */
    else
        model_pump(w);
}

/* All that is outside answers, once. False when there was nothing to answer. */
static bool answer(world *w)
{
    bool any = model_spawning(w) > 0;
    while (model_spawning(w) > 0 && w->broken[0] == 0) step(w, (model_event){MODEL_spawned, 0});
    for (int i = w->live_count - 1; i >= 0 && w->broken[0] == 0; i--) {
        const daemon_model *daemon = &w->daemons[w->live[i]];
        int operation = daemon->attempt != 0                      ? MODEL_value
                        : daemon->state == MIRAI__DAEMON_STARTING ? MODEL_ready
                        : daemon->state == MIRAI__DAEMON_ENDING   ? MODEL_gone
                                                                  : MODEL_COUNT;
        if (operation == MODEL_COUNT) continue;
        step(w, (model_event){operation, (uint32_t)i});
        any = true;
    }
    return any;
}

static bool is_settled(const world *w)
{
    for (int id = 0; id < w->setup_count; id++)
        if (w->setups[id].open && w->closing != MIRAI_DRAIN) return false;
    for (int id = w->oldest; id < w->task_count && !w->closing; id++)
        if (w->tasks[id].state == MIRAI_TASK_QUEUED && !model_is_deserted(w, &w->tasks[id]))
            return false;
    return (w->counts.awaiting == 0 || !w->closing) && w->counts.executing == 0;
}

/* Where the world answers, all is resolved and reported in the end. */
static void settle(world *w)
{
    while (w->counts.blocked > 0 && w->broken[0] == 0) step(w, (model_event){MODEL_unblock, 0});
    if (model_wanted(w) == 0 && w->live_count == 0 && !w->closing) return; /* nobody is to come */
    for (int i = 0; w->broken[0] == 0 && !is_settled(w); i++) {
        if (!model_expect(w, i < 100000, "it does not settle")) return;
        if (answer(w)) continue;
        bool more = mirai__sched_deadline(&w->sched) != MIRAI__NEVER;
        if (model_wanted(w) == 0 && !w->closing && !more) return;
        if (!model_expect(w, more, "it is stuck")) return;
        step(w, (model_event){MODEL_expire, 0});
    }
}

static void finish(world *w, bool drain)
{
    w->hold = 0;
    if (w->broken[0] == 0) model_pump(w);
    settle(w);
    if (drain) step(w, (model_event){MODEL_drain, 0});
    if (w->closing) settle(w);
    step(w, (model_event){MODEL_close, 0});
    while (model_spawning(w) > 0 && w->broken[0] == 0) step(w, (model_event){MODEL_unspawned, 0});
    while (w->live_count > 0) step(w, (model_event){MODEL_gone, 0});
    model_expect(w, w->oldest == w->task_count, "task %d was never resolved", w->oldest);
    model_expect(w, mirai__sched_deadline(&w->sched) == MIRAI__NEVER,
                 "a closed pool has a deadline");
    for (int i = 0; i < RESOURCES; i++)
        model_expect(w, w->free[i] == w->total[i], "resource %d was not given back", i);
    model_expect(w, mirai__list_is_empty(&w->sched.shapes), "a requirement is left over");
    for (int id = 0; id < w->setup_count; id++)
        model_expect(w, !w->setups[id].open, "setup %d was never reported", id);
}

static void release(world *w)
{
    for (int id = 0; id < w->task_count; id++) free(w->tasks[id].held);
    for (int i = 0; i < w->live_count; i++) free(w->daemons[w->live[i]].held);
    for (int id = 0; id < w->setup_count; id++) free(w->setups[id].held);
    mirai__sched_fini(&w->sched);
}

const char *model_run(const model_event *events, size_t count, bool trace, size_t *at,
                      model_totals *totals)
{
    static world w;
    memset(&w, 0, offsetof(world, tasks));
    w.now = 1000;
    w.trace = trace;
    w.totals = totals;
    do_config(&w, count > 0 && events[0].operation == MODEL_config ? events[0].number : 0);
    for (*at = 0; *at < count; ++*at) {
        if (trace) printf("%s %u\n", model_names[events[*at].operation], events[*at].number);
        step(&w, events[*at]);
        if (w.broken[0] != 0) break;
    }
    if (w.broken[0] == 0) finish(&w, count % 2 == 0);
    const int64_t by_outcome[] = {w.counts.completed, w.counts.failed,     w.counts.cancelled,
                                  w.counts.timedout,  w.counts.lost_tasks, w.counts.closed};
    for (size_t i = 0; i < 6; i++) totals->by_outcome[i] += by_outcome[i];
    release(&w);
    static char broken[sizeof w.broken];
    memcpy(broken, w.broken, sizeof broken);
    return broken[0] != 0 ? broken : NULL;
}
