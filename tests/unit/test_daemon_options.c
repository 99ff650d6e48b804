/*
 * What a kind of daemons is started with: what is refused, what is copied, and how it travels.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "alloc.h"
#include "confines.h"
#include "cpus.h"
#include "daemon_options.h"
#include "environment.h"
#include "fault.h"

static void assert_refused(const mirai_daemon_options *options, const char *words)
{
    mirai_daemon_options *copy = NULL;
    assert_int_equal(mirai__daemon_options_copy(options, &copy), MIRAI_E_INVALID);
    assert_null(copy);
    if (strstr(mirai_error_detail(), words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", mirai_error_detail(), words);
}

static void test_daemon_options__bad_texts(void **state)
{
    (void)state;
    static const char *const tags[] = {"", ",", "a,", ",a", "a,,b", "\xff", "a,\xc3"};
    static const char *const directories[] = {"", "/no/such/folder", "/etc/passwd"};
    static const char *const nameless[] = {"A=1", "=2", NULL}, *const empty[] = {"", NULL};
    static const char *const ours[] = {"MIRAI_DAEMON_FD=3", NULL};
    static const char *const token[] = {"MIRAI_TOKEN_FD", NULL};
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        mirai_daemon_options options = MIRAI_DAEMON_OPTIONS_INIT;
        options.tags = tags[i];
        assert_refused(&options, "tags");
    }
    for (size_t i = 0; i < sizeof directories / sizeof *directories; i++) {
        mirai_daemon_options options = MIRAI_DAEMON_OPTIONS_INIT;
        options.directory = directories[i];
        assert_refused(&options, directories[i]);
    }
    const char *const *const environments[] = {nameless, empty, ours, token};
    for (size_t i = 0; i < sizeof environments / sizeof *environments; i++) {
        mirai_daemon_options options = MIRAI_DAEMON_OPTIONS_INIT;
        options.environment = environments[i];
        assert_refused(&options, "environment");
    }
}

static void test_daemon_options__bad_numbers(void **state)
{
    (void)state;
    const mirai_daemon_options init = MIRAI_DAEMON_OPTIONS_INIT;
    mirai_daemon_options options = init;
    options.struct_size = 1;
    assert_refused(&options, "struct_size");
    for (int field = 0; field < 5; field++) {
        options = init;
        int64_t *const fields[] = {&options.memory_limit, &options.cpu_limit_s, &options.idle_ms,
                                   &options.wall_ms, &options.max_jobs};
        *fields[field] = -2;
        assert_refused(&options, "-1 means none");
    }
    static const int32_t nices[] = {-41, 41, INT32_MIN, INT32_MAX}, cleanups[] = {8, -1, 1 << 20};
    for (size_t i = 0; i < sizeof nices / sizeof *nices; i++) {
        options = init;
        options.nice = nices[i];
        assert_refused(&options, "nice");
    }
    for (size_t i = 0; i < sizeof cleanups / sizeof *cleanups; i++) {
        options = init;
        options.cleanup = cleanups[i];
        assert_refused(&options, "cleanup");
    }
}

static void test_daemon_options__cpus(void **state)
{
    (void)state;
    static const char *const bad[] = {"",     " ",    "a",     "1,",   ",1",    "1,,2", "1-",   "-1",  "3-1",
                                      "1-2-3", "1 ,2", "1024", "0x1", "+1", "1.5", "0-1024", "99999999999999999999",
                                      "0;nice=5"};
    cpu_set_t set;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        mirai_daemon_options options = MIRAI_DAEMON_OPTIONS_INIT;
        options.cpus = bad[i];
        assert_refused(&options, "cpus");
        assert_int_equal(mirai__cpus_parse(bad[i], &set), MIRAI_E_INVALID);
    }
    assert_int_equal(mirai__cpus_parse("0-3,6", &set), MIRAI_OK);
    assert_int_equal(CPU_COUNT(&set), 5);
    assert_true(CPU_ISSET(0, &set) && CPU_ISSET(3, &set) && CPU_ISSET(6, &set) && !CPU_ISSET(4, &set));
    assert_int_equal(mirai__cpus_parse("1023,5-5,5,007", &set), MIRAI_OK);
    assert_int_equal(CPU_COUNT(&set), 3);
}

static void test_daemon_options__copy_owns_all(void **state)
{
    (void)state;
    char tag[] = "gpu,big", directory[] = "/tmp", cpus[] = "0", variable[] = "A=1", gone[] = "B";
    const char *environment[] = {variable, gone, NULL};
    mirai_daemon_options options = MIRAI_DAEMON_OPTIONS_INIT, *copy;
    options.tags = tag;
    options.directory = directory;
    options.cpus = cpus;
    options.environment = environment;
    options.max_jobs = 7;
    options.cleanup = MIRAI_CLEANUP_STATE;
    assert_int_equal(mirai__daemon_options_copy(NULL, &copy), MIRAI_OK); /* the defaults */
    assert_null(copy->tags);
    assert_int_equal(copy->struct_size, sizeof *copy);
    mirai__daemon_options_free(copy);
    mirai__fault_arm(1, false);
    assert_int_equal(mirai__daemon_options_copy(&options, &copy), MIRAI_E_NOMEM);
    mirai__fault_arm(0, false);
    assert_int_equal(mirai__daemon_options_copy(&options, &copy), MIRAI_OK);
    *tag = *directory = *cpus = *variable = *gone = '?';
    environment[0] = NULL;
    assert_string_equal(copy->tags, "gpu,big");
    assert_string_equal(copy->directory, "/tmp");
    assert_string_equal(copy->cpus, "0");
    assert_string_equal(copy->environment[0], "A=1");
    assert_string_equal(copy->environment[1], "B");
    assert_null(copy->environment[2]);
    assert_int_equal(copy->max_jobs, 7);
    mirai__daemon_options_free(copy);
    mirai__daemon_options_free(NULL);
}

