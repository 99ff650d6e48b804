/*
 * A soak: tasks of every kind mixed at random, on a pool that is resized meanwhile. Every handle resolves once, to what
 * its kind allows, and in the end memory, descriptors, threads and processes are back where they began.
 * MIRAI_TEST_SOAK sets how many tasks (3,000 unless told), MIRAI_TEST_SEED where the random numbers begin.
 */
#include "story.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SLOTS = 256, DAEMONS_MOST = 4 };

/* ---- functions of the daemon ---- */

/* Fails in the first attempt. */
static mirai_value *flaky(mirai_job *job, const mirai_value *args, void *context)
{
    (void)context;
    if (mirai_job_attempt(job) > 1) return mirai_value_ref(args);
    (void)mirai_error_set(MIRAI_E_USER, "the first attempt fails");
    return NULL;
}

/* Dies in the first attempt. */
static mirai_value *frail(mirai_job *job, const mirai_value *args, void *context)
{
    (void)context;
    if (mirai_job_attempt(job) == 1) (void)raise(SIGKILL);
    return mirai_value_ref(args);
}

/* Partial results 0, 1, 2, then the argument. */
static mirai_value *talk(mirai_job *job, const mirai_value *args, void *context)
{
    (void)context;
    if (mirai_job_progress(job, 0.5, "half") != MIRAI_OK) return NULL;
    for (int i = 0; i < 3; i++)
        if (mirai_job_emit(job, mirai_int(i)) != MIRAI_OK) return NULL;
    return mirai_value_ref(args);
}

/* Second item of a pair, where the first is there. */
static mirai_value *second(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    if (mirai_value_item(args, 0) == NULL) return NULL;
    return mirai_value_ref(mirai_value_item(args, 1));
}

static mirai_status setup(void)
{
    MIRAI_TRY(story_setup());
    MIRAI_TRY(mirai_function_register("flaky", flaky, NULL));
    MIRAI_TRY(mirai_function_register("frail", frail, NULL));
    MIRAI_TRY(mirai_function_register("talk", talk, NULL));
    return mirai_function_register("second", second, NULL);
}

/* ---- kinds of tasks ---- */

/* What a task of this kind may resolve to, apart from CANCELLED where it was cancelled. Values are its number. */
enum { VALUE = 1, FAILED = 2, LOST = 4, TIMEDOUT = 8 };

typedef enum kind { ECHO, SHARED, DEPENDENT, TALK, FAIL, FLAKY, CANCEL, OBEY, TIMEOUT, FRAIL, CRASH } kind;

static const struct {
    const char *function;
    int weight; /* in 1,000 */
    int allowed;
} kinds[] = {
    [ECHO] = {"echo", 600, VALUE},         [SHARED] = {"second", 80, VALUE},
    [DEPENDENT] = {"second", 80, VALUE | FAILED}, [TALK] = {"talk", 60, VALUE},
    [FAIL] = {"fail_text", 50, FAILED},    [FLAKY] = {"flaky", 30, VALUE},
    [CANCEL] = {"echo", 50, VALUE},        [OBEY] = {"obey", 10, 0},
    [TIMEOUT] = {"nap", 30, VALUE | TIMEDOUT}, [FRAIL] = {"frail", 6, VALUE},
    [CRASH] = {"crash", 4, LOST},
};

typedef struct slot {
    mirai_task *task; /* NULL: free */
    kind kind;
    int64_t number;
    bool cancelled;
    int calls; /* of on_resolved */
} slot;

typedef struct soak {
    mirai_pool *pool;
    mirai_value *shared;
    slot slots[SLOTS];
    uint64_t random;
    int64_t submitted, settled, outcomes[5]; /* value, failed, lost, timed out, cancelled */
} soak;

static uint64_t below(soak *self, uint64_t bound)
{
    self->random ^= self->random << 13;
    self->random ^= self->random >> 7;
    self->random ^= self->random << 17;
    return self->random % bound;
}

static void on_resolved(mirai_task *task, void *user)
{
    assert_int_equal(mirai_task_state(task), MIRAI_TASK_RESOLVED);
    ((slot *)user)->calls++;
}

static kind choose(soak *self)
{
    int at = (int)below(self, 1000);
    kind chosen = ECHO;
    while (at >= kinds[chosen].weight) at -= kinds[chosen++].weight;
    return chosen;
}

