/*
 * Listening, accepting and dialling: addresses good and bad, what is left behind, and running out of descriptors.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "channel_ends.h"
#include "clock.h"
#include "fault.h"

static channel_maker maker_of(void **state)
{
    return *(channel_maker *)*state;
}

static void test_listener__bad_arguments(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",           "ipc",         "ipc:/",       "ipc://",        "abstract://",  "inproc://x",
        "http://x:1", "tcp://",      "tcp://x",     "tcp://x:",      "tcp://x:y",    "tcp://x:65536",
        "tcp://x:1/", "tcp://x:1 ",  "tcp://::1:5", "tcp://[::1:5",  "tcp://u@x:1",  "tcp://x:123456",
        "tcp://x:-1", "tcp://x/y:1", "IPC://x",     "tcp://[:]]:1:", "tcp://a b:10",
    };
    mirai__listener *listener = NULL;
    mirai__channel *channel = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(mirai__listen(bad[i], &listener), MIRAI_E_ADDRESS);
        assert_true(strlen(mirai_error_detail()) > 10);
        assert_int_equal(mirai__dial(bad[i], MIRAI__NEVER, &channel), MIRAI_E_ADDRESS);
    }
    assert_int_equal(mirai__listen(NULL, &listener), MIRAI_E_INVALID);
    assert_int_equal(mirai__listen("tcp://127.0.0.1:0", NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai__dial(NULL, 0, &channel), MIRAI_E_INVALID);
    assert_int_equal(mirai__dial("tcp://127.0.0.1:1", 0, NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai__listener_accept(NULL, &channel), MIRAI_E_INVALID);
    assert_int_equal(mirai__listener_fd(NULL), -1);
    mirai__listener_free(NULL);
    assert_null(listener);
    assert_null(channel);
}

/* ---- addresses ---- */

static void meet(mirai__listener *listener, const char *url)
{
    mirai__channel *far = NULL;
    assert_int_equal(mirai__dial(url, mirai__deadline(GUARD_MS), &far), MIRAI_OK);
    mirai__channel *near = accept_one(listener);
    char byte = 0;
    assert_true(write_all(far, "z", 1));
    assert_true(read_all(near, &byte, 1));
    assert_int_equal(byte, 'z');
    assert_false(near->off_host);
    assert_false(far->off_host);
    near->ops->free(near);
    far->ops->free(far);
}

static void test_listener__tells_its_address(void **state)
{
    mirai__listener *listener = fresh_listener(maker_of(state));
    const char *url = mirai__listener_url(listener);
    if (maker_of(state) == BY_TCP) {
        assert_int_equal(strncmp(url, "tcp://127.0.0.1:", 16), 0);
        assert_true(atoi(url + 16) > 0);
    }
    meet(listener, url);
    meet(listener, url);
    mirai__channel *none = NULL;
    assert_int_equal(mirai__listener_accept(listener, &none), MIRAI_E_AGAIN);
    mirai__listener_free(listener);
}

static void test_listener__takes_names_as_they_are(void **state)
{
    (void)state;
    static const char *const parts[] = {"plain", "per%20cent", "100%", "sp ace", "a/../b//c", "?q#f", "\xc3\xa9\x01"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        char url[200];
        (void)snprintf(url, sizeof url, "abstract://mirai-%d-%s", (int)getpid(), parts[i]);
        mirai__listener *listener = NULL;
        assert_int_equal(mirai__listen(url, &listener), MIRAI_OK);
        assert_string_equal(mirai__listener_url(listener), url);
        /* as the kernel knows it */
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        size_t size = strlen(url) - 11;
        memcpy(address.sun_path + 1, url + 11, size);
        int raw = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(raw, (struct sockaddr *)&address,
                                 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + size)),
                         0);
        (void)close(raw);
        mirai__channel *gone = accept_one(listener);
        gone->ops->free(gone);
        meet(listener, url);
        mirai__listener_free(listener);
    }
    mirai__listener *listener = NULL;
    char longest[200] = "abstract://", path[200] = "ipc:///tmp/";
    memset(longest + 11, 'n', 107);
    assert_int_equal(mirai__listen(longest, &listener), MIRAI_OK);
    meet(listener, longest);
    mirai__listener_free(listener);
    longest[11 + 107] = 'n';
    assert_int_equal(mirai__listen(longest, &listener), MIRAI_E_ADDRESS);
    memset(path + 11, 'p', 107 - 4);
    assert_int_equal(mirai__listen(path, &listener), MIRAI_E_ADDRESS);
    assert_non_null(strstr(mirai_error_detail(), "107"));
    path[strlen(path) - 2] = '\0';
    assert_int_equal(strlen(path + 6), 106);
    assert_int_equal(mirai__listen(path, &listener), MIRAI_OK);
    meet(listener, path);
    mirai__listener_free(listener);
}

