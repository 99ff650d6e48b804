/*
 * The scheduler under random events, against the model (scheduler_model.h). A sequence that breaks
 * it is cut down and printed as a list, one event a line, which MIRAI_SCHEDULER_REPLAY=<file> runs
 * again. MIRAI_SCHEDULER_EVENTS: how many events; MIRAI_SCHEDULER_SEED: from where;
 * MIRAI_SCHEDULER_TRACE=1: print each event before it is done, for a sequence that crashes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler_model.h"

static model_event events[MODEL_EVENTS_MAX], fewer[MODEL_EVENTS_MAX];

static uint64_t next_random(uint64_t *seed)
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15U;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
    z = (z ^ z >> 27) * 0x94d049bb133111ebU;
    return z ^ z >> 31;
}

static int64_t setting(const char *name, int64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoll(text, NULL, 10) : otherwise;
}

/* What is there in a sequence in which tasks mostly come and go. */
static bool is_needed(int operation, bool calm)
{
    bool steady = operation == MODEL_claim || operation == MODEL_hold || operation == MODEL_take;
    return operation == MODEL_submit || operation == MODEL_value || operation == MODEL_spawned ||
           operation == MODEL_ready || (calm && steady);
}

/* Each sequence has weights of its own, so that some are all crashes and others all cancels; in calm ones much is
 * lent. */
static size_t make(uint64_t seed)
{
    static const unsigned usual[MODEL_COUNT] = {
        [MODEL_submit] = 40,   [MODEL_submit_nomem] = 1, [MODEL_cancel] = 8,   [MODEL_value] = 30,
        [MODEL_fail] = 4,      [MODEL_stray] = 4,        [MODEL_spawned] = 20, [MODEL_nomem] = 1,
        [MODEL_unspawned] = 2, [MODEL_ready] = 20,       [MODEL_leave] = 2,    [MODEL_gone] = 6,
        [MODEL_tick] = 6,      [MODEL_advance] = 8,      [MODEL_expire] = 6,   [MODEL_setup] = 3,
        [MODEL_forget] = 1,    [MODEL_resize] = 2,       [MODEL_hold] = 10,    [MODEL_take] = 10,
        [MODEL_demand] = 30,   [MODEL_unblock] = 6,      [MODEL_left] = 4,     [MODEL_unread] = 4,
        [MODEL_launch] = 1,    [MODEL_fail_blocked] = 1, [MODEL_cancel_all] = 1,
        [MODEL_ahead] = 2,     [MODEL_claim] = 30,    [MODEL_grab] = 1,
        [MODEL_near] = 2,      [MODEL_spread] = 4};
    static const unsigned factors[] = {0, 1, 1, 1, 4, 16};
    unsigned weights[MODEL_COUNT], sum = 0;
    bool lively = next_random(&seed) % 8 > 0; /* work comes, and daemons to do it */
    bool calm = next_random(&seed) % 3 == 0;
    for (int i = 0; i < MODEL_COUNT; i++) {
        bool needed = is_needed(i, calm);
        unsigned least = lively && needed;
        unsigned factor = factors[least + next_random(&seed) % (6 - least)];
        if (calm && !needed) factor = factor == 16;
        weights[i] = usual[i] * factor;
        sum += weights[i];
    }
    uint64_t kind = next_random(&seed) % 20;
    size_t count = kind == 0 ? 4000 : kind < 8 ? 40 : 400;
    events[0] = (model_event){MODEL_config, (uint32_t)next_random(&seed)};
    for (size_t i = 1; i < count; i++) {
        unsigned ticket = sum == 0 ? 0 : (unsigned)(next_random(&seed) % sum);
        int operation = 0;
        while (operation < MODEL_COUNT - 1 && ticket >= weights[operation])
            ticket -= weights[operation++];
        events[i] = (model_event){operation, (uint32_t)next_random(&seed)};
    }
    if (kind % 3 == 0) events[count * 3 / 4].operation = MODEL_drain;
    if (kind % 5 == 0) events[count - count / 8].operation = MODEL_close;
    return count;
}

