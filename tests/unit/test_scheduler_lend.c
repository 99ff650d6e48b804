/*
 * What the scheduler lends to busy daemons, when it asks for it back, and what becomes of it.
 */
#include "lending_fixture.h"

/* Task 0 runs on the first daemon, and those up to `last` are lent to it. */
static fixture *begin_lent(void **state, int64_t daemons, int last)
{
    fixture *f = begin_lending(state, daemons, last);
    submit_lendable(f, 0, last);
    (void)expect_run(f, 0, 0);
    for (int i = 1; i <= last; i++) (void)expect_lend(f, 0, i);
    return f;
}

static void test_scheduler_lend__ignores_what_is_not_lent(void **state)
{
    fixture *f = begin_lending(state, 1, -1);
    assert_int_equal(f->sched.ahead, 0);
    mirai__sched_set_ahead(&f->sched, MIRAI__AHEAD_MAX + 1);
    assert_int_equal(f->sched.ahead, MIRAI__AHEAD_MAX);
    mirai__sched_set_ahead(&f->sched, 0);
    mirai__sched_recalled(&f->sched, &f->tasks[0]); /* not submitted */
    assert_int_equal(f->tasks[0].state, 0);
    submit_lendable(f, 0, 1);
    (void)expect_run(f, 0, 0);
    expect_none(f);
    mirai__sched_recalled(&f->sched, &f->tasks[0]); /* runs */
    mirai__sched_recalled(&f->sched, &f->tasks[1]); /* queued */
    assert_int_equal(f->sched.counts.executing, 1);
    assert_int_equal(f->sched.counts.awaiting, 1);
    assert_null(mirai__sched_last_lent(&f->daemons[0]));
    assert_null(mirai__sched_last_lent(&f->daemons[1])); /* not added */
    finish(f, 0, 0, MIRAI_OUTCOME_VALUE);
    mirai__sched_recalled(&f->sched, &f->tasks[0]); /* resolved, and not reported */
    expect_resolve(f, 0, MIRAI_OUTCOME_VALUE);
    (void)expect_run(f, 0, 1);
    expect_none(f);
}

static void test_scheduler_lend__is_in_order_up_to_its_limit(void **state)
{
    fixture *f = begin_lending(state, 1, 2);
    submit_lendable(f, 0, 3);
    uint64_t attempt = expect_run(f, 0, 0);
    for (int i = 1; i <= 2; i++) {
        mirai__sched_command command = expect_lend(f, 0, i);
        assert_int_equal(command.slot, i);
        assert_true(command.attempt > attempt);
        attempt = command.attempt;
    }
    expect_none(f);
    assert_int_equal(f->sched.lent, 2);
    assert_int_equal(f->sched.counts.awaiting, 3);
    assert_int_equal(f->sched.counts.executing, 1);
    assert_ptr_equal(mirai__sched_last_lent(&f->daemons[0]), &f->tasks[2]);
    assert_ptr_equal(mirai__sched_lent_before(&f->daemons[0], &f->tasks[2]), &f->tasks[1]);
    assert_null(mirai__sched_lent_before(&f->daemons[0], &f->tasks[1]));
    assert_false(mirai__sched_is_lent(&f->tasks[3]));
}

/* Each to the one that has fewer. */
static void test_scheduler_lend__is_shared_out(void **state)
{
    fixture *f = begin_lending(state, 2, 3);
    start(f, 1);
    submit_lendable(f, 0, 7);
    (void)expect_kind(f, MIRAI__COMMAND_RUN);
    (void)expect_kind(f, MIRAI__COMMAND_RUN);
    for (int i = 0; i < 4; i++) (void)expect_kind(f, MIRAI__COMMAND_LEND);
    assert_int_equal(f->daemons[0].lent_count, 2);
    assert_int_equal(f->daemons[1].lent_count, 2);
}

static void test_scheduler_lend__is_not_for_all(void **state)
{
    fixture *f = begin_lending(state, 2, 4);
    f->daemons[1].borrows = false;
    start(f, 1);
    submit_lendable(f, 0, 1);
    (void)expect_kind(f, MIRAI__COMMAND_RUN);
    (void)expect_kind(f, MIRAI__COMMAND_RUN);
    submit_lendable(f, 2, 3);
    (void)expect_lend(f, 0, 2); /* and none to the other */
    (void)expect_lend(f, 0, 3);
    submit(f, 4, 0, 0); /* not lendable, and those after it wait for it */
    submit_lendable(f, 5, 5);
    expect_none(f);
    assert_int_equal(cancel(f, 4), MIRAI_CANCEL_NEVER_RAN);
    expect_resolve(f, 4, MIRAI_OUTCOME_CANCELLED);
    (void)expect_lend(f, 0, 5);
    submit_request(f, 6, (mirai__sched_request){.priority = -1});
    expect_none(f);
}

