/*
 * test_common: memory in common: one object per process, what a message keeps, and what a hostile name cannot reach.
 *
 * Names are forged by hooks of a class whose name is as long, and put into the message under the right one.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include <miraicore/common.h>

#include "common.h"
#include "common_memory.h"
#include "fault.h"
#include "message.h"

enum { SIZE = 5000, ALL_SEALS = F_SEAL_SHRINK | F_SEAL_GROW };

static const char forged_class[] = "mirai_commom";

static mirai__hooks *overlay;

static mirai__segment *encoded(const mirai_value *value)
{
    mirai__segment *segment = NULL;
    if (mirai__encode(value, overlay, MIRAI__ENCODE_COPY, &segment) != MIRAI_OK) fail_msg("%s", mirai_error_detail());
    return segment;
}

static mirai_value *decoded(mirai__segment *segment)
{
    mirai_value *value = NULL;
    if (mirai__decode(segment, NULL, &mirai__limits_local, &value) != MIRAI_OK) fail_msg("%s", mirai_error_detail());
    return value;
}

static void test_common__bad_arguments(void **state)
{
    (void)state;
    assert_null(mirai__common_value(0));
    assert_string_not_equal(mirai_error_detail(), "");
    assert_null(mirai__common_value(SIZE_MAX));
    assert_null(mirai__common_value((size_t)1 << 50));
    assert_non_null(strstr(mirai_error_detail(), "more than this machine has"));
    mirai_value *number = mirai_int(1);
    assert_null(mirai_common_data(NULL));
    assert_null(mirai_common_data(number));
    assert_int_equal(mirai_common_size(NULL), 0);
    assert_int_equal(mirai_common_size(number), 0);
    mirai_value_release(number);
    mirai__common_unref(NULL);
    assert_null(mirai__common_hook("other"));
}

static void *seen_by_release;

static void note_release(void *object, void *context)
{
    (void)context;
    seen_by_release = object;
}

static void test_common__is_nobody_elses_class(void **state)
{
    (void)state;
    mirai_refhook hook = MIRAI_REFHOOK_INIT;
    hook.release = note_release;
    hook.serialize = (mirai_value * (*)(mirai_message *, void *, void *))(uintptr_t)1;
    assert_int_equal(mirai_refhook_register("mirai_common", &hook), MIRAI_E_EXISTS);
    assert_int_equal(mirai__hooks_register(overlay, "mirai_common", &hook), MIRAI_E_EXISTS);
    assert_int_equal(mirai_refhook_unregister("mirai_common"), MIRAI_E_INVALID);
    int object;
    assert_null(mirai_reference("mirai_common", &object, note_release, NULL));
    assert_ptr_equal(seen_by_release, &object);
}

static void test_common__is_zeros_that_can_be_written(void **state)
{
    (void)state;
    static const uint8_t zeros[SIZE];
    mirai_value *value = mirai__common_value(SIZE), *other = mirai__common_value(SIZE);
    assert_int_equal(mirai_value_type(value), MIRAI_TYPE_REFERENCE);
    assert_string_equal(mirai_value_class(value), "mirai_common");
    assert_int_equal(mirai_common_size(value), SIZE);
    assert_memory_equal(mirai_common_data(value), zeros, SIZE);
    memset(mirai_common_data(value), 7, SIZE);
    assert_memory_equal(mirai_common_data(other), zeros, SIZE);
    assert_int_equal(mirai_value_equal(value, value), 1);
    assert_int_equal(mirai_value_equal(value, other), 0);
    char *text = NULL;
    assert_int_equal(mirai_value_format(value, &text), MIRAI_OK);
    assert_non_null(strstr(text, "<mirai_common of 5000 bytes>"));
    mirai_text_free(text);
    mirai_value_release(value);
    mirai_value_release(other);
}

static void test_common__is_one_object_in_a_process(void **state)
{
    (void)state;
    mirai_value *value = mirai__common_value(SIZE);
    mirai_value *list = mirai_list_of(mirai_value_ref(value), mirai_value_ref(value), MIRAI_END);
    mirai__segment *segment = encoded(list);
    assert_int_equal(segment->count, 0);
    mirai_value *copy = decoded(segment);
    for (size_t i = 0; i < 2; i++) {
        assert_ptr_equal(mirai_common_data(mirai_value_item(copy, i)), mirai_common_data(value));
        assert_int_equal(mirai_value_equal(mirai_value_item(copy, i), value), 1);
    }
    mirai_value_release(copy);
    mirai_value_release(list);
    mirai_value_release(value);
    mirai__segment_release(segment);
}

/* The message alone keeps it, also as a part of another, as a copy, or where another has taken over. */
static void test_common__is_kept_by_messages(void **state)
{
    (void)state;
    mirai_value *value = mirai__common_value(SIZE);
    memset(mirai_common_data(value), 'x', SIZE);
    mirai__segment *segment = encoded(value);
    mirai_value_release(value);
    mirai_value *part = mirai__value_segment(segment);
    mirai__segment *outer = encoded(part), *copy = mirai__segment_copy(outer, NULL);
    mirai__segment *loose = mirai__segment_new(outer->body, outer->body_size, NULL, 0);
    mirai_value_release(part);
    mirai__segment_release(outer);
    mirai__segment *other = encoded(value = mirai_int(1));
    mirai__segment_keep(other, copy); /* which it does not name */
    assert_null(other->keeps);
    for (int i = 0; i < 2; i++) mirai__segment_keep(loose, copy);
    mirai__segment_keep(loose, other);
    assert_int_equal(mirai_value_count(loose->keeps), 1);
    mirai_value_release(value);
    mirai__segment_release(other);
    mirai__segment_release(copy);
    value = decoded(loose);
    assert_int_equal(*(char *)mirai_common_data(value), 'x');
    mirai_value_release(value);
    mirai_value_release(loose->keeps);
    loose->keeps = NULL; /* and now nobody does */
    assert_int_equal(mirai__decode(loose, NULL, &mirai__limits_local, &value), MIRAI_E_HOOK);
    assert_non_null(strstr(mirai_error_detail(), "not there any more"));
    mirai__segment_release(loose);
}