static void test_daemon_options__confines(void **state)
{
    (void)state;
    static const char *const bad[] = {"x=1", "memory", "memory=", "memory=0", "memory=-5", "memory=1x", "cpu=",
                                      "nice=41", "nice=", "cpus=", "cpus=a", "=", "memory=99999999999999999999"};
    mirai_daemon_options options = MIRAI_DAEMON_OPTIONS_INIT;
    char *entry = "";
    assert_int_equal(mirai__confines_entry(&options, &entry), MIRAI_OK);
    assert_null(entry);
    assert_int_equal(mirai__confines_entry(NULL, &entry), MIRAI_OK);
    options.memory_limit = options.cpu_limit_s = -1;
    assert_int_equal(mirai__confines_entry(&options, &entry), MIRAI_OK);
    assert_null(entry);
    options.memory_limit = 1 << 30;
    options.cpu_limit_s = 60;
    options.nice = -5;
    options.cpus = "0-3,6";
    assert_int_equal(mirai__confines_entry(&options, &entry), MIRAI_OK);
    assert_string_equal(entry, "MIRAI_DAEMON_LIMITS=cpus=0-3,6;memory=1073741824;cpu=60;nice=-5;");
    mirai__free(entry);
    assert_int_equal(mirai__confines_apply(NULL), MIRAI_OK);
    assert_int_equal(mirai__confines_apply(""), MIRAI_OK);
    assert_int_equal(mirai__confines_apply("nice=0;"), MIRAI_OK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(mirai__confines_apply(bad[i]), MIRAI_E_INVALID);
}

static const char *find(char *const *environment, const char *name)
{
    size_t size = strlen(name);
    const char *found = NULL;
    for (; *environment != NULL; environment++) {
        if (strncmp(*environment, name, size) != 0 || (*environment)[size] != '=') continue;
        assert_null(found); /* once at most */
        found = *environment + size + 1;
    }
    return found;
}

static void test_daemon_options__environment(void **state)
{
    (void)state;
    static const char *const entries[] = {"SET=1", "GONE", "SET=2", "BACK", "BACK=3", "AWAY=4", "AWAY", "EMPTY="};
    (void)setenv("SET", "0", 1);
    (void)setenv("GONE", "0", 1);
    (void)setenv("KEPT", "0", 1);
    (void)setenv("MIRAI_DAEMON_X", "0", 1);
    char **environment = mirai__environment(entries, sizeof entries / sizeof *entries);
    assert_non_null(environment);
    assert_string_equal(find(environment, "SET"), "2");
    assert_string_equal(find(environment, "BACK"), "3");
    assert_string_equal(find(environment, "KEPT"), "0");
    assert_string_equal(find(environment, "EMPTY"), "");
    assert_null(find(environment, "GONE"));
    assert_null(find(environment, "AWAY"));
    assert_null(find(environment, "MIRAI_DAEMON_X"));
    mirai__free(environment);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_daemon_options__bad_texts),
        cmocka_unit_test(test_daemon_options__bad_numbers),
        cmocka_unit_test(test_daemon_options__cpus),
        cmocka_unit_test(test_daemon_options__copy_owns_all),
        cmocka_unit_test(test_daemon_options__confines),
        cmocka_unit_test(test_daemon_options__environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
