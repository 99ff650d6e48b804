/*
 * A limit on descriptors: what needs one fails and says so, what has them goes on, and with the limit gone all is as
 * before.
 */
#include "story.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static rlim_t set_limit(rlim_t most)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = most;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    return before;
}

enum { FILL_MOST = 64 };
static int fill[FILL_MOST];
static size_t filled;

/* Take all descriptors below the limit, so that there is none, whatever holes there were. */
static void take_all(void)
{
    int fd;
    while (filled < FILL_MOST && (fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0) fill[filled++] = fd;
}

static void give_back(void)
{
    while (filled > 0) (void)close(fill[--filled]);
}

static bool says_files(mirai_status status)
{
    return status == MIRAI_E_NOFILES || status == MIRAI_E_START || status == MIRAI_E_SYSTEM || status == MIRAI_E_NOMEM;
}

static void test_nofile__opening_fails_at_every_limit(void **state)
{
    (void)state;
    story_close(story_open(1));
    size_t open = story_descriptors(), tried = 0;
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.start_timeout_ms = story_bound_ms(300);
    mirai_status status = MIRAI_E_NOFILES;
    for (rlim_t room = 0; room < 40 && status != MIRAI_OK; room++) {
        mirai_pool *pool = NULL;
        rlim_t before = set_limit(open + room);
        status = mirai_pool_open(&pool, NULL, 2, &options);
        (void)set_limit(before);
        tried += status == MIRAI_E_NOFILES;
        if (status == MIRAI_OK)
            story_close(pool);
        else if (!says_files(status) || strlen(mirai_error_detail()) == 0)
            fail_msg("%s: %s", mirai_status_name(status), mirai_error_detail());
        assert_true(story_until_descriptors(open));
    }
    assert_int_equal(status, MIRAI_OK);
    assert_true(tried > 3);
}

static void test_nofile__a_running_pool_goes_on(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(2);
    rlim_t before = set_limit(FILL_MOST);
    int fd = -1;
    take_all();
    mirai_status status = mirai_pool_fd(pool, &fd);
    mirai_task *task = NULL;
    mirai_status submitted = mirai_pool_submit(pool, &task, "echo", mirai_int(4), NULL);
    mirai_status waited = mirai_task_wait(task, STORY_PATIENCE);
    give_back();
    (void)set_limit(before);
    assert_int_equal(status, MIRAI_E_NOFILES);
    assert_int_equal(submitted, MIRAI_OK);
    assert_int_equal(waited, MIRAI_OK);
    (void)story_expect(task, MIRAI_OUTCOME_VALUE);
    mirai_task_release(task);
    story_assert_ok(mirai_pool_fd(pool, &fd));
    story_close(pool);
}

static void test_nofile__daemons_are_replaced_once_there_is_room(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1);
    const char *begun = story_path("begun"); /* else it would be tried again */
    mirai_task *lost = story_submit(pool, "spin", mirai_string(begun));
    assert_true(story_until_file(begun));
    pid_t pid = story_daemon_pid(pool, 0);
    rlim_t before = set_limit(FILL_MOST);
    take_all();
    assert_int_equal(kill(pid, SIGKILL), 0);
    mirai_status waited = MIRAI_E_TIMEDOUT;
    for (int i = 0; i < 1000 && waited == MIRAI_E_TIMEDOUT; i++) {
        waited = mirai_task_wait(lost, 50);
        take_all(); /* what the dead one had */
    }
    story_sleep_ms(150); /* some attempts */
    give_back();
    (void)set_limit(before);
    assert_int_equal(waited, MIRAI_OK);
    assert_int_equal(mirai_task_outcome(lost), MIRAI_OUTCOME_LOST);
    assert_int_equal(story_number(pool, "add", mirai_list_of(mirai_int(2), mirai_int(2), MIRAI_END)), 4);
    mirai_task_release(lost);
    story_close(pool);
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, story_setup));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nofile__opening_fails_at_every_limit),
        cmocka_unit_test(test_nofile__a_running_pool_goes_on),
        cmocka_unit_test(test_nofile__daemons_are_replaced_once_there_is_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
