/*
 * What tasks ask of the scheduler: order, place, resources, waiting for others, and being tried
 * again.
 */
#include "scheduler_fixture.h"

#include "fault.h"

static const mirai_resource there[] = {{"cpus", 2}, {"gpus", 3}};

/* Daemons 0 to daemons - 1 of group 0 are ready; tags and resources as above. */
static fixture *with(void **state, int daemons)
{
    fixture *f = *state;
    mirai__sched_config config = {.daemons = daemons,
                                  .start_timeout_ms = START,
                                  .grace_ms = GRACE,
                                  .tags = "red,blue",
                                  .resources = there,
                                  .resource_count = 2};
    mirai__sched_init(&f->sched, &config);
    f->now = 1000;
    for (int i = 0; i < daemons; i++) start(f, i);
    return f;
}

static void ask(fixture *f, int task, mirai__sched_request request)
{
    assert_int_equal(mirai__sched_submit(&f->sched, &f->tasks[task], &request, f->now), MIRAI_OK);
}

static void refuse(fixture *f, mirai__sched_request request, mirai_status status)
{
    assert_int_equal(mirai__sched_submit(&f->sched, &f->tasks[7], &request, f->now), status);
    assert_int_equal(f->tasks[7].state, 0);
    assert_true(mirai__list_is_empty(&f->sched.shapes));
}

static void end(fixture *f, int daemon, mirai_outcome outcome)
{
    assert_true(result(f, &f->daemons[daemon], f->daemons[daemon].attempt, outcome));
}

static void lose(fixture *f, int daemon, bool begun)
{
    mirai__sched_daemon_gone(&f->sched, &f->daemons[daemon], begun, f->now);
    f->daemons[daemon] = (mirai__sched_daemon){.state = 0};
}

static void test_scheduler_demand__refuses_what_can_never_be_met(void **state)
{
    fixture *f = with(state, 1);
    const mirai_resource other = {"disks", 1}, many = {"cpus", 2.001}, twice[] = {there[0], there[0]};
    refuse(f, (mirai__sched_request){.resources = &other, .resource_count = 1}, MIRAI_E_INFEASIBLE);
    refuse(f, (mirai__sched_request){.resources = &many, .resource_count = 1}, MIRAI_E_INFEASIBLE);
    refuse(f, (mirai__sched_request){.resources = twice, .resource_count = 2}, MIRAI_E_INFEASIBLE);
    refuse(f, (mirai__sched_request){.tag = "re"}, MIRAI_E_INFEASIBLE);
    refuse(f, (mirai__sched_request){.tag = "red,blue"}, MIRAI_E_INFEASIBLE);
    refuse(f, (mirai__sched_request){.daemon = &f->daemons[1]}, MIRAI_E_INFEASIBLE);
    refuse(f, (mirai__sched_request){.daemon = &f->daemons[0], .tag = "green"}, MIRAI_E_INFEASIBLE);
    for (int i = 1; i < 4; i++) { /* a shape, room for its heap, room for the time-out */
        mirai__fault_arm(i, false);
        mirai__sched_request request = {.tag = "red", .priority = 1, .timeout_ms = 5};
        mirai_status status = mirai__sched_submit(&f->sched, &f->tasks[7], &request, f->now);
        mirai__fault_arm(0, false);
        assert_int_equal(status, MIRAI_E_NOMEM);
        assert_true(mirai__list_is_empty(&f->sched.shapes));
    }
    assert_int_equal(f->sched.counts.submitted, 0);
    ask(f, 0, (mirai__sched_request){.tag = "blue", .daemon = &f->daemons[0]});
    expect_run(f, 0, 0);
    end(f, 0, MIRAI_OUTCOME_VALUE);
    expect_resolve(f, 0, MIRAI_OUTCOME_VALUE);
    assert_true(mirai__list_is_empty(&f->sched.shapes)); /* freed with its last task */
}