static void test_listener__refuses_an_address_in_use(void **state)
{
    mirai__listener *listener = fresh_listener(maker_of(state)), *second = NULL;
    char url[200];
    (void)snprintf(url, sizeof url, "%s", mirai__listener_url(listener));
    assert_int_equal(mirai__listen(url, &second), MIRAI_E_ADDRESS);
    assert_non_null(strstr(mirai_error_detail(), url));
    assert_null(second);
    mirai__listener_free(listener);
    assert_int_equal(mirai__listen(url, &second), MIRAI_OK);
    mirai__listener_free(second);
}

static void test_listener__a_dial_to_nobody_fails(void **state)
{
    mirai__listener *listener = fresh_listener(maker_of(state));
    char url[200];
    mirai__channel *channel = NULL;
    (void)snprintf(url, sizeof url, "%s", mirai__listener_url(listener));
    mirai__listener_free(listener);
    assert_int_equal(mirai__dial(url, MIRAI__NEVER, &channel), MIRAI_E_REFUSED);
    assert_null(channel);
}

static void test_listener__a_dial_ends_at_its_deadline(void **state)
{
    (void)state;
    /* A unix socket whose backlog is full does not answer. */
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char url[200];
    fresh_url(BY_ABSTRACT, url, sizeof url);
    size_t size = strlen(url) - 11;
    memcpy(address.sun_path + 1, url + 11, size);
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + size);
    int silent = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(silent, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(silent, 0), 0);
    int first = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(first, (struct sockaddr *)&address, length), 0);
    mirai__channel *channel = NULL;
    assert_int_equal(mirai__dial(url, mirai__deadline(50), &channel), MIRAI_E_TIMEDOUT);
    assert_int_equal(mirai__dial(url, mirai__deadline(0), &channel), MIRAI_E_TIMEDOUT);
    assert_null(channel);
    (void)close(accept(silent, NULL, NULL));
    assert_int_equal(mirai__dial(url, mirai__deadline(GUARD_MS), &channel), MIRAI_OK);
    channel->ops->free(channel);
    (void)close(first);
    (void)close(silent);
}

/* ---- files of ipc ---- */

static void test_listener__its_file_is_private_and_goes_with_it(void **state)
{
    (void)state;
    mirai__listener *listener = fresh_listener(BY_IPC);
    char path[200];
    struct stat there;
    (void)snprintf(path, sizeof path, "%s", mirai__listener_url(listener) + 6);
    assert_int_equal(lstat(path, &there), 0);
    assert_true(S_ISSOCK(there.st_mode));
    assert_int_equal(there.st_mode & 0777, 0600);
    mirai__listener_free(listener);
    assert_int_equal(lstat(path, &there), -1);
}