static mirai_value *arguments(soak *self, const slot *slot)
{
    mirai_task *other = self->slots[below(self, SLOTS)].task;
    switch (slot->kind) {
    case SHARED: return mirai_list_of(mirai_value_ref(self->shared), mirai_int(slot->number), MIRAI_END);
    case DEPENDENT:
        return mirai_list_of(other != NULL ? mirai_task_argument(other) : mirai_int(0), mirai_int(slot->number),
                             MIRAI_END);
    case FAIL: return mirai_string("it is meant to fail");
    case OBEY: return mirai_null();
    case TIMEOUT: return mirai_int((int64_t)below(self, 8));
    case CRASH: return mirai_string(below(self, 2) == 0 ? "kill" : "_exit3");
    default: return mirai_int(slot->number);
    }
}

static void submit(soak *self, slot *slot)
{
    mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
    slot->kind = choose(self);
    slot->number = ++self->submitted;
    slot->calls = 0;
    options.on_resolved = on_resolved;
    options.user = slot;
    if (below(self, 8) == 0) options.priority = (int32_t)below(self, 5) - 2;
    if (slot->kind == FLAKY) options.retry_on = MIRAI_RETRY_FAILED;
    if (slot->kind == FLAKY || slot->kind == FRAIL) options.retries = 1;
    if (slot->kind == TIMEOUT) options.timeout_ms = 1 + (int64_t)below(self, 20);
    mirai_value *args = arguments(self, slot);
    slot->task = story_submit_with(self->pool, kinds[slot->kind].function, args, &options);
    slot->cancelled = slot->kind == OBEY || (slot->kind == CANCEL && below(self, 2) == 0);
    if (slot->cancelled && below(self, 2) == 0) story_sleep_ms(0);
    if (slot->cancelled) story_assert_ok(mirai_task_cancel(slot->task, NULL));
}

static int settle_value(const slot *slot)
{
    const mirai_value *value = NULL;
    mirai_value *partial = NULL;
    for (int i = 0; slot->kind == TALK && i < 3; i++) {
        story_assert_ok(mirai_task_next_partial(slot->task, &partial, 0));
        assert_int_equal(mirai_value_int_or(partial, -1), i);
        mirai_value_release(partial);
    }
    if (slot->kind == TALK)
        assert_int_equal(mirai_task_next_partial(slot->task, &partial, 0), MIRAI_E_CLOSED);
    story_assert_ok(mirai_task_result(slot->task, &value));
    if (slot->kind != TIMEOUT) assert_int_equal(mirai_value_int_or(value, -1), slot->number);
    return VALUE;
}

/* A task that has resolved and whose callback has come. */
static void settle(soak *self, slot *slot)
{
    int got = 0;
    switch (mirai_task_outcome(slot->task)) {
    case MIRAI_OUTCOME_VALUE: got = settle_value(slot), self->outcomes[0]++; break;
    case MIRAI_OUTCOME_FAILED: got = FAILED, self->outcomes[1]++; break;
    case MIRAI_OUTCOME_LOST: got = LOST, self->outcomes[2]++; break;
    case MIRAI_OUTCOME_TIMEDOUT: got = TIMEDOUT, self->outcomes[3]++; break;
    case MIRAI_OUTCOME_CANCELLED: self->outcomes[4]++; break;
    default: fail_msg("task %lld has outcome %d", (long long)slot->number, mirai_task_outcome(slot->task));
    }
    if (got == 0 ? !slot->cancelled : (kinds[slot->kind].allowed & got) == 0) {
        const mirai_value *value = NULL;
        story_assert_ok(mirai_task_result(slot->task, &value));
        fail_msg("task %lld of kind %s resolved to %d: %s", (long long)slot->number, kinds[slot->kind].function,
                 mirai_task_outcome(slot->task), story_field(value, "message"));
    }
    assert_int_equal(slot->calls, 1);
    mirai_task_release(slot->task);
    slot->task = NULL;
    self->settled++;
}

/* ---- what happens beside them ---- */

/* Some elements go through a map; a daemon may be retired or die meanwhile, but not of them. */
static void map_some(soak *self)
{
    enum { MANY = 100 };
    mirai_map_options options = MIRAI_MAP_OPTIONS_INIT;
    mirai_map *map = NULL;
    mirai_value *items[MANY], *out = NULL;
    for (int i = 0; i < MANY; i++) items[i] = mirai_int(i);
    options.unordered = (int32_t)below(self, 2);
    options.chunk = (size_t)below(self, 20);
    story_assert_ok(mirai_map_start(self->pool, &map, "echo", mirai_list(items, MANY), &options));
    if (below(self, 4) == 0) {
        story_assert_ok(mirai_map_cancel(map));
    } else {
        story_assert_ok(mirai_map_collect(map, STORY_PATIENCE, &out));
        assert_int_equal(mirai_value_count(out), MANY);
        for (size_t i = 0; i < MANY; i++)
            assert_int_equal(mirai_value_int_or(mirai_value_item(out, i), -1), i);
    }
    mirai_value_release(out);
    mirai_map_release(map);
}