static void test_scheduler_demand__runs_by_priority(void **state)
{
    fixture *f = with(state, 1);
    const int32_t priorities[] = {0, -1000, 5, 0, 1000, 5};
    const int order[] = {4, 2, 5, 0, 3, 1};
    for (int i = 0; i < 6; i++)
        ask(f, i, (mirai__sched_request){.priority = priorities[i], .tag = i % 2 ? "red" : NULL});
    for (int i = 0; i < 6; i++) {
        expect_run(f, 0, order[i]);
        end(f, 0, MIRAI_OUTCOME_VALUE);
        expect_resolve(f, order[i], MIRAI_OUTCOME_VALUE);
    }
    expect_none(f);
}

static void test_scheduler_demand__passes_over_what_does_not_fit(void **state)
{
    fixture *f = with(state, 3);
    const mirai_resource one = {"cpus", 1}, most = {"cpus", 1.5};
    ask(f, 0, (mirai__sched_request){.resources = &one, .resource_count = 1});
    ask(f, 1, (mirai__sched_request){.resources = &most, .resource_count = 1});
    ask(f, 2, (mirai__sched_request){.resources = &one, .resource_count = 1});
    ask(f, 3, (mirai__sched_request){.resources = &one, .resource_count = 1});
    expect_run(f, 2, 0);
    expect_run(f, 1, 2); /* first fit */
    expect_none(f);
    assert_string_equal(mirai__sched_missing(&f->sched, &f->tasks[3])->name, "cpus");
    assert_int_equal(cancel(f, 0), MIRAI_CANCEL_INTERRUPTED);
    expect_resolve(f, 0, MIRAI_OUTCOME_CANCELLED);
    expect_kind(f, MIRAI__COMMAND_INTERRUPT);
    expect_none(f); /* its daemon still holds what it took */
    end(f, 2, MIRAI_OUTCOME_VALUE);
    expect_run(f, 2, 3);
    lose(f, 2, true);
    expect_resolve(f, 3, MIRAI_OUTCOME_LOST);
    assert_int_equal(f->sched.resources[0].free, MIRAI__RESOURCE_PARTS); /* given back by the dead */
    end(f, 1, MIRAI_OUTCOME_VALUE);
    expect_resolve(f, 2, MIRAI_OUTCOME_VALUE);
    expect_run(f, 1, 1);
}

static void test_scheduler_demand__assigns_devices(void **state)
{
    fixture *f = with(state, 3);
    const mirai_resource one = {"gpus", 1}, two = {"gpus", 2};
    ask(f, 0, (mirai__sched_request){.resources = &one, .resource_count = 1});
    ask(f, 1, (mirai__sched_request){.resources = &two, .resource_count = 1});
    ask(f, 2, (mirai__sched_request){.resources = &two, .resource_count = 1});
    assert_int_equal(expect_kind(f, MIRAI__COMMAND_RUN).devices, 1);
    assert_int_equal(expect_kind(f, MIRAI__COMMAND_RUN).devices, 6);
    expect_none(f);
    end(f, 2, MIRAI_OUTCOME_VALUE);
    expect_resolve(f, 0, MIRAI_OUTCOME_VALUE);
    expect_none(f);
    end(f, 1, MIRAI_OUTCOME_VALUE);
    expect_resolve(f, 1, MIRAI_OUTCOME_VALUE);
    assert_int_equal(expect_kind(f, MIRAI__COMMAND_RUN).devices, 3);
}

static void test_scheduler_demand__keeps_to_its_daemon(void **state)
{
    fixture *f = with(state, 2);
    ask(f, 0, (mirai__sched_request){.daemon = &f->daemons[0]});
    ask(f, 1, (mirai__sched_request){.daemon = &f->daemons[0], .retries = 5});
    ask(f, 2, (mirai__sched_request){.daemon = &f->daemons[0], .waits = 1});
    expect_run(f, 0, 0);
    expect_none(f); /* daemon 1 idles */
    end(f, 0, MIRAI_OUTCOME_VALUE);
    expect_resolve(f, 0, MIRAI_OUTCOME_VALUE);
    expect_run(f, 0, 1);
    lose(f, 0, true);
    expect_resolve(f, 2, MIRAI_OUTCOME_LOST);
    assert_int_equal(f->tasks[2].loss, MIRAI__LOSS_STRANDED);
    expect_resolve(f, 1, MIRAI_OUTCOME_LOST); /* there is nowhere to try again */
    assert_int_equal(f->tasks[1].loss, MIRAI__LOSS_DIED);
    expect_kind(f, MIRAI__COMMAND_SPAWN);
}

