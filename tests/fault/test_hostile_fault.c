/*
 * Daemons that lie and strangers at the door: they cannot crash, hang or grow the host.
 */
#include "story.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hostile_daemon.h"

enum { GROWTH_KIB = 128 * 1024 };

static mirai_pool_options options_of(const char *const *command)
{
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.command = command;
    options.start_timeout_ms = story_bound_ms(300);
    options.grace_ms = 100;
    return options;
}

/* ---- before they are welcome ----------------------------------------------------------------- */

static void test_hostile__daemons_are_refused(void **state)
{
    (void)state;
    static const char *const modes[] = {"silent",      "noise",      "half",  "half_and_end",
                                        "wrong_token", "huge_hello", "newer", "result_first"};
    const char *transport = getenv("MIRAI_TRANSPORT");
    bool has_token = transport != NULL && strcmp(transport, "pair") != 0 && strcmp(transport, "ring") != 0;
    int64_t rss = story_rss_kib();
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        const char *const command[] = {story_program(), "hostile", modes[i], NULL};
        mirai_pool_options options = options_of(command);
        mirai_pool *pool = NULL;
        if (strcmp(modes[i], "wrong_token") == 0 && !has_token) continue;
        int64_t began = story_now_ms();
        mirai_status status = mirai_pool_open(&pool, modes[i], 2, &options);
        int64_t took = story_now_ms() - began;
        if (status != MIRAI_E_START && status != MIRAI_E_VERSION) fail_msg("%s: %s", modes[i], mirai_status_name(status));
        assert_null(pool);
        assert_true(strlen(mirai_error_detail()) > 0);
        assert_true(took < story_bound_ms(5000));
    }
    assert_true(story_rss_kib() - rss < GROWTH_KIB);
    pid_t left[8];
    assert_int_equal(story_descendants(getpid(), left, 8), 0);
}

/* ---- once they are welcome ------------------------------------------------------------------- */

/* Some tasks on a pool of liars: each ends, by itself or by its time-out. Other pools work on. */
static void check_lies(const char *mode)
{
    const char *const command[] = {story_program(), "hostile", mode, NULL};
    mirai_pool_options options = options_of(command);
    mirai_pool *honest = story_open(1), *pool = NULL;
    int64_t began = story_now_ms();
    mirai_status status = mirai_pool_open(&pool, mode, 1, &options);
    if (status != MIRAI_OK) {
        assert_int_equal(status, MIRAI_E_START);
        assert_null(pool);
    } else {
        mirai_submit_options each = MIRAI_SUBMIT_OPTIONS_INIT;
        each.timeout_ms = 150;
        for (int i = 0; i < 4; i++) {
            mirai_task *task = story_submit_with(pool, "echo", mirai_int(1), &each);
            story_assert_ok(mirai_task_wait(task, STORY_PATIENCE));
            assert_true(mirai_task_outcome(task) > 0); /* never a value */
            mirai_task_release(task);
        }
        int64_t closing = story_now_ms();
        story_close(pool);
        assert_true(story_now_ms() - closing < story_bound_ms(2000));
    }
    assert_true(story_now_ms() - began < story_bound_ms(8000));
    assert_int_equal(story_number(honest, "add", mirai_list_of(mirai_int(4), mirai_int(5), MIRAI_END)), 9);
    assert_int_equal(story_status(honest).daemons_lost, 0);
    story_close(honest);
}

static void test_hostile__daemons_lie_in_vain(void **state)
{
    (void)state;
    static const char *const modes[] = {"noise_later", "huge_body", "large_body",  "large_buffers", "foreign",  "job",
                                        "pongs",       "leave",     "hello_again", "bad_outcome",   "no_body",  "stale",
                                        "bad_body",    "progress_empty", "progress_hooked", "progress_no_text",
                                        "progress_foreign", "progress_flood", "emit_empty", "emit_foreign",
                                        "emit_flood"};
    int64_t rss = story_rss_kib();
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) check_lies(modes[i]);
    assert_true(story_rss_kib() - rss < GROWTH_KIB);
    pid_t left[8];
    assert_int_equal(story_descendants(getpid(), left, 8), 0);
}

