/*
 * Isolation of those who read slowly: a task that is cancelled, times out, is killed or stopped while it reads what it
 * got goes on to see its own bytes for as long as it lives, though the host has given up on it and submits others of
 * the same size, which see theirs.
 */
#include "cell.h"

#include <signal.h>

enum { READER = 0, CROWD = 6 };

/* A task that reads until it is told to end, and its files. */
typedef struct reader {
    const char *begun, *end, *verdict;
    mirai_task *task;
    uint64_t daemon, other;
} reader;

static reader start(mirai_pool *pool, const cell *at, mirai_submit_options *options)
{
    reader self = {story_path("begun"), story_path("end"), story_path("verdict"), NULL, cell_daemon(pool, READER),
                   cell_daemon(pool, 1 - READER)};
    cargo mine = cell_cargo(at, pool);
    mirai_value *files = mirai_list_of(mirai_string(self.begun), mirai_string(self.end), mirai_string(self.verdict),
                                       MIRAI_END);
    mirai_value *args = mirai_list_of(cargo_value(&mine), mirai_int((int64_t)at->size), mirai_int(CELL_PATTERN), files,
                                      MIRAI_END);
    options->daemon = self.daemon;
    self.task = story_submit_with(pool, "study", args, options);
    cell_overwrite(&mine);
    cargo_drop(&mine);
    if (options->timeout_ms <= 0) assert_true(story_until_file(self.begun)); /* else it may be over before */
    return self;
}

/* Others of the same size, which use again what can be used again. All must see their own bytes. */
static void crowd(mirai_pool *pool, const cell *at, uint64_t daemon)
{
    for (int i = 0; i < (at->size == CELL_LARGE ? 1 : CROWD); i++) {
        cargo mine;
        assert_true(cargo_make(&mine, at->kind, pool, at->size, (uint64_t)i));
        mirai_task *task = cell_submit(pool, daemon, "echo", cargo_value(&mine));
        cell_overwrite(&mine);
        cargo_drop(&mine);
        cell_expect_cargo(at, task, (uint64_t)i);
        mirai_task_release(task);
    }
}

/* What the reader saw, where it lives to say so. */
static void end_reading(reader *self)
{
    cell_touch(self->end);
    assert_true(story_until_file(self->verdict));
    assert_int_equal(story_read_number(self->verdict), -1);
}

static void forget(reader *self)
{
    mirai_task_release(self->task);
    story_remove_files();
}

/* It reads to its end, and its daemon goes on. */
static void expect_end(mirai_pool *pool, const cell *at, reader *self)
{
    end_reading(self);
    crowd(pool, at, self->daemon);
    forget(self);
}

/* A daemon that was lost in the middle; what comes in its place sees its own. */
static void expect_loss(mirai_pool *pool, const cell *at, reader *self, int64_t lost)
{
    crowd(pool, at, self->other);
    uint64_t fresh = cell_replaced(pool, self->other, lost);
    crowd(pool, at, fresh);
    assert_true(story_read_number(self->verdict) == -1); /* nothing bad, and no file at all */
    forget(self);
}

static void test_isolation_lease__cancelled(void **state)
{
    mirai_pool *pool = *state;
    FOR_EACH_CELL(at)
    {
        mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
        options.grace_ms = -1;
        reader slow = start(pool, &at, &options);
        story_assert_ok(mirai_task_cancel(slow.task, NULL));
        crowd(pool, &at, slow.other);
        (void)story_expect(slow.task, MIRAI_OUTCOME_CANCELLED);
        expect_end(pool, &at, &slow);
    }
}

/* In its grace period it reads on; then it is killed. */
static void test_isolation_lease__cancelled_and_killed(void **state)
{
    mirai_pool *pool = *state;
    FOR_EACH_CELL(at)
    {
        mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
        int64_t lost = story_status(pool).daemons_lost;
        options.grace_ms = 20;
        reader slow = start(pool, &at, &options);
        story_assert_ok(mirai_task_cancel(slow.task, NULL));
        expect_loss(pool, &at, &slow, lost);
    }
}

/* Whether or not it began in time. */
static void test_isolation_lease__timed_out(void **state)
{
    mirai_pool *pool = *state;
    FOR_EACH_CELL(at)
    {
        mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
        options.timeout_ms = story_bound_ms(50);
        options.grace_ms = -1;
        reader slow = start(pool, &at, &options);
        (void)story_expect(slow.task, MIRAI_OUTCOME_TIMEDOUT);
        crowd(pool, &at, slow.other);
        cell_touch(slow.end);
        crowd(pool, &at, slow.daemon);
        if (story_file_size(slow.verdict) > 0) assert_int_equal(story_read_number(slow.verdict), -1);
        forget(&slow);
    }
}