/* ---- forged names ---------------------------------------------------------------------------- */

static mirai_value *give_forged(mirai_message *message, void *object, void *context)
{
    (void)message, (void)context;
    return mirai_value_ref(object);
}

/* What becomes of a message whose reference has `data` (taken) as its name. */
static mirai_status open_forged(mirai_value *data, mirai_value **out)
{
    mirai_value *reference = mirai_reference(forged_class, data, NULL, NULL);
    mirai__segment *segment = encoded(reference);
    char *at = memmem(segment->body, segment->body_size, forged_class, strlen(forged_class));
    assert_non_null(at);
    memcpy(at, "mirai_common", strlen(forged_class));
    mirai_status status = mirai__decode(segment, NULL, &mirai__limits_local, out);
    mirai__segment_release(segment);
    mirai_value_release(reference);
    mirai_value_release(data);
    return status;
}

static void assert_refused(mirai_value *data, const char *why)
{
    mirai_value *out = NULL;
    assert_int_equal(open_forged(data, &out), MIRAI_E_HOOK);
    if (strstr(mirai_error_detail(), why) == NULL) fail_msg("\"%s\" is not in: %s", why, mirai_error_detail());
    assert_null(out);
}

static uint8_t token[MIRAI__COMMON_TOKEN] = {1, 2, 3};

static mirai_value *name_of(int64_t size, int64_t pid, int64_t fd)
{
    return mirai_list_of(mirai_bytes(token, sizeof token), mirai_int(size), mirai_int(pid), mirai_int(fd), MIRAI_END);
}

/* A file in memory under the name that belongs to the token, of `there` bytes (negative: a hole). */
static int memory_file(int64_t there, int seals)
{
    char name[64] = "mirai-common-";
    for (size_t i = 0; i < sizeof token; i++) (void)snprintf(name + 13 + 2 * i, 3, "%02x", token[i]);
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_int_equal(ftruncate(fd, llabs(there)), 0);
    if (there > 0) assert_int_equal(fallocate(fd, 0, 0, there), 0);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
    return fd;
}

static void test_common__names_that_make_no_sense(void **state)
{
    (void)state;
    const char *why = "no name of memory in common";
    assert_refused(mirai_null(), why);
    assert_refused(mirai_list(NULL, 0), why);
    assert_refused(mirai_list_of(mirai_bytes(token, 15), mirai_int(1), mirai_int(1), mirai_int(1), MIRAI_END), why);
    assert_refused(mirai_list_of(mirai_string("0123456789abcdef"), mirai_int(1), mirai_int(1), mirai_int(1), MIRAI_END), why);
    assert_refused(mirai_list_of(mirai_bytes(token, 16), mirai_int(1), MIRAI_END), why);
    assert_refused(mirai_list_of(mirai_bytes(token, 16), mirai_int(1), mirai_int(1), MIRAI_END), why);
    assert_refused(mirai_list_of(mirai_bytes(token, 16), mirai_int(1), mirai_int(1), mirai_float(1), MIRAI_END), why);
    assert_refused(mirai_list_of(mirai_bytes(token, 16), mirai_int(1), mirai_int(1), mirai_int(1), mirai_int(1),
                                 mirai_int(1), mirai_int(1), mirai_int(1), MIRAI_END), why);
    assert_refused(name_of(0, 1, 1), why);
    assert_refused(name_of(-1, 1, 1), why);
    assert_refused(name_of(SIZE, 0, 1), why);
    assert_refused(name_of(SIZE, -1, 1), why);
    assert_refused(name_of(SIZE, (int64_t)INT32_MAX + 1, 1), why);
    assert_refused(name_of(SIZE, 1, -1), why);
    assert_refused(name_of(SIZE, 1, (int64_t)INT32_MAX + 1), why);
}