static void test_hostile__daemons_scribble_in_shared_memory_in_vain(void **state)
{
    (void)state;
    static const char *const modes[] = {"ring_tail", "ring_head", "ring_back", "ring_scribble", "ring_bells"};
    const char *transport = getenv("MIRAI_TRANSPORT");
    if (transport != NULL && strcmp(transport, "ring") != 0) skip(); /* the others share no memory */
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) check_lies(modes[i]);
    pid_t left[8];
    assert_int_equal(story_descendants(getpid(), left, 8), 0);
}

/* Whatever the channel is: where no memory can be passed, the first word of it is a lie. */
static void test_hostile__daemons_lie_about_memory_in_vain(void **state)
{
    (void)state;
    static const char *const modes[] = {"release",       "release_all", "forget",       "lent_nothing", "lent_junk",
                                        "lent_unsealed", "lent_holes",  "lent_outside", "lent_unknown", "lent_flood"};
    size_t descriptors = story_descriptors();
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) check_lies(modes[i]);
    assert_true(story_until_descriptors(descriptors));
}

/* They are ready for a moment each, and hardly ever all at once. */
static void test_hostile__daemons_that_die_when_ready_fail_the_opening(void **state)
{
    (void)state;
    const char *const command[] = {story_program(), "hostile", "job", NULL};
    mirai_pool_options options = options_of(command);
    mirai_pool *pool = NULL;
    int64_t began = story_now_ms();
    mirai_status status = mirai_pool_open(&pool, "flickers", 8, &options);
    assert_true(story_now_ms() - began < story_bound_ms(4000));
    if (status == MIRAI_OK) {
        story_close(pool);
        return;
    }
    assert_int_equal(status, MIRAI_E_START);
    assert_true(strlen(mirai_error_detail()) > 0);
    assert_null(pool);
}

static void test_hostile__result_that_cannot_be_read_is_an_error_value(void **state)
{
    (void)state;
    const char *const command[] = {story_program(), "hostile", "bad_body", NULL};
    mirai_pool_options options = options_of(command);
    mirai_pool *pool = story_open_with(1, &options);
    mirai_task *task = story_submit(pool, "echo", mirai_null());
    const mirai_value *error = story_expect(task, MIRAI_OUTCOME_FAILED);
    assert_int_equal(mirai_value_error_code(error), MIRAI_E_DECODE);
    mirai_task_release(task);
    story_close(pool);
}

static void test_hostile__daemon_that_never_reads_blocks_nobody(void **state)
{
    (void)state;
    const char *const command[] = {story_program(), "hostile", "deaf", NULL};
    mirai_pool_options options = options_of(command);
    mirai_pool *pool = story_open_with(1, &options);
    const int64_t shape[] = {32 * 1024 * 1024};
    mirai_submit_options each = MIRAI_SUBMIT_OPTIONS_INIT;
    each.timeout_ms = 200;
    mirai_task *task = story_submit_with(pool, "echo", mirai_array(MIRAI_DTYPE_INT8, 1, shape, NULL), &each);
    (void)story_expect(task, MIRAI_OUTCOME_TIMEDOUT);
    mirai_task_release(task);
    int64_t began = story_now_ms();
    story_close(pool);
    assert_true(story_now_ms() - began < story_bound_ms(2000));
}

/* ---- strangers ------------------------------------------------------------------------------- */

/* The address at which this process listens, found as a stranger would: by looking. False: it does not. */
static bool scan_unix(unsigned long inode, char *url, size_t size)
{
    char line[512], name[256];
    unsigned long flags, each;
    bool found = false;
    FILE *file = fopen("/proc/net/unix", "re");
    while (file != NULL && !found && fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "%*s %*s %*s %lx %*s %*s %lu %255s", &flags, &each, name) != 3) continue;
        found = each == inode && (flags & 0x10000) != 0;
        if (found)
            (void)snprintf(url, size, "%s%s", name[0] == '@' ? "abstract://" : "ipc://", name + (name[0] == '@'));
    }
    if (file != NULL) (void)fclose(file);
    return found;
}