/* Nobody wants its result. */
static void test_isolation_lease__detached(void **state)
{
    mirai_pool *pool = *state;
    FOR_EACH_CELL(at)
    {
        mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
        reader slow = start(pool, &at, &options);
        mirai_task_release(slow.task);
        slow.task = NULL;
        crowd(pool, &at, slow.other);
        expect_end(pool, &at, &slow);
    }
}

static void test_isolation_lease__killed(void **state)
{
    mirai_pool *pool = *state;
    FOR_EACH_CELL(at)
    {
        mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
        int64_t lost = story_status(pool).daemons_lost;
        reader slow = start(pool, &at, &options);
        assert_int_equal(kill(cell_pid(pool, slow.daemon), SIGKILL), 0);
        expect_loss(pool, &at, &slow, lost);
    }
}

static void test_isolation_lease__stopped_and_resumed(void **state)
{
    mirai_pool *pool = *state;
    FOR_EACH_CELL(at)
    {
        mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
        options.grace_ms = -1;
        reader slow = start(pool, &at, &options);
        pid_t pid = cell_pid(pool, slow.daemon);
        bool cancelled = at.kind % 2 == 0;
        assert_int_equal(kill(pid, SIGSTOP), 0);
        if (cancelled) story_assert_ok(mirai_task_cancel(slow.task, NULL));
        crowd(pool, &at, slow.other);
        assert_int_equal(kill(pid, SIGCONT), 0);
        end_reading(&slow);
        (void)story_expect(slow.task, cancelled ? MIRAI_OUTCOME_CANCELLED : MIRAI_OUTCOME_VALUE);
        crowd(pool, &at, slow.daemon);
        forget(&slow);
    }
}

/* It comes back to requests of which one was given up, and all of whose memory has been used again in the host. */
static void test_isolation_lease__stopped_before_it_reads(void **state)
{
    mirai_pool *pool = *state;
    FOR_EACH_CELL(at)
    {
        mirai_task *tasks[2];
        mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
        uint64_t daemon = cell_daemon(pool, READER), other = cell_daemon(pool, 1 - READER);
        pid_t pid = cell_pid(pool, daemon);
        options.daemon = daemon;
        options.grace_ms = -1;
        assert_int_equal(kill(pid, SIGSTOP), 0);
        for (int i = 0; i < 2; i++) {
            cargo mine = cell_cargo(&at, pool);
            tasks[i] = story_submit_with(pool, "differs", cell_args(&at, cargo_value(&mine)), &options);
            cell_overwrite(&mine);
            cargo_drop(&mine);
        }
        story_assert_ok(mirai_task_cancel(tasks[0], NULL));
        crowd(pool, &at, other);
        assert_int_equal(kill(pid, SIGCONT), 0);
        (void)story_expect(tasks[0], MIRAI_OUTCOME_CANCELLED);
        cell_expect(&at, tasks[1]);
        mirai_task_release(tasks[0]);
        crowd(pool, &at, daemon);
    }
}

/* One that never comes back is found by its heart, and replaced. */
static void test_isolation_lease__stopped_and_replaced(void **state)
{
    (void)state;
    mirai_pool_options beating = MIRAI_POOL_OPTIONS_INIT;
    beating.heartbeat_ms = story_bound_ms(80);
    mirai_pool *pool = story_open_with(2, &beating);
    FOR_EACH_CELL(at)
    {
        if (at.kind != CARGO_ADOPTED && at.kind != CARGO_POOL) continue;
        mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
        int64_t lost = story_status(pool).daemons_lost;
        reader slow = start(pool, &at, &options);
        assert_int_equal(kill(cell_pid(pool, slow.daemon), SIGSTOP), 0);
        expect_loss(pool, &at, &slow, lost);
    }
    story_close(pool);
}

static int open_patient(void **state)
{
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.heartbeat_ms = -1; /* who is stopped is missed by nobody */
    *state = story_open_with(2, &options);
    return 0;
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, cell_setup));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_isolation_lease__cancelled),
        cmocka_unit_test(test_isolation_lease__cancelled_and_killed),
        cmocka_unit_test(test_isolation_lease__timed_out),
        cmocka_unit_test(test_isolation_lease__detached),
        cmocka_unit_test(test_isolation_lease__killed),
        cmocka_unit_test(test_isolation_lease__stopped_and_resumed),
        cmocka_unit_test(test_isolation_lease__stopped_before_it_reads),
        cmocka_unit_test(test_isolation_lease__stopped_and_replaced),
    };
    return cmocka_run_group_tests(tests, open_patient, story_close_state);
}