static void test_scheduler_lend__waits_while_a_pinned_task_waits(void **state)
{
    fixture *f = begin_lending(state, 1, 4);
    submit_lendable(f, 0, 0);
    (void)expect_run(f, 0, 0);
    submit_request(f, 1, (mirai__sched_request){.daemon = &f->daemons[0]});
    submit_lendable(f, 2, 3);
    expect_none(f);
    finish(f, 0, 0, MIRAI_OUTCOME_VALUE);
    expect_resolve(f, 0, MIRAI_OUTCOME_VALUE);
    (void)expect_run(f, 0, 1);
    (void)expect_lend(f, 0, 2);
    (void)expect_lend(f, 0, 3);
}

static void test_scheduler_lend__is_not_for_a_task_that_was_tried(void **state)
{
    fixture *f = begin_lending(state, 2, 4);
    start(f, 1);
    submit_lendable(f, 0, 1);
    int first = expect_kind(f, MIRAI__COMMAND_RUN).daemon == &f->daemons[0] ? 0 : 1;
    (void)expect_kind(f, MIRAI__COMMAND_RUN);
    f->tasks[0].losses = 1;
    mirai__sched_daemon_gone(&f->sched, &f->daemons[first], false, f->now);
    submit_lendable(f, 2, 2);
    (void)expect_kind(f, MIRAI__COMMAND_SPAWN); /* and task 0 waits, with task 2 behind it */
    expect_none(f);
}

static void test_scheduler_lend__goes_on_with_the_result(void **state)
{
    fixture *f = begin_lent(state, 1, 2);
    assert_false(result(f, &f->daemons[0], f->tasks[1].attempt, MIRAI_OUTCOME_VALUE)); /* not its turn */
    finish(f, 0, 0, MIRAI_OUTCOME_VALUE);
    assert_int_equal(f->tasks[1].state, MIRAI_TASK_RUNNING);
    assert_int_equal(f->tasks[1].attempts, 1);
    assert_int_equal(f->daemons[0].attempt, f->tasks[1].attempt);
    assert_int_equal(f->sched.counts.awaiting, 1);
    assert_int_equal(f->sched.counts.executing, 1);
    assert_int_equal(f->sched.lent, 1);
    expect_resolve(f, 0, MIRAI_OUTCOME_VALUE);
    submit_lendable(f, 3, 3);
    (void)expect_lend(f, 0, 3);
    finish(f, 0, 1, MIRAI_OUTCOME_FAILED);
    finish(f, 0, 2, MIRAI_OUTCOME_VALUE);
    finish(f, 0, 3, MIRAI_OUTCOME_VALUE);
    expect_resolve(f, 1, MIRAI_OUTCOME_FAILED);
    expect_resolve(f, 2, MIRAI_OUTCOME_VALUE);
    expect_resolve(f, 3, MIRAI_OUTCOME_VALUE);
    expect_none(f);
    assert_int_equal(f->daemons[0].state, MIRAI__DAEMON_IDLE);
    assert_int_equal(f->sched.lent, 0);
    assert_int_equal(f->sched.counts.retried, 0);
}

/* ---- back ---- */

static void test_scheduler_lend__is_recalled_for_a_higher_priority(void **state)
{
    fixture *f = begin_lent(state, 1, 3);
    submit_request(f, 4, (mirai__sched_request){.priority = 1});
    expect_recall(f, 0, 3);
    give_back(f, 3); /* the others are begun, or have been */
    expect_none(f);
    finish(f, 0, 0, MIRAI_OUTCOME_VALUE);
    finish(f, 0, 1, MIRAI_OUTCOME_VALUE);
    finish(f, 0, 2, MIRAI_OUTCOME_VALUE);
    for (int i = 0; i < 3; i++) expect_resolve(f, i, MIRAI_OUTCOME_VALUE);
    (void)expect_run(f, 0, 4);
    (void)expect_lend(f, 0, 3);
    expect_none(f);
}