static void disturb(soak *self)
{
    switch (below(self, 5)) {
    case 4: map_some(self); return;
    case 0: story_assert_ok(mirai_pool_resize(self->pool, 1 + (int32_t)below(self, DAEMONS_MOST))); return;
    case 1: {
        mirai_everywhere_options options = MIRAI_EVERYWHERE_OPTIONS_INIT;
        options.timeout_ms = STORY_PATIENCE;
        story_assert_ok(mirai_pool_everywhere(self->pool, "soak", "remember", mirai_int(self->submitted), &options));
        return;
    }
    case 2:
        mirai_value_release(self->shared);
        self->shared = mirai_share(self->pool, mirai_string("shared by many"));
        assert_non_null(self->shared);
        return;
    default: story_assert_ok(mirai_pool_settle(self->pool, STORY_PATIENCE)); return;
    }
}

static void run(soak *self, int64_t total)
{
    while (self->settled < total) {
        slot *slot = &self->slots[below(self, SLOTS)];
        if (slot->task == NULL) {
            if (self->submitted < total) submit(self, slot);
        } else if (slot->calls > 0 || below(self, 4) == 0) {
            story_assert_ok(mirai_task_wait(slot->task, STORY_PATIENCE));
            while (slot->calls == 0) (void)mirai_pool_process(self->pool, NULL);
            settle(self, slot);
        }
        if (below(self, 16) == 0) (void)mirai_pool_process(self->pool, NULL);
        if (self->submitted < total && below(self, 1000) == 0) disturb(self);
    }
}

/* ---- the case ---- */

static int64_t number_of(const char *name, int64_t otherwise)
{
    const char *text = getenv(name);
    return text != NULL && *text != '\0' ? atoll(text) : otherwise;
}

static void live(int64_t total, uint64_t seed)
{
    static soak self;
    self = (soak){.random = seed * UINT64_C(0x9e3779b97f4a7c15) | 1, .pool = story_open(2)};
    int fd;
    story_assert_ok(mirai_pool_fd(self.pool, &fd));
    self.shared = mirai_share(self.pool, mirai_string("shared by many"));
    assert_non_null(self.shared);
    run(&self, total);
    mirai_pool_status status = story_status(self.pool);
    assert_int_equal(status.submitted, status.completed + status.failed + status.cancelled + status.timedout +
                                           status.lost + status.closed);
    assert_int_equal(status.awaiting + status.blocked + status.executing, 0);
    assert_int_equal(status.bytes_used, 0);
    mirai_value_release(self.shared);
    story_close(self.pool);
    (void)printf("%lld tasks: %lld values, %lld failed, %lld lost, %lld timed out, %lld cancelled; %lld daemons lost, "
                 "%lld attempts more\n",
                 (long long)total, (long long)self.outcomes[0], (long long)self.outcomes[1],
                 (long long)self.outcomes[2], (long long)self.outcomes[3], (long long)self.outcomes[4],
                 (long long)status.daemons_lost, (long long)status.retried);
}

static void test_soak__resolves_all_and_leaves_nothing(void **state)
{
    (void)state;
    uint64_t seed = (uint64_t)number_of("MIRAI_TEST_SEED", (int64_t)getpid());
    int64_t total = number_of("MIRAI_TEST_SOAK", story_bound_ms(1) > 3 ? 1000 : 3000);
    (void)printf("MIRAI_TEST_SEED=%llu MIRAI_TEST_SOAK=%lld\n", (unsigned long long)seed, (long long)total);
    live(2000 < total ? 2000 : total, seed + 1); /* until allocators and NNG have what they keep */
    size_t descriptors = story_descriptors(), threads = story_threads();
    int64_t rss_kib = story_rss_kib();
    live(total, seed);
    (void)printf("%zu -> %zu descriptors, %zu -> %zu threads, %lld -> %lld KiB\n", descriptors, story_descriptors(),
                 threads, story_threads(), (long long)rss_kib, (long long)story_rss_kib());
    assert_true(story_until_descriptors(descriptors));
    assert_true(story_until_threads(threads));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    if (!story_in_valgrind()) assert_true(story_rss_kib() - rss_kib < 4096);
#endif
    pid_t left[8];
    assert_int_equal(story_descendants(getpid(), left, 8), 0);
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, setup));
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_soak__resolves_all_and_leaves_nothing)};
    return cmocka_run_group_tests_name("soak", tests, NULL, NULL);
}