static void refuse_file(int fd, const char *why)
{
    assert_true(fd >= 0);
    assert_refused(name_of(SIZE, getpid(), fd), why);
    (void)close(fd);
}

static void test_common__files_that_are_something_else(void **state)
{
    (void)state;
    const char *gone = "not there any more";
    int ends[2], folder = open("/tmp", O_RDONLY | O_CLOEXEC);
    assert_int_equal(pipe(ends), 0);
    refuse_file(ends[0], gone);
    refuse_file(ends[1], gone);
    refuse_file(folder, gone);
    refuse_file(open("/dev/zero", O_RDWR | O_CLOEXEC), gone);
    refuse_file(open("/proc/self/exe", O_RDONLY | O_CLOEXEC), gone);
    refuse_file(memfd_create("mirai-common-", MFD_CLOEXEC), gone);
    assert_refused(name_of(SIZE, getpid(), 1000000), gone);
    assert_refused(name_of(SIZE, INT32_MAX, 0), gone);
    /* the right name, and nothing else right */
    refuse_file(memory_file(SIZE, 0), "not sealed");
    refuse_file(memory_file(SIZE, F_SEAL_GROW), "not sealed");
    refuse_file(memory_file(SIZE, F_SEAL_SHRINK), "not sealed");
    refuse_file(memory_file(-SIZE, ALL_SEALS), "not there in full");
    refuse_file(memory_file(SIZE + 1, ALL_SEALS), "was said to have 5000 bytes, and has 5001");
    refuse_file(memory_file(SIZE - 1, ALL_SEALS), "was said to have");
    refuse_file(memory_file(SIZE, ALL_SEALS | F_SEAL_FUTURE_WRITE), "");
    refuse_file(memory_file(SIZE, ALL_SEALS | F_SEAL_WRITE), "");
}

/* Each place is looked at; with a wrong size what is known here is not given either. */
static void test_common__is_opened_where_it_is(void **state)
{
    (void)state;
    mirai_value *first = NULL, *second = NULL, *none = NULL;
    int fd = memory_file(SIZE, ALL_SEALS);
    assert_int_equal(pwrite(fd, "common", 6, 0), 6);
    mirai_value *name = mirai_list_of(mirai_bytes(token, 16), mirai_int(SIZE), mirai_int(INT32_MAX), mirai_int(3),
                                      mirai_int(getpid()), mirai_int(fd), MIRAI_END);
    assert_int_equal(open_forged(name, &first), MIRAI_OK);
    assert_int_equal(open_forged(name_of(SIZE, getpid(), 1000000), &second), MIRAI_OK);
    assert_ptr_equal(mirai_common_data(first), mirai_common_data(second));
    assert_memory_equal(mirai_common_data(first), "common", 6);
    assert_int_equal(open_forged(name_of(SIZE + 1, getpid(), fd), &none), MIRAI_E_HOOK);
    (void)close(fd);
    memcpy(mirai_common_data(second), "others", 6);
    mirai_value_release(first);
    assert_memory_equal(mirai_common_data(second), "others", 6);
    mirai_value_release(second);
    assert_refused(name_of(SIZE, getpid(), fd), "not there any more");
}

/* Of a process that was killed, the memory that is open here stays. */
static void test_common__outlives_who_made_it(void **state)
{
    (void)state;
    mirai_value *value = NULL;
    int fd = memory_file(SIZE, ALL_SEALS);
    pid_t child = fork();
    if (child == 0) { /* has the descriptor, and nothing else to do */
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* should the test fail before it kills it */
        for (;;) (void)pause();
    }
    (void)close(fd);
    assert_int_equal(open_forged(name_of(SIZE, child, fd), &value), MIRAI_OK);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    memset(mirai_common_data(value), 1, SIZE);
    mirai_value_release(value);
    assert_refused(name_of(SIZE, child, fd), "has ended or let go of it");
}