/* Also for one that comes back to the queue. */
static void test_scheduler_lend__is_recalled_for_a_retry_of_a_higher_priority(void **state)
{
    fixture *f = begin_lending(state, 2, 2);
    submit_lendable(f, 0, 0);
    (void)expect_run(f, 0, 0);
    f->daemons[1].borrows = false;
    start(f, 1);
    submit_request(f, 1, (mirai__sched_request){.priority = 1});
    (void)expect_run(f, 1, 1);
    submit_lendable(f, 2, 3);
    (void)expect_lend(f, 0, 2);
    (void)expect_lend(f, 0, 3);
    mirai__sched_daemon_gone(&f->sched, &f->daemons[1], false, f->now);
    expect_recall(f, 0, 2);
    give_back(f, 3);
    give_back(f, 2);
    finish(f, 0, 0, MIRAI_OUTCOME_VALUE);
    expect_resolve(f, 0, MIRAI_OUTCOME_VALUE);
    (void)expect_run(f, 0, 1);
}

static void test_scheduler_lend__is_recalled_for_a_setup(void **state)
{
    fixture *f = begin_lent(state, 1, 2);
    assert_int_equal(mirai__sched_setup_add(&f->sched, &f->setups[0], f->now), MIRAI_OK);
    expect_recall(f, 0, 2);
    give_back(f, 2);
    give_back(f, 1);
    expect_none(f); /* and not lent again */
    finish(f, 0, 0, MIRAI_OUTCOME_VALUE);
    expect_resolve(f, 0, MIRAI_OUTCOME_VALUE);
    uint64_t attempt = expect_setup(f, 0, 0);
    expect_none(f); /* nor while it is at the setup */
    assert_true(result(f, &f->daemons[0], attempt, MIRAI_OUTCOME_VALUE));
    expect_report(f, MIRAI__COMMAND_SETUP_DONE, 0);
    (void)expect_run(f, 0, 1);
    (void)expect_lend(f, 0, 2);
}

static void test_scheduler_lend__is_recalled_from_what_is_stopped(void **state)
{
    fixture *f = begin_lent(state, 1, 2);
    assert_int_equal(cancel(f, 0), MIRAI_CANCEL_INTERRUPTED);
    expect_resolve(f, 0, MIRAI_OUTCOME_CANCELLED);
    expect_recall(f, 0, 2);
    give_back(f, 2);
    give_back(f, 1);
    (void)expect_kind(f, MIRAI__COMMAND_INTERRUPT);
    expect_none(f);
    assert_true(result(f, &f->daemons[0], f->daemons[0].attempt, MIRAI_OUTCOME_FAILED));
    (void)expect_run(f, 0, 1);
    (void)expect_lend(f, 0, 2);
}

static void test_scheduler_lend__is_recalled_by_a_resize(void **state)
{
    fixture *f = begin_lent(state, 1, 2);
    mirai__sched_resize(&f->sched, 0, 0, f->now);
    expect_recall(f, 0, 2);
    give_back(f, 2);
    give_back(f, 1);
    expect_none(f);
    mirai__sched_resize(&f->sched, 0, 1, f->now);
    finish(f, 0, 0, MIRAI_OUTCOME_VALUE);
    expect_resolve(f, 0, MIRAI_OUTCOME_VALUE);
    (void)expect_run(f, 0, 1);
    (void)expect_lend(f, 0, 2);
}

static void test_scheduler_lend__is_recalled_from_one_that_leaves(void **state)
{
    fixture *f = begin_lent(state, 1, 3);
    mirai__sched_daemon_leaving(&f->sched, &f->daemons[0], f->now);
    expect_recall(f, 0, 3);
    give_back(f, 3);
    give_back(f, 2); /* task 1 is begun */
    expect_none(f);
    finish(f, 0, 0, MIRAI_OUTCOME_VALUE);
    mirai__sched_daemon_left(&f->sched, &f->daemons[0], false, f->now);
    expect_resolve(f, 0, MIRAI_OUTCOME_VALUE);
    expect_none(f);
    assert_int_equal(f->sched.counts.awaiting, 3);
    gone(f, 0);
    start(f, 1);
    (void)expect_run(f, 1, 1); /* at its place */
    (void)expect_lend(f, 1, 2);
    (void)expect_lend(f, 1, 3);
}