static void test_scheduler_demand__blocks_until_all_is_there(void **state)
{
    fixture *f = with(state, 1);
    ask(f, 0, (mirai__sched_request){.waits = 2, .timeout_ms = 50});
    ask(f, 1, (mirai__sched_request){.waits = 1});
    ask(f, 2, (mirai__sched_request){.waits = 1});
    ask(f, 3, (mirai__sched_request){.waits = 1});
    submit(f, 4, 0, 0);
    assert_int_equal(f->sched.counts.blocked, 4);
    expect_run(f, 0, 4);
    mirai__sched_unblock(&f->sched, &f->tasks[4], f->now); /* ignored: it is not blocked */
    mirai__sched_unblock(&f->sched, &f->tasks[0], f->now);
    assert_int_equal(f->tasks[0].state, MIRAI_TASK_BLOCKED);
    mirai__sched_fail_blocked(&f->sched, &f->tasks[1], f->now);
    expect_resolve(f, 1, MIRAI_OUTCOME_FAILED);
    assert_int_equal(cancel(f, 2), MIRAI_CANCEL_NEVER_RAN);
    expect_resolve(f, 2, MIRAI_OUTCOME_CANCELLED);
    advance_to(f, f->now + 50);
    expect_resolve(f, 0, MIRAI_OUTCOME_TIMEDOUT);
    mirai__sched_unblock(&f->sched, &f->tasks[0], f->now); /* too late */
    mirai__sched_close(&f->sched, MIRAI_DRAIN, f->now);
    assert_false(mirai__sched_is_drained(&f->sched));
    mirai__sched_unblock(&f->sched, &f->tasks[3], f->now);
    end(f, 0, MIRAI_OUTCOME_VALUE);
    expect_resolve(f, 4, MIRAI_OUTCOME_VALUE);
    expect_run(f, 0, 3);
    mirai__sched_close(&f->sched, MIRAI_CANCEL, f->now);
    expect_resolve(f, 3, MIRAI_OUTCOME_CLOSED);
}

static void test_scheduler_demand__is_tried_again_before_what_came_later(void **state)
{
    fixture *f = with(state, 2);
    for (int i = 0; i < 2; i++) ask(f, i, (mirai__sched_request){.retries = 1});
    for (int i = 2; i < 4; i++) submit(f, i, 0, 0);
    expect_run(f, 1, 0);
    expect_run(f, 0, 1);
    lose(f, 1, true);
    lose(f, 0, true);
    assert_int_equal(f->sched.counts.executing, 0);
    start(f, 0);
    expect_run(f, 0, 0);
    assert_int_equal(f->tasks[0].attempts, 2);
    end(f, 0, MIRAI_OUTCOME_FAILED); /* which it is not tried again for */
    expect_resolve(f, 0, MIRAI_OUTCOME_FAILED);
    expect_run(f, 0, 1);
    lose(f, 0, true);
    expect_resolve(f, 1, MIRAI_OUTCOME_LOST); /* no retries are left */
    assert_int_equal(f->sched.counts.retried, 2);
}

static void test_scheduler_demand__is_tried_again_when_it_failed(void **state)
{
    fixture *f = with(state, 1);
    ask(f, 0, (mirai__sched_request){.retries = 1, .retry_on = MIRAI_RETRY_FAILED});
    expect_run(f, 0, 0);
    end(f, 0, MIRAI_OUTCOME_FAILED);
    assert_null(f->task); /* the result is dropped */
    expect_run(f, 0, 0);
    end(f, 0, MIRAI_OUTCOME_FAILED);
    assert_ptr_equal(f->task, &f->tasks[0]);
    expect_resolve(f, 0, MIRAI_OUTCOME_FAILED);
    assert_int_equal(f->tasks[0].attempts, 2);
}

