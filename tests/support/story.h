/*
 * story: what the integration and fault tests share: opening pools of this program, submitting and waiting with a
 * generous deadline, functions for daemons to run (story_functions.c), and counting what this process and its
 * children hold (census.c). Assertions run on the calling thread, which must be the test's.
 */
#ifndef STORY_H
#define STORY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <cmocka.h>

#include <miraicore.h>

/* Longest that anything that must happen may take, in milliseconds. */
#define STORY_PATIENCE 120000

/* Counts of descriptors, threads and memory mean something only where nothing else shares the process. */
#define story_assert_ok(expression)                                                                                    \
    do {                                                                                                               \
        mirai_status story_status_ = (expression);                                                                     \
        if (story_status_ != MIRAI_OK)                                                                                 \
            fail_msg("%s: %s: %s", #expression, mirai_status_name(story_status_), mirai_error_detail());               \
    } while (0)

/* ---- the program ---- */

/* Registers the functions of story_functions.c: to be called by the setup of every story. */
mirai_status story_setup(void);
/* Path of this program. The link in /proc itself would name valgrind, where that runs it. */
const char *story_program(void);

/* ---- pools and tasks; all assert success ---- */

mirai_pool *story_open(int32_t daemons);
mirai_pool *story_open_with(int32_t daemons, const mirai_pool_options *options);
void story_close(mirai_pool *pool); /* by MIRAI_CANCEL */
int story_open_two(void **state);    /* set-up of cases that share a pool of two daemons */
int story_close_state(void **state); /* and its end */
mirai_task *story_submit(mirai_pool *pool, const char *function, mirai_value *args);
mirai_task *story_submit_with(mirai_pool *pool, const char *function, mirai_value *args,
                              const mirai_submit_options *options);
/* Waits; borrowed from the task. */
const mirai_value *story_result(mirai_task *task);
/* Waits, compares the outcome, and gives the value. */
const mirai_value *story_expect(mirai_task *task, mirai_outcome outcome);
/* Submits, waits, expects a value, reads it as a number, releases. */
int64_t story_number(mirai_pool *pool, const char *function, mirai_value *args);
mirai_pool_status story_status(mirai_pool *pool);
/* Text of a field of an error value; "" when it is not there. */
const char *story_field(const mirai_value *error, const char *key);
/* Process number of the daemon at a position in mirai_pool_describe(). */
pid_t story_daemon_pid(mirai_pool *pool, size_t index);

/* ---- time ---- */

int64_t story_now_ms(void);
void story_sleep_ms(int64_t ms);
/* A bound on elapsed time, stretched where sanitizers or valgrind slow everything down. */
int64_t story_bound_ms(int64_t ms);
/* Until condition(context) holds, looked at every few milliseconds; false when patience ends. */
bool story_until(bool (*condition)(void *context), void *context);
bool story_until_daemons(mirai_pool *pool, int64_t ready);
bool story_until_lost(mirai_pool *pool, int64_t lost); /* at least so many daemons */
bool story_until_running(mirai_task *task);
bool story_until_file(const char *path); /* exists and is not empty */
bool story_until_dead(pid_t pid);        /* gone, or a zombie */

/* ---- files ---- */

const char *story_path(const char *name); /* under this test's own folder in /tmp; static memory, 8 at a time */
void story_remove_files(void);
int64_t story_read_number(const char *path); /* -1: none */
size_t story_file_size(const char *path);    /* 0: no file */

/* ---- census ---- */

size_t story_descriptors(void); /* open in this process */
/* Until no more than so many are open: NNG closes some on threads of its own, a moment later. */
bool story_until_descriptors(size_t most);
size_t story_threads(void);     /* of this process */
/* Until there are no more than so many: one that was joined may be in /proc for a moment longer. */
bool story_until_threads(size_t most);
int64_t story_rss_kib(void);    /* resident memory */
/* Processes that descend from one, by walking /proc; returns how many there are, fills up to `most`. */
size_t story_descendants(pid_t root, pid_t *pids, size_t most);
bool story_is_alive(pid_t pid); /* zombies are not */
/* Those that descended from a process at some moment. */
typedef struct story_family {
    pid_t pids[32];
    size_t count;
} story_family;
story_family story_family_of(pid_t root); /* asserts that there is room for them and one more */
bool story_until_extinct(const story_family *family);
/* Value of a line such as "SigBlk" in a status file of /proc, read as a hexadecimal number. */
uint64_t story_status_mask(const char *path, const char *name);
bool story_in_valgrind(void);
/* So many of what is the same each time; a tenth over NNG, where each costs some fifty wake-ups of its threads. */
int story_many(int full);

#endif