static void test_scheduler_lend__is_recalled_from_one_that_left(void **state)
{
    fixture *f = begin_lent(state, 1, 2);
    mirai__sched_daemon_left(&f->sched, &f->daemons[0], false, f->now);
    expect_recall(f, 0, 2);
    give_back(f, 2);
    give_back(f, 1);
    expect_none(f);
    gone(f, 0);
    start(f, 1);
    (void)expect_run(f, 1, 0); /* before them, as it was */
    (void)expect_lend(f, 1, 1);
    (void)expect_lend(f, 1, 2);
}

static void test_scheduler_lend__is_recalled_from_one_that_is_killed(void **state)
{
    fixture *f = begin_lent(state, 1, 1);
    assert_int_equal(cancel(f, 0), MIRAI_CANCEL_INTERRUPTED);
    expect_resolve(f, 0, MIRAI_OUTCOME_CANCELLED);
    advance_to(f, f->now + GRACE);
    expect_recall(f, 0, 1);
    give_back(f, 1);
    (void)expect_kind(f, MIRAI__COMMAND_KILL);
    expect_none(f);
    gone(f, 0);
    start(f, 1);
    (void)expect_run(f, 1, 1);
}

static void test_scheduler_lend__follows_what_may_be_lent(void **state)
{
    fixture *f = begin_lent(state, 1, 3);
    mirai__sched_set_ahead(&f->sched, 3);
    expect_none(f);
    mirai__sched_set_ahead(&f->sched, 1);
    expect_recall(f, 0, 3);
    for (int i = 3; i > 0; i--) give_back(f, i);
    (void)expect_lend(f, 0, 1);
    expect_none(f);
    mirai__sched_set_ahead(&f->sched, 2);
    (void)expect_lend(f, 0, 2);
    expect_none(f);
    mirai__sched_set_ahead(&f->sched, 0);
    expect_recall(f, 0, 2);
    give_back(f, 2);
    give_back(f, 1);
    expect_none(f);
}

static void test_scheduler_lend__is_halved_for_one_that_idles(void **state)
{
    fixture *f = begin_lent(state, 2, 5);
    start(f, 1);
    expect_recall(f, 0, 3);
    for (int i = 3; i > 0; i--) give_back(f, i);
    (void)expect_run(f, 1, 1);
    assert_ptr_equal(expect_kind(f, MIRAI__COMMAND_LEND).task, &f->tasks[2]);
    assert_ptr_equal(expect_kind(f, MIRAI__COMMAND_LEND).task, &f->tasks[3]);
    expect_none(f);
    assert_int_equal(f->sched.lent, 4);
}

/* It has begun the first half, and what it is at may take long: with the result before it is asked for more. */
static void test_scheduler_lend__is_asked_for_again_with_each_result(void **state)
{
    fixture *f = begin_lent(state, 2, 2);
    start(f, 1);
    expect_recall(f, 0, 1);
    expect_none(f);
    finish(f, 0, 0, MIRAI_OUTCOME_VALUE);
    expect_resolve(f, 0, MIRAI_OUTCOME_VALUE);
    expect_recall(f, 0, 1);
    give_back(f, 2);
    (void)expect_run(f, 1, 2);
    expect_none(f);
}

/* Where nothing came back there is no point in asking again, before more is lent. */
static void test_scheduler_lend__is_asked_for_once(void **state)
{
    fixture *f = begin_lent(state, 2, 1);
    mirai__sched_set_ahead(&f->sched, 2);
    start(f, 1);
    expect_recall(f, 0, 1); /* which is begun */
    expect_none(f);
    submit_lendable(f, 2, 4);
    (void)expect_run(f, 1, 2);
    (void)expect_lend(f, 1, 3);
    (void)expect_lend(f, 0, 4);
    finish(f, 1, 2, MIRAI_OUTCOME_VALUE);
    finish(f, 1, 3, MIRAI_OUTCOME_VALUE);
    expect_resolve(f, 2, MIRAI_OUTCOME_VALUE);
    expect_resolve(f, 3, MIRAI_OUTCOME_VALUE);
    expect_recall(f, 0, 1);
    give_back(f, 4);
    (void)expect_run(f, 1, 4);
}

/* Those that had left wake up for what is lent as for all that waits. */
static void test_scheduler_lend__wakes_dormant_daemons(void **state)
{
    fixture *f = begin_lending(state, 2, 2);
    start(f, 1);
    mirai__sched_daemon_left(&f->sched, &f->daemons[1], true, f->now);
    gone(f, 1);
    expect_none(f);
    submit_lendable(f, 0, 0);
    (void)expect_run(f, 0, 0);
    expect_none(f);
    submit_lendable(f, 1, 1);
    (void)expect_lend(f, 0, 1);
    (void)expect_kind(f, MIRAI__COMMAND_SPAWN);
}

