/*
 * Daemons that come and do not stay: those that die once they have greeted fail the opening of a pool, and those that
 * leave and go on talking are ended.
 */
#include "story.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hostile_daemon.h"

enum { WANTED = 4, ENOUGH = 40 };

/* A letter more in a file: how many there are now. */
static off_t count_in(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    return fd >= 0 && write(fd, "x", 1) == 1 ? lseek(fd, 0, SEEK_CUR) : ENOUGH;
}

/* A daemon that dies when it was welcomed. The first one never greets, so that there are never enough; and after far
 * too many there comes an end, so that a pool that starts them for ever is told from one that does not. */
static int be_fickle(const char *path)
{
    off_t count = count_in(path);
    if (count >= ENOUGH) return 3;
    return count == 1 ? hostile_daemon("silent") : hostile_lie("deaf");
}

static void test_fickle__daemons_that_die_when_ready_are_not_started_for_ever(void **state)
{
    (void)state;
    char path[160];
    (void)snprintf(path, sizeof path, "%s", story_path("starts"));
    const char *const command[] = {story_program(), "fickle", path, NULL};
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.command = command;
    options.start_timeout_ms = -1;
    mirai_pool *pool = NULL;
    assert_int_equal(mirai_pool_open(&pool, "fickle", WANTED, &options), MIRAI_E_START);
    if (strstr(mirai_error_detail(), "status 0") == NULL) fail_msg("no cause in: %s", mirai_error_detail());
    assert_null(pool);
    size_t starts = story_file_size(path);
    assert_true(starts >= 2 && starts <= 2 * WANTED); /* each once more at most, while the first death is dealt with */
    pid_t left[8];
    assert_int_equal(story_descendants(getpid(), left, 8), 0);
    assert_int_equal(story_file_size(path), starts);
    story_remove_files();
}

/* The first daemon says that it leaves, and does not; only then the second greets. */
static int be_slow_to_leave(const char *path)
{
    char left[200];
    (void)snprintf(left, sizeof left, "%s.left", path);
    if (count_in(path) > 1) return story_until_file(left) ? hostile_daemon("deaf") : 3;
    int status = hostile_lie("leave");
    if (status == 0) (void)count_in(left);
    while (status == 0) (void)pause();
    return status;
}

/* Opening has a limit of its own: it need not see the end of daemons that do not come to one. */
static void test_fickle__daemons_that_are_slow_to_leave_do_not_hold_up_the_opening(void **state)
{
    (void)state;
    char path[160];
    (void)snprintf(path, sizeof path, "%s", story_path("leavers"));
    const char *const command[] = {story_program(), "slow_to_leave", path, NULL};
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.command = command;
    options.start_timeout_ms = 500;
    mirai_pool *pool = NULL;
    mirai_status status = mirai_pool_open(&pool, "leavers", 2, &options);
    if (status == MIRAI_OK) { /* where their words overtook each other, both were there for a moment */
        story_close(pool);
    } else {
        assert_int_equal(status, MIRAI_E_START);
        assert_null(strstr(mirai_error_detail(), "said that it leaves")); /* for this it would be ended much later */
        assert_null(pool);
    }
    story_remove_files();
}

static void test_fickle__daemon_that_leaves_twice_is_ended(void **state)
{
    (void)state;
    char path[160];
    (void)snprintf(path, sizeof path, "%s", story_path("twice"));
    const char *const command[] = {story_program(), "leave_twice", path, NULL};
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.command = command;
    mirai_pool *pool = story_open_with(1, &options);
    pid_t pid = story_daemon_pid(pool, 0);
    mirai_task *task = story_submit(pool, "echo", mirai_int(4)); /* that was not begun where it leaves */
    assert_int_equal(mirai_value_int_or(story_expect(task, MIRAI_OUTCOME_VALUE), 0), 4);
    assert_int_equal(mirai_task_attempts(task), 1); /* the other was none */
    assert_false(story_is_alive(pid));
    mirai_task_release(task);
    story_close(pool);
    story_remove_files();
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "fickle") == 0) return be_fickle(argv[2]);
    if (argc == 3 && strcmp(argv[1], "slow_to_leave") == 0) return be_slow_to_leave(argv[2]);
    bool first = argc == 3 && strcmp(argv[1], "leave_twice") == 0 && count_in(argv[2]) == 1;
    if (first) return hostile_daemon(argv[1]);
    MIRAI_EXIT_IF(mirai_main(argc, argv, story_setup));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fickle__daemons_that_die_when_ready_are_not_started_for_ever),
        cmocka_unit_test(test_fickle__daemons_that_are_slow_to_leave_do_not_hold_up_the_opening),
        cmocka_unit_test(test_fickle__daemon_that_leaves_twice_is_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
