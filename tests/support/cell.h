/*
 * cell: the stories of isolation in cells of one size and one kind of cargo, what their daemons do (cell_functions.c),
 * and what their hosts share (cell.c). Assertions run on the test's thread.
 */
#ifndef CELL_H
#define CELL_H

#include "cargo.h"
#include "story.h"

/* What memory holds when it is right, and what it is overwritten with. */
enum { CELL_PATTERN = 1000, CELL_OTHER = 2000000 };

typedef struct cell {
    size_t size;
    cargo_kind kind;
} cell;

/* 1 KB and 1 MB of each kind, 100 MB of some. False: there are no more. */
bool cell_next(cell *self);
#define FOR_EACH_CELL(name) for (cell name = {0, CARGO_KINDS}; cell_next(&name);)
#define CELL_LARGE ((size_t)100000000)

/* Registers story_setup()'s functions, cargo, and those of cell_functions.c. */
mirai_status cell_setup(void);

/* ---- cargo and arguments ---- */

cargo cell_cargo(const cell *self, mirai_pool *pool); /* holds CELL_PATTERN */
/* Write over the host's own memory. */
void cell_overwrite(const cargo *mine);
/* [value, size, CELL_PATTERN]; takes the value. */
mirai_value *cell_args(const cell *self, mirai_value *value);
/* [kind, size, CELL_PATTERN]: what makes a daemon give cargo. */
mirai_value *cell_order(const cell *self);

/* ---- tasks ---- */

/* On the daemon of a number; 0: on any. */
mirai_task *cell_submit(mirai_pool *pool, uint64_t daemon, const char *function, mirai_value *args);
/* Its result is -1: no difference. Releases the task. */
void cell_expect(const cell *self, mirai_task *task);
/* Its result is cargo that holds a pattern. */
void cell_expect_cargo(const cell *self, mirai_task *task, uint64_t pattern);
/* The same of a value. */
void cell_check(const cell *self, const mirai_value *value, uint64_t pattern);
/* Runs to its value, which is dropped. */
void cell_run(mirai_pool *pool, uint64_t daemon, const char *function, mirai_value *args);

/* Numbers of the daemons of a pool of two (or one), and their processes. */
uint64_t cell_daemon(mirai_pool *pool, size_t index);
pid_t cell_pid(mirai_pool *pool, uint64_t daemon);
/* Until one daemon more than `lost` is lost and there are two again; the number of the one that is not `other`. */
uint64_t cell_replaced(mirai_pool *pool, uint64_t other, int64_t lost);
/* Kill one of two; the number of the one that comes in its place. */
uint64_t cell_replace(mirai_pool *pool, uint64_t daemon);

/* ---- files ---- */

void cell_touch(const char *path);
void cell_write(const char *path, int64_t number); /* appears whole */

#endif