/* ---- ends ---- */

static void test_scheduler_lend__is_cancelled_and_timed_out(void **state)
{
    fixture *f = begin_lent(state, 1, 3);
    give_back(f, 2);
    assert_int_equal(cancel(f, 2), MIRAI_CANCEL_NEVER_RAN);
    expect_resolve(f, 2, MIRAI_OUTCOME_CANCELLED);
    finish(f, 0, 0, MIRAI_OUTCOME_VALUE); /* task 1 is begun: so it runs */
    assert_int_equal(cancel(f, 1), MIRAI_CANCEL_INTERRUPTED);
    expect_resolve(f, 0, MIRAI_OUTCOME_VALUE);
    expect_resolve(f, 1, MIRAI_OUTCOME_CANCELLED);
    assert_int_equal(cancel(f, 3), MIRAI_CANCEL_INTERRUPTED); /* it may have been begun, for all that is known */
    expect_resolve(f, 3, MIRAI_OUTCOME_CANCELLED);
    (void)expect_kind(f, MIRAI__COMMAND_INTERRUPT); /* and nothing to recall */
    expect_none(f);
    assert_int_equal(f->sched.lent, 0);
    assert_true(result(f, &f->daemons[0], f->daemons[0].attempt, MIRAI_OUTCOME_FAILED));
    submit_lendable(f, 4, 4);
    (void)expect_run(f, 0, 4);
    submit_request(f, 5, (mirai__sched_request){.timeout_ms = 10});
    (void)expect_lend(f, 0, 5);
    assert_int_equal(mirai__sched_deadline(&f->sched), f->now + 10);
    give_back(f, 5);
    advance_to(f, f->now + 10);
    expect_resolve(f, 5, MIRAI_OUTCOME_TIMEDOUT);
    expect_none(f);
}

static void test_scheduler_lend__counts_as_begun_when_its_daemon_dies(void **state)
{
    fixture *f = begin_lending(state, 1, 3);
    submit_request(f, 0, (mirai__sched_request){.retries = 0});
    submit_request(f, 1, (mirai__sched_request){.retries = 1});
    submit_request(f, 2, (mirai__sched_request){.retries = 0});
    (void)expect_run(f, 0, 0);
    (void)expect_lend(f, 0, 1);
    (void)expect_lend(f, 0, 2);
    mirai__sched_daemon_gone(&f->sched, &f->daemons[0], false, f->now);
    expect_resolve(f, 2, MIRAI_OUTCOME_LOST);
    assert_int_equal(f->tasks[2].loss, MIRAI__LOSS_DIED);
    start(f, 1);
    (void)expect_run(f, 1, 0); /* not begun: it costs a loss */
    expect_none(f);            /* task 1 was tried */
    assert_int_equal(f->tasks[0].deaths, 0);
    assert_int_equal(f->tasks[1].deaths, 1);
    assert_int_equal(f->sched.lent, 0);
}

/* Whatever it was begun by, and also when it may be tried again. */
static void test_scheduler_lend__is_closed_with_the_pool(void **state)
{
    fixture *f = begin_lending(state, 1, 2);
    submit_lendable(f, 0, 0);
    submit_request(f, 1, (mirai__sched_request){.retries = 1});
    submit_lendable(f, 2, 2);
    (void)expect_run(f, 0, 0);
    (void)expect_lend(f, 0, 1);
    (void)expect_lend(f, 0, 2);
    give_back(f, 2);
    mirai__sched_close(&f->sched, MIRAI_CANCEL, f->now);
    expect_resolve(f, 2, MIRAI_OUTCOME_CLOSED);
    expect_resolve(f, 1, MIRAI_OUTCOME_CLOSED);
    expect_resolve(f, 0, MIRAI_OUTCOME_CLOSED);
    (void)expect_kind(f, MIRAI__COMMAND_INTERRUPT);
    expect_none(f);
    give_back(f, 1); /* late */
    gone(f, 0);
    expect_none(f);
    assert_true(mirai__sched_is_drained(&f->sched));
}