static void test_listener__replaces_a_stale_socket_and_nothing_else(void **state)
{
    (void)state;
    mirai__listener *listener = NULL;
    char url[100], target[110]; /* short enough for a sun_path */
    fresh_url(BY_IPC, url, sizeof url);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", url + 6);
    int raw = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(raw, (struct sockaddr *)&address, sizeof address), 0);
    (void)close(raw);
    assert_int_equal(mirai__listen(url, &listener), MIRAI_OK);
    meet(listener, url);
    mirai__listener_free(listener);

    int file = open(url + 6, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(file >= 0);
    (void)close(file);
    assert_int_equal(mirai__listen(url, &listener), MIRAI_E_ADDRESS);
    assert_int_equal(access(url + 6, F_OK), 0);
    (void)snprintf(target, sizeof target, "%s-moved", url + 6);
    assert_int_equal(rename(url + 6, target), 0);
    assert_int_equal(symlink(target, url + 6), 0);
    assert_int_equal(mirai__listen(url, &listener), MIRAI_E_ADDRESS);
    assert_int_equal(access(target, F_OK), 0);
    (void)unlink(url + 6);
    (void)unlink(target);
    assert_true(mirai__listen("ipc:///nowhere/at/all", &listener) < 0);
    assert_int_equal(mirai__dial("ipc:///nowhere/at/all", MIRAI__NEVER, &(mirai__channel *){NULL}),
                     MIRAI_E_REFUSED);
}

/* ---- peers ---- */

static bool in_valgrind(void)
{
    const char *preloaded = getenv("LD_PRELOAD");
    return preloaded != NULL && strstr(preloaded, "valgrind") != NULL;
}

static int connect_raw(const char *url, int fd)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t size = strlen(url) - 11;
    memcpy(address.sun_path + 1, url + 11, size);
    return connect(fd, (struct sockaddr *)&address,
                   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + size));
}

/* In a child of another uid, without NNG. */
static int come_as_a_stranger(const char *url)
{
    char byte;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (setuid(65534) != 0 || connect_raw(url, fd) != 0) return 1;
    return recv(fd, &byte, 1, 0) == 0 ? 0 : 2;
}

static void test_listener__refuses_another_user(void **state)
{
    (void)state;
    if (geteuid() != 0) skip(); /* only root can become somebody else */
    if (in_valgrind()) skip();  /* it would look for leaks in the child, which may free nothing */
    mirai__listener *listener = fresh_listener(BY_ABSTRACT);
    pid_t child = fork();
    if (child == 0) _exit(come_as_a_stranger(mirai__listener_url(listener)));
    mirai__channel *channel = NULL;
    int status = 0;
    struct pollfd bell = {.fd = mirai__listener_fd(listener), .events = POLLIN};
    assert_int_equal(poll(&bell, 1, GUARD_MS), 1);
    assert_int_equal(mirai__listener_accept(listener, &channel), MIRAI_E_AGAIN);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0); /* it was hung up on */
    meet(listener, mirai__listener_url(listener));
    mirai__listener_free(listener);
}

/* A listener of another uid's, in a child, without NNG. */
static int listen_as_a_stranger(const char *url, int ready)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t size = strlen(url) - 11;
    memcpy(address.sun_path + 1, url + 11, size);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (setuid(65534) != 0 ||
        bind(fd, (struct sockaddr *)&address,
             (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + size)) != 0 ||
        listen(fd, 5) != 0 || write(ready, "!", 1) != 1)
        return 1;
    char byte;
    return recv(accept(fd, NULL, NULL), &byte, 1, 0) == 0 ? 0 : 2;
}

static void test_listener__a_dial_refuses_another_user(void **state)
{
    (void)state;
    if (geteuid() != 0 || in_valgrind()) skip(); /* as above */
    char url[200], byte;
    int ready[2], status = 0;
    fresh_url(BY_ABSTRACT, url, sizeof url);
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) _exit(listen_as_a_stranger(url, ready[1]));
    assert_int_equal(read(ready[0], &byte, 1), 1);
    mirai__channel *channel = NULL;
    assert_int_equal(mirai__dial(url, mirai__deadline(GUARD_MS), &channel), MIRAI_E_PERMISSION);
    assert_null(channel);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0); /* not a byte came */
    (void)close(ready[0]);
    (void)close(ready[1]);
}

enum { CROWD = 100 };