/* Leave out what can be left out while something is still broken. */
static size_t cut_down(size_t count)
{
    model_totals totals;
    size_t at;
    for (size_t chunk = count / 2; chunk > 0; chunk /= 2) {
        for (size_t from = 1; from + chunk <= count;) {
            memcpy(fewer, events, from * sizeof *events);
            memcpy(fewer + from, events + from + chunk, (count - from - chunk) * sizeof *events);
            if (model_run(fewer, count - chunk, false, &at, &totals)) {
                count -= chunk;
                memcpy(events, fewer, count * sizeof *events);
            } else {
                from += chunk;
            }
        }
    }
    return count;
}

static void tell(size_t count)
{
    model_totals totals = {0};
    size_t at;
    const char *broken = model_run(events, count, false, &at, &totals);
    printf("# %s, at event %zu of %zu\n", broken ? broken : "nothing is broken", at, count);
    for (size_t i = 0; i < count; i++)
        printf("%s %u\n", model_names[events[i].operation], events[i].number);
}

static void test_scheduler_random__keeps_its_contract(void **state)
{
    (void)state;
    int64_t most = setting("MIRAI_SCHEDULER_EVENTS", 500000);
    uint64_t seed = (uint64_t)setting("MIRAI_SCHEDULER_SEED", 1);
    bool trace = setting("MIRAI_SCHEDULER_TRACE", 0) != 0;
    model_totals totals = {0};
    const char *broken = NULL;
    size_t count = 0, at;
    while (totals.events < most) {
        count = make(seed);
        broken = model_run(events, count, trace, &at, &totals);
        if (broken) break;
        seed++;
    }
    printf("# %" PRId64 " events, %" PRId64 " tasks, %" PRId64 " runs, %" PRId64 " setups, %" PRId64
           " spawns, %" PRId64 " kills, %" PRId64 " interrupts\n",
           totals.events, totals.tasks, totals.runs, totals.setups, totals.spawns, totals.kills,
           totals.interrupts);
    printf("# value %" PRId64 ", failed %" PRId64 ", cancelled %" PRId64 ", timed out %" PRId64
           ", lost %" PRId64 ", closed %" PRId64 "\n",
           totals.by_outcome[0], totals.by_outcome[1], totals.by_outcome[2], totals.by_outcome[3],
           totals.by_outcome[4], totals.by_outcome[5]);
    printf("# queued again %" PRId64 ", retired %" PRId64 ", infeasible %" PRId64
           ", dormant %" PRId64 ", roused %" PRId64 ", groups %" PRId64 "\n",
           totals.again, totals.retired, totals.infeasible, totals.dormant, totals.roused,
           totals.groups);
    printf("# lent %" PRId64 " (%" PRId64 " although another idled), recalled %" PRId64 ", claimed %" PRId64 "\n",
           totals.lent, totals.near, totals.recalled, totals.claimed);
    if (broken) {
        printf("# seed %" PRIu64 ": %s, at event %zu of %zu; cut down:\n", seed, broken, at, count);
        tell(cut_down(count));
    }
    assert_null(broken);
    for (int i = 0; i < 6; i++) assert_true(totals.by_outcome[i] > 0 || most < 200000);
    bool lends = totals.lent > 0 && totals.near > 0 && totals.recalled > 0 && totals.claimed > 0;
    assert_true(lends || most < 200000);
}

static int operation_of(const char *name)
{
    for (int i = 0; i < MODEL_COUNT; i++)
        if (strcmp(name, model_names[i]) == 0) return i;
    return -1;
}

static void test_scheduler_random__replays_a_list(void **state)
{
    (void)state;
    const char *path = getenv("MIRAI_SCHEDULER_REPLAY");
    if (!path) skip();
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    char line[128], name[32];
    size_t count = 0, at;
    unsigned number;
    while (fgets(line, sizeof line, file) && count < MODEL_EVENTS_MAX) {
        if (line[0] == '#' || sscanf(line, "%31s %u", name, &number) != 2) continue;
        assert_int_not_equal(operation_of(name), -1);
        events[count++] = (model_event){operation_of(name), number};
    }
    (void)fclose(file);
    model_totals totals = {0};
    const char *broken = model_run(events, count, true, &at, &totals);
    printf("# %s, at event %zu of %zu\n", broken ? broken : "nothing is broken", at, count);
    assert_null(broken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scheduler_random__keeps_its_contract),
        cmocka_unit_test(test_scheduler_random__replays_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