static void test_scheduler_lend__is_cancelled_with_all(void **state)
{
    fixture *f = begin_lent(state, 1, 2);
    give_back(f, 2);
    assert_int_equal(mirai__sched_cancel_all(&f->sched, f->now), 3);
    expect_resolve(f, 2, MIRAI_OUTCOME_CANCELLED);
    expect_resolve(f, 1, MIRAI_OUTCOME_CANCELLED);
    expect_resolve(f, 0, MIRAI_OUTCOME_CANCELLED);
    assert_int_equal(f->tasks[2].cancellation, MIRAI_CANCEL_NEVER_RAN);
    assert_int_equal(f->tasks[1].cancellation, MIRAI_CANCEL_INTERRUPTED);
    (void)expect_kind(f, MIRAI__COMMAND_INTERRUPT);
    expect_none(f);
}

/* It comes back to nobody. */
static void test_scheduler_lend__is_closed_when_a_pool_drains_and_nobody_stays(void **state)
{
    fixture *f = begin_lent(state, 1, 2);
    mirai__sched_close(&f->sched, MIRAI_DRAIN, f->now);
    mirai__sched_resize(&f->sched, 0, 0, f->now);
    mirai__sched_daemon_leaving(&f->sched, &f->daemons[0], f->now);
    expect_recall(f, 0, 2);
    give_back(f, 2);
    expect_resolve(f, 2, MIRAI_OUTCOME_CLOSED);
    give_back(f, 1);
    expect_resolve(f, 1, MIRAI_OUTCOME_CLOSED);
    expect_none(f);
}

/* ---- slots ---- */

/* Lent and revoked again and again during one attempt: no slot is given twice, so there is an end to it. */
static void test_scheduler_lend__runs_out_of_slots(void **state)
{
    fixture *f = begin_lending(state, 1, 1);
    submit_lendable(f, 0, 1);
    (void)expect_run(f, 0, 0);
    int lends = 0;
    mirai__sched_command command;
    for (mirai__sched_next(&f->sched, &command); command.kind == MIRAI__COMMAND_LEND && lends < 1000; lends++) {
        assert_int_equal(command.slot, lends + 1);
        give_back(f, 1);
        mirai__sched_next(&f->sched, &command);
    }
    assert_int_equal(command.kind, MIRAI__COMMAND_NONE);
    assert_in_range(lends, MIRAI__AHEAD_MAX, 255);
    finish(f, 0, 0, MIRAI_OUTCOME_VALUE);
    expect_resolve(f, 0, MIRAI_OUTCOME_VALUE);
    (void)expect_run(f, 0, 1);
    submit_lendable(f, 2, 2);
    (void)expect_lend(f, 0, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_scheduler_lend__ignores_what_is_not_lent),
        CASE(test_scheduler_lend__is_in_order_up_to_its_limit),
        CASE(test_scheduler_lend__is_shared_out),
        CASE(test_scheduler_lend__is_not_for_all),
        CASE(test_scheduler_lend__waits_while_a_pinned_task_waits),
        CASE(test_scheduler_lend__is_not_for_a_task_that_was_tried),
        CASE(test_scheduler_lend__goes_on_with_the_result),
        CASE(test_scheduler_lend__is_recalled_for_a_higher_priority),
        CASE(test_scheduler_lend__is_recalled_for_a_retry_of_a_higher_priority),
        CASE(test_scheduler_lend__is_recalled_for_a_setup),
        CASE(test_scheduler_lend__is_recalled_from_what_is_stopped),
        CASE(test_scheduler_lend__is_recalled_by_a_resize),
        CASE(test_scheduler_lend__is_recalled_from_one_that_leaves),
        CASE(test_scheduler_lend__is_recalled_from_one_that_left),
        CASE(test_scheduler_lend__is_recalled_from_one_that_is_killed),
        CASE(test_scheduler_lend__follows_what_may_be_lent),
        CASE(test_scheduler_lend__is_halved_for_one_that_idles),
        CASE(test_scheduler_lend__is_asked_for_again_with_each_result),
        CASE(test_scheduler_lend__is_asked_for_once),
        CASE(test_scheduler_lend__wakes_dormant_daemons),
        CASE(test_scheduler_lend__is_cancelled_and_timed_out),
        CASE(test_scheduler_lend__counts_as_begun_when_its_daemon_dies),
        CASE(test_scheduler_lend__is_closed_with_the_pool),
        CASE(test_scheduler_lend__is_cancelled_with_all),
        CASE(test_scheduler_lend__is_closed_when_a_pool_drains_and_nobody_stays),
        CASE(test_scheduler_lend__runs_out_of_slots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