static void *dial_all(void *argument)
{
    static mirai__channel *channels[CROWD];
    for (int i = 0; i < CROWD; i++) {
        if (mirai__dial(argument, mirai__deadline(GUARD_MS), &channels[i]) != MIRAI_OK) return NULL;
        if (!write_all(channels[i], &i, sizeof i)) return NULL;
    }
    return channels;
}

static void test_listener__takes_a_crowd(void **state)
{
    mirai__listener *listener = fresh_listener(maker_of(state));
    char url[200];
    (void)snprintf(url, sizeof url, "%s", mirai__listener_url(listener));
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, dial_all, url), 0);
    mirai__channel *near[CROWD];
    int sum = 0;
    for (int i = 0; i < CROWD; i++) {
        int number = -1;
        near[i] = accept_one(listener);
        assert_true(read_all(near[i], &number, sizeof number));
        sum += number;
    }
    assert_int_equal(sum, CROWD * (CROWD - 1) / 2);
    void *far = NULL;
    assert_int_equal(pthread_join(thread, &far), 0);
    assert_non_null(far);
    for (int i = 0; i < CROWD; i++) {
        near[i]->ops->free(near[i]);
        ((mirai__channel **)far)[i]->ops->free(((mirai__channel **)far)[i]);
    }
    mirai__listener_free(listener);
}

static void test_listener__hangs_up_on_those_who_wait_when_it_closes(void **state)
{
    mirai__listener *listener = fresh_listener(maker_of(state));
    mirai__channel *channel = NULL;
    assert_int_equal(mirai__dial(mirai__listener_url(listener), MIRAI__NEVER, &channel), MIRAI_OK);
    mirai__listener_free(listener);
    uint8_t byte;
    assert_false(read_all(channel, &byte, 1));
    assert_true(channel->ops->read(channel, &byte, 1) != -EAGAIN);
    channel->ops->free(channel);
}

/* ---- descriptors ---- */

enum { FILLERS_MAX = 4096 };

/* Opens descriptors until `left` remain. */
static int use_up(int *fillers, int left)
{
    int count = 0;
    while (count < FILLERS_MAX && (fillers[count] = dup(0)) >= 0) count++;
    for (; left > 0 && count > 0; left--) (void)close(fillers[--count]);
    return count;
}

