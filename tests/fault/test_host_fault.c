/*
 * A host that is killed leaves nothing behind: no daemon, idle or in a job that ignores everything, no child of a
 * job, no socket file. The host is this program, run once more.
 */
#include "story.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *program;

/* What the host of this test does until it is killed. Its arguments: "host", a file for each of three jobs. */
static int be_host(char **argv)
{
    char script[256];
    (void)snprintf(script, sizeof script, "sleep 54321 & sleep 54322 & echo $$ >%s; wait", argv[4]);
    mirai_pool *pool;
    mirai_task *tasks[3];
    MIRAI_EXIT_IF(mirai_pool_open(&pool, "host", 4, NULL));
    MIRAI_EXIT_IF(mirai_pool_submit(pool, &tasks[0], "breed", mirai_string(argv[2]), NULL));
    MIRAI_EXIT_IF(mirai_pool_submit(pool, &tasks[1], "spin", mirai_string(argv[3]), NULL));
    mirai_value *command = mirai_list_of(mirai_string("sh"), mirai_string("-c"), mirai_string(script), MIRAI_END);
    MIRAI_EXIT_IF(
        mirai_pool_submit(pool, &tasks[2], "mirai.exec", mirai_dict_of("command", command, MIRAI_END), NULL));
    for (;;) { /* and some traffic */
        mirai_task *task;
        MIRAI_EXIT_IF(mirai_pool_submit(pool, &task, "echo", mirai_int(1), NULL));
        MIRAI_EXIT_IF(mirai_task_wait(task, MIRAI_FOREVER));
        mirai_task_release(task);
        story_sleep_ms(1);
    }
}

/* Path of the first socket file that a process listens at or is connected through; false when there is none. */
static bool find_socket_file(pid_t pid, char *path, size_t size)
{
    char folder[64], link[80], target[64], line[512];
    bool found = false;
    (void)snprintf(folder, sizeof folder, "/proc/%ld/fd", (long)pid);
    for (int fd = 3; fd < 64 && !found; fd++) {
        unsigned long inode, each;
        (void)snprintf(link, sizeof link, "%s/%d", folder, fd);
        ssize_t length = readlink(link, target, sizeof target - 1);
        if (length <= 0) continue;
        target[length] = '\0';
        if (sscanf(target, "socket:[%lu]", &inode) != 1) continue;
        FILE *file = fopen("/proc/net/unix", "re");
        assert_non_null(file);
        while (!found && fgets(line, sizeof line, file) != NULL) {
            char name[256] = "";
            if (sscanf(line, "%*s %*s %*s %*s %*s %*s %lu %255s", &each, name) != 2) continue;
            found = each == inode && name[0] == '/';
            if (found) (void)snprintf(path, size, "%s", name);
        }
        (void)fclose(file);
    }
    return found;
}

/* What its jobs write. */
static char bred[160], spins[160], executes[160];

/* Returns when its jobs run. */
static pid_t start_host(void)
{
    (void)snprintf(bred, sizeof bred, "%s", story_path("bred"));
    (void)snprintf(spins, sizeof spins, "%s", story_path("spins"));
    (void)snprintf(executes, sizeof executes, "%s", story_path("executes"));
    pid_t host = fork();
    assert_true(host >= 0);
    if (host == 0) {
        (void)execl(program, program, "host", bred, spins, executes, (char *)NULL);
        _exit(127);
    }
    assert_true(story_until_file(bred) && story_until_file(spins) && story_until_file(executes));
    return host;
}

static void check_end(int signal_number)
{
    char socket_file[256] = "";
    pid_t host = start_host();
    story_family family = story_family_of(host);
    assert_true(family.count >= 8); /* four daemons, a child of a job, a command's three */
    family.pids[family.count++] = (pid_t)story_read_number(bred);
    const char *transport = getenv("MIRAI_TRANSPORT");
    bool is_ipc = transport != NULL && strcmp(transport, "ipc") == 0;
    assert_int_equal(find_socket_file(host, socket_file, sizeof socket_file), is_ipc);

    int64_t began = story_now_ms();
    assert_int_equal(kill(host, signal_number), 0);
    int how;
    assert_int_equal(waitpid(host, &how, 0), host);
    assert_true(WIFSIGNALED(how));
    assert_true(story_until_extinct(&family));
    assert_true(story_now_ms() - began < story_bound_ms(1000));
    if (is_ipc) assert_int_not_equal(access(socket_file, F_OK), 0);
    story_remove_files();
}

static void test_host__killed_leaves_nothing(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) check_end(SIGKILL);
}

static void test_host__ended_by_other_signals_leaves_nothing(void **state)
{
    (void)state;
    check_end(SIGTERM);
    check_end(SIGSEGV);
}

static void test_host__stopped_daemons_leave_with_it(void **state)
{
    (void)state;
    pid_t host = start_host();
    story_family family = story_family_of(host);
    assert_int_equal(kill(host, SIGSTOP), 0); /* a host that is stopped has not died */
    story_sleep_ms(300);
    for (size_t i = 0; i < family.count; i++) assert_true(story_is_alive(family.pids[i]));
    assert_int_equal(kill(host, SIGKILL), 0);
    assert_int_equal(waitpid(host, NULL, 0), host);
    assert_true(story_until_extinct(&family));
    story_remove_files();
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, story_setup));
    if (argc == 5 && strcmp(argv[1], "host") == 0) return be_host(argv);
    program = story_program();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_host__killed_leaves_nothing),
        cmocka_unit_test(test_host__ended_by_other_signals_leaves_nothing),
        cmocka_unit_test(test_host__stopped_daemons_leave_with_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