static void test_scheduler_demand__is_not_blamed_for_what_was_not_begun(void **state)
{
    fixture *f = with(state, 1);
    ask(f, 0, (mirai__sched_request){.losses = 2, .retries = 9});
    for (int i = 0; i < 2; i++) {
        expect_run(f, 0, 0);
        lose(f, 0, false);
        start(f, 0);
    }
    for (int i = 0; i < 5; i++) { /* free of charge */
        expect_run(f, 0, 0);
        mirai__sched_daemon_left(&f->sched, &f->daemons[0], false, f->now);
        assert_int_equal(f->tasks[0].state, MIRAI_TASK_QUEUED);
        lose(f, 0, true);
        assert_int_equal(f->sched.counts.lost, 2);
        start(f, 0);
    }
    expect_run(f, 0, 0);
    lose(f, 0, false);
    expect_resolve(f, 0, MIRAI_OUTCOME_LOST);
    assert_int_equal(f->tasks[0].deaths, 0);
}

static void test_scheduler_demand__is_given_up_after_three_deaths(void **state)
{
    fixture *f = with(state, 1);
    ask(f, 0, (mirai__sched_request){.retries = 100});
    for (int i = 0; i < 3; i++) {
        expect_run(f, 0, 0);
        lose(f, 0, true);
        if (i < 2) start(f, 0);
    }
    expect_resolve(f, 0, MIRAI_OUTCOME_LOST);
    assert_int_equal(f->tasks[0].loss, MIRAI__LOSS_QUARANTINED);
    assert_int_equal(f->tasks[0].attempts, 3);
}

static void test_scheduler_demand__ends_when_all_is_cancelled(void **state)
{
    fixture *f = with(state, 1);
    submit(f, 0, 0, 0);
    expect_run(f, 0, 0);
    submit(f, 1, 0, 0);
    ask(f, 2, (mirai__sched_request){.priority = 3, .tag = "red"});
    ask(f, 3, (mirai__sched_request){.waits = 1, .daemon = &f->daemons[0]});
    assert_int_equal(mirai__sched_cancel_all(&f->sched, f->now), 4);
    assert_int_equal(f->daemons[0].pins, 0);
    assert_int_equal(f->tasks[0].cancellation, MIRAI_CANCEL_INTERRUPTED);
    for (int i = 1; i < 4; i++)
        assert_int_equal(f->tasks[i].cancellation, MIRAI_CANCEL_NEVER_RAN);
    assert_int_equal(cancel(f, 0), MIRAI_CANCEL_TOO_LATE);
    assert_int_equal(f->tasks[0].cancellation, MIRAI_CANCEL_INTERRUPTED); /* the first one counts */
    for (int i = 0; i < 4; i++) expect_kind(f, MIRAI__COMMAND_RESOLVE);
    expect_kind(f, MIRAI__COMMAND_INTERRUPT);
    expect_none(f);
    assert_int_equal(mirai__sched_cancel_all(&f->sched, f->now), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_scheduler_demand__refuses_what_can_never_be_met),
        CASE(test_scheduler_demand__runs_by_priority),
        CASE(test_scheduler_demand__passes_over_what_does_not_fit),
        CASE(test_scheduler_demand__assigns_devices),
        CASE(test_scheduler_demand__keeps_to_its_daemon),
        CASE(test_scheduler_demand__blocks_until_all_is_there),
        CASE(test_scheduler_demand__is_tried_again_before_what_came_later),
        CASE(test_scheduler_demand__is_tried_again_when_it_failed),
        CASE(test_scheduler_demand__is_not_blamed_for_what_was_not_begun),
        CASE(test_scheduler_demand__is_given_up_after_three_deaths),
        CASE(test_scheduler_demand__ends_when_all_is_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