/* As a user who may not look into the parent: what comes of names that lead there first, or there alone. */
static int open_as_another(int fd)
{
    mirai__common *common = NULL;
    mirai__common_name name = {.size = SIZE, .count = 2, .places = {{(int32_t)getppid(), fd}, {(int32_t)getpid(), fd}}};
    memcpy(name.token, token, sizeof token);
    if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0) return 1;
    if (prctl(PR_SET_DUMPABLE, 1) != 0) return 2;
    if (mirai__common_open(&name, &common) != MIRAI_OK) return 3;
    memset(mirai__common_bytes(common), 1, SIZE);
    name.token[0]++; /* of none that is there */
    if (mirai__common_open(&name, &common) != MIRAI_E_PERMISSION) return 4;
    name.count = 1;
    return mirai__common_open(&name, &common) == MIRAI_E_PERMISSION ? 0 : 5;
}

/* Who told of it has ended, and its number is that of somebody else's process by now. */
static void test_common__is_looked_for_beyond_strangers(void **state)
{
    (void)state;
    int fd = memory_file(SIZE, ALL_SEALS), status = -1, before = prctl(PR_GET_DUMPABLE);
    assert_int_equal(fchmod(fd, 0666), 0);
    assert_int_equal(prctl(PR_SET_DUMPABLE, 0), 0);
    pid_t child = fork();
    if (child == 0) _exit(open_as_another(fd));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(prctl(PR_SET_DUMPABLE, before), 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    (void)close(fd);
}

static void test_common__without_descriptors(void **state)
{
    (void)state;
    struct rlimit before, none;
    int fd = memory_file(SIZE, ALL_SEALS);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    mirai_value *made = mirai__common_value(SIZE);
    mirai_status status = mirai_error_detail()[0] != '\0' ? MIRAI_E_NOFILES : MIRAI_OK;
    mirai_value *out = NULL;
    mirai_status opened = open_forged(name_of(SIZE, getpid(), fd), &out);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_null(made);
    assert_int_equal(status, MIRAI_E_NOFILES);
    assert_int_equal(opened, MIRAI_E_HOOK);
    assert_non_null(strstr(mirai_error_detail(), "Too many open files"));
    (void)close(fd);
}

static int descriptors(void)
{
    int count = 0;
    for (int fd = 0; fd < 256; fd++) count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static void test_common__survives_failing_operations(void **state)
{
    (void)state;
    int before = descriptors();
    for (int64_t n = 1;; n++) {
        mirai__fault_arm(n, false);
        mirai_value *value = mirai__common_value(SIZE);
        mirai__segment *segment = NULL;
        mirai_status status = MIRAI_E_NOMEM;
        if (value != NULL) status = mirai__encode(value, NULL, 0, &segment);
        bool over = mirai__fault_count() < n;
        mirai__fault_arm(0, false);
        mirai_value_release(value);
        mirai__segment_release(segment);
        assert_int_equal(descriptors(), before);
        if (!over) continue;
        assert_int_equal(status, MIRAI_OK);
        break;
    }
    int fd = memory_file(SIZE, ALL_SEALS);
    for (int64_t n = 1;; n++) {
        mirai__common_name name = {.size = SIZE, .count = 1, .places = {{(int32_t)getpid(), fd}}};
        mirai__common *common = NULL;
        memcpy(name.token, token, sizeof token);
        mirai__fault_arm(n, false);
        mirai_status status = mirai__common_open(&name, &common);
        bool over = mirai__fault_count() < n;
        mirai__fault_arm(0, false);
        if (status == MIRAI_OK) mirai__common_unref(mirai__common_ref(common));
        mirai__common_unref(common);
        assert_int_equal(descriptors(), before + 1);
        if (over) break;
    }
    (void)close(fd);
}

static int set_up(void **state)
{
    (void)state;
    mirai_refhook hook = MIRAI_REFHOOK_INIT;
    hook.serialize = give_forged;
    overlay = mirai__hooks_new();
    return overlay != NULL && mirai__hooks_register(overlay, forged_class, &hook) == MIRAI_OK ? 0 : 1;
}

static int tear_down(void **state)
{
    (void)state;
    mirai__hooks_free(overlay);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_common__bad_arguments),
        cmocka_unit_test(test_common__is_nobody_elses_class),
        cmocka_unit_test(test_common__is_zeros_that_can_be_written),
        cmocka_unit_test(test_common__is_one_object_in_a_process),
        cmocka_unit_test(test_common__is_kept_by_messages),
        cmocka_unit_test(test_common__names_that_make_no_sense),
        cmocka_unit_test(test_common__files_that_are_something_else),
        cmocka_unit_test(test_common__is_opened_where_it_is),
        cmocka_unit_test(test_common__outlives_who_made_it),
        cmocka_unit_test(test_common__is_looked_for_beyond_strangers),
        cmocka_unit_test(test_common__without_descriptors),
        cmocka_unit_test(test_common__survives_failing_operations),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