/* With `left` descriptors: 0 fails NNG's accept, 1 and 2 the making of the channel. */
static void come_when_none_are_left(int left)
{
    static int fillers[FILLERS_MAX];
    struct rlimit before, low;
    mirai__listener *listener = fresh_listener(BY_ABSTRACT);
    int visitor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    low = before;
    low.rlim_cur = 256;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    int count = use_up(fillers, left);
    assert_int_equal(connect_raw(mirai__listener_url(listener), visitor), 0);
    mirai__channel *channel = NULL;
    struct pollfd bell = {.fd = mirai__listener_fd(listener), .events = POLLIN};
    clock_t computing = clock();
    int64_t began = mirai__now_ms();
    for (int i = 0; i < 6; i++) {
        assert_int_equal(poll(&bell, 1, GUARD_MS), 1);
        assert_int_equal(mirai__listener_accept(listener, &channel), MIRAI_E_AGAIN);
    }
    /* Time goes by between the tries, and is not spent computing. */
    computing = clock() - computing;
    assert_true(computing / (CLOCKS_PER_SEC / 1000) <= (mirai__now_ms() - began) / 2);
    while (count > 0) (void)close(fillers[--count]);
    channel = accept_one(listener);
    char byte = 0;
    assert_int_equal(send(visitor, "v", 1, MSG_NOSIGNAL), 1);
    assert_true(read_all(channel, &byte, 1));
    channel->ops->free(channel);
    (void)close(visitor);
    mirai__listener_free(listener);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static void test_listener__outlives_a_want_of_descriptors(void **state)
{
    (void)state;
    if (in_valgrind()) skip(); /* it plays the limit itself: it accepts a peer, and hangs up on it */
    mirai__listener *warm = fresh_listener(BY_ABSTRACT); /* NNG's own descriptors */
    mirai__listener_free(warm);
    size_t own = count_descriptors(); /* this case is the first, so no stream is still being closed */
    for (int left = 0; left < 3; left++) {
        come_when_none_are_left(left);
        assert_true(descriptors_fall_to(own));
    }
}

static void test_listener__leaves_descriptors_as_they_were(void **state)
{
    mirai__listener *listener = fresh_listener(maker_of(state));
    mirai__listener_free(listener);
    assert_true(descriptors_fall_to(64));
    size_t before = count_descriptors();
    for (int i = 0; i < 200; i++) {
        mirai__channel *channel = NULL;
        listener = fresh_listener(maker_of(state));
        if (i % 2 == 0) {
            assert_int_equal(mirai__dial(mirai__listener_url(listener), MIRAI__NEVER, &channel), MIRAI_OK);
            channel->ops->free(channel);
        }
        mirai__listener_free(listener);
    }
    assert_true(descriptors_fall_to(before));
}

static void test_listener__survives_failed_allocations(void **state)
{
    size_t before = count_descriptors();
    bool done = false;
    for (int64_t n = 1; !done; n++) {
        char url[200];
        mirai__listener *listener = NULL;
        fresh_url(maker_of(state), url, sizeof url);
        mirai__fault_arm(n, false);
        mirai_status status = mirai__listen(url, &listener);
        done = mirai__fault_count() < n;
        mirai__fault_arm(0, false);
        assert_true(done ? status == MIRAI_OK : status == MIRAI_E_NOMEM || status == MIRAI_E_NOFILES);
        mirai__listener_free(listener);
    }
    /* While a channel cannot be made, the peer waits. */
    mirai__listener *listener = fresh_listener(maker_of(state));
    mirai__channel *far = NULL, *near = NULL;
    assert_int_equal(mirai__dial(mirai__listener_url(listener), MIRAI__NEVER, &far), MIRAI_OK);
    struct pollfd bell = {.fd = mirai__listener_fd(listener), .events = POLLIN};
    assert_int_equal(poll(&bell, 1, GUARD_MS), 1);
    mirai_status status;
    int64_t n = 1;
    do {
        mirai__fault_arm(n++, false);
        status = mirai__listener_accept(listener, &near);
        mirai__fault_arm(0, false);
        assert_true(status == MIRAI_OK || status == MIRAI_E_AGAIN);
    } while (status != MIRAI_OK);
    assert_true(n > 2);
    near->ops->free(near);
    far->ops->free(far);
    mirai__listener_free(listener);
    assert_true(descriptors_fall_to(before));
}

#define ONE(name, maker) {"test_listener__" #name "(" #maker ")", test_listener__##name, NULL, NULL, &maker}
#define BATTERY(maker)                                                                             \
    ONE(tells_its_address, maker), ONE(refuses_an_address_in_use, maker),                          \
        ONE(a_dial_to_nobody_fails, maker), ONE(takes_a_crowd, maker),                             \
        ONE(hangs_up_on_those_who_wait_when_it_closes, maker),                                     \
        ONE(leaves_descriptors_as_they_were, maker), ONE(survives_failed_allocations, maker)

int main(void)
{
    static channel_maker ipc = BY_IPC, abstract = BY_ABSTRACT, tcp = BY_TCP;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_listener__bad_arguments),
        cmocka_unit_test(test_listener__outlives_a_want_of_descriptors),
        BATTERY(ipc),
        BATTERY(abstract),
        BATTERY(tcp),
        cmocka_unit_test(test_listener__takes_names_as_they_are),
        cmocka_unit_test(test_listener__a_dial_ends_at_its_deadline),
        cmocka_unit_test(test_listener__its_file_is_private_and_goes_with_it),
        cmocka_unit_test(test_listener__replaces_a_stale_socket_and_nothing_else),
        cmocka_unit_test(test_listener__refuses_another_user),
        cmocka_unit_test(test_listener__a_dial_refuses_another_user),
    };
    return cmocka_run_group_tests_name("listener", tests, NULL, NULL);
}