static bool find_listener(char *url, size_t size)
{
    for (int fd = 3; fd < 256; fd++) {
        int listening = 0, domain = 0;
        socklen_t room = sizeof listening;
        if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &room) != 0 || !listening) continue;
        room = sizeof domain;
        if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &room) != 0) continue;
        if (domain == AF_UNIX) {
            char path[64], target[64];
            unsigned long inode;
            (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
            ssize_t length = readlink(path, target, sizeof target - 1);
            if (length <= 0) continue;
            target[length] = '\0';
            if (sscanf(target, "socket:[%lu]", &inode) == 1 && scan_unix(inode, url, size)) return true;
        } else {
            uint16_t address[64] = {0}; /* family, port */
            room = sizeof address;
            if (getsockname(fd, (struct sockaddr *)(void *)address, &room) != 0) continue;
            (void)snprintf(url, size, "tcp://127.0.0.1:%d", (address[1] & 0xff) << 8 | address[1] >> 8);
            return true;
        }
    }
    return false;
}

enum { STRANGERS = 150 };

static void test_hostile__strangers_disturb_nobody(void **state)
{
    (void)state;
    char url[300];
    int fds[STRANGERS];
    uint8_t noise[512];
    mirai_pool *pool = story_open(2);
    if (!find_listener(url, sizeof url)) { /* on an inherited socket there is no door */
        story_close(pool);
        skip();
    }
    int64_t rss = story_rss_kib();
    for (int i = 0; i < STRANGERS; i++) {
        fds[i] = hostile_connect(url);
        if (fds[i] < 0) continue; /* turned away is as good */
        hostile_noise(noise, sizeof noise, (uint32_t)i);
        if (i % 3 == 1) (void)send(fds[i], noise, (size_t)(i * 7 % 512), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (i % 3 == 2) { /* a header that looks right */
            memset(noise, 0, 64);
            memcpy(noise, "mir\xa1\x01\x01", 6);
            noise[40] = noise[48] = 128;
            (void)send(fds[i], noise, sizeof noise, MSG_NOSIGNAL | MSG_DONTWAIT);
        }
        if (i % 10 == 9)
            assert_int_equal(story_number(pool, "add", mirai_list_of(mirai_int(i), mirai_int(1), MIRAI_END)), i + 1);
    }
    /* Daemons that are replaced come in through the same door. */
    for (int i = 0; i < 3; i++) {
        int64_t lost = story_status(pool).daemons_lost;
        assert_int_equal(kill(story_daemon_pid(pool, 0), SIGKILL), 0);
        assert_true(story_until_lost(pool, lost + 1));
        assert_true(story_until_daemons(pool, 2));
    }
    assert_int_equal(story_number(pool, "add", mirai_list_of(mirai_int(1), mirai_int(1), MIRAI_END)), 2);
    assert_true(story_rss_kib() - rss < GROWTH_KIB);
    int64_t began = story_now_ms();
    story_close(pool);
    assert_true(story_now_ms() - began < story_bound_ms(2000));
    for (int i = 0; i < STRANGERS; i++)
        if (fds[i] >= 0) (void)close(fds[i]);
}

static bool has_ended(void *context)
{
    char byte;
    ssize_t got = recv(*(int *)context, &byte, 1, MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK);
}

static void test_hostile__silent_strangers_are_shown_out(void **state)
{
    (void)state;
    char url[300];
    mirai_pool *pool = story_open(1);
    if (!find_listener(url, sizeof url)) { /* as above */
        story_close(pool);
        skip();
    }
    int fd = hostile_connect(url);
    assert_true(fd >= 0);
    int64_t began = story_now_ms();
    assert_true(story_until(has_ended, &fd)); /* within five seconds, though nothing else happens */
    assert_true(story_now_ms() - began < story_bound_ms(7000));
    (void)close(fd);
    story_close(pool);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "hostile") == 0) return hostile_daemon(argv[2]);
    MIRAI_EXIT_IF(mirai_main(argc, argv, story_setup));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hostile__daemons_are_refused),
        cmocka_unit_test(test_hostile__daemons_lie_in_vain),
        cmocka_unit_test(test_hostile__daemons_scribble_in_shared_memory_in_vain),
        cmocka_unit_test(test_hostile__daemons_lie_about_memory_in_vain),
        cmocka_unit_test(test_hostile__daemons_that_die_when_ready_fail_the_opening),
        cmocka_unit_test(test_hostile__result_that_cannot_be_read_is_an_error_value),
        cmocka_unit_test(test_hostile__daemon_that_never_reads_blocks_nobody),
        cmocka_unit_test(test_hostile__strangers_disturb_nobody),
        cmocka_unit_test(test_hostile__silent_strangers_are_shown_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
