/*
 * cell: see cell.h. On the test's thread.
 */
#include "cell.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The largest are few, since they are slow: of two kinds where memory is shared, of one over a plain socket. Under sanitizers
 * and valgrind all but the smallest are slow. */
static bool is_cell(size_t size, cargo_kind kind)
{
    const char *transport = getenv("MIRAI_TRANSPORT");
    bool rings = transport == NULL || strcmp(transport, "ring") == 0;
    bool slow = story_bound_ms(1) > 3;
    if (size < CELL_LARGE) return size == 1000 || !slow || rings || kind == CARGO_ADOPTED;
    if (slow) return false;
    if (rings) return kind == CARGO_ADOPTED || kind == CARGO_POOL;
    return kind == CARGO_ADOPTED && strcmp(transport, "pair") == 0;
}

bool cell_next(cell *self)
{
    static const size_t sizes[] = {1000, 1000000, CELL_LARGE};
    enum { SIZES = sizeof sizes / sizeof *sizes };
    size_t at = 0;
    if (self->size != 0)
        while (sizes[at] != self->size) at++;
    do {
        at += self->size != 0 && self->kind + 1 == CARGO_KINDS;
        if (at == SIZES) return false;
        self->kind = self->size == 0 || self->kind + 1 == CARGO_KINDS ? CARGO_ADOPTED : self->kind + 1;
        self->size = sizes[at];
    } while (!is_cell(self->size, self->kind));
    return true;
}

/* ---- cargo and arguments --------------------------------------------------------------------- */

cargo cell_cargo(const cell *self, mirai_pool *pool)
{
    cargo made;
    assert_true(cargo_make(&made, self->kind, pool, self->size, CELL_PATTERN));
    return made;
}

void cell_overwrite(const cargo *mine)
{
    assert_int_equal(pattern_force(mine->bytes, mine->size, CELL_OTHER), mine->size);
}

mirai_value *cell_args(const cell *self, mirai_value *value)
{
    return mirai_list_of(value, mirai_int((int64_t)self->size), mirai_int(CELL_PATTERN), MIRAI_END);
}

mirai_value *cell_order(const cell *self)
{
    return cell_args(self, mirai_int(self->kind));
}

/* ---- tasks ----------------------------------------------------------------------------------- */

mirai_task *cell_submit(mirai_pool *pool, uint64_t daemon, const char *function, mirai_value *args)
{
    mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
    options.daemon = daemon;
    return story_submit_with(pool, function, args, &options);
}

static void expect_none(const cell *self, int64_t difference)
{
    if (difference != -1)
        fail_msg("%zu bytes, %s: wrong at %lld", self->size, cargo_kind_text(self->kind), (long long)difference);
}

void cell_expect(const cell *self, mirai_task *task)
{
    int64_t difference = -3;
    story_assert_ok(mirai_value_to_int(story_expect(task, MIRAI_OUTCOME_VALUE), &difference));
    mirai_task_release(task);
    expect_none(self, difference);
}

void cell_check(const cell *self, const mirai_value *value, uint64_t pattern)
{
    expect_none(self, cargo_differs(value, self->size, pattern));
}

void cell_expect_cargo(const cell *self, mirai_task *task, uint64_t pattern)
{
    cell_check(self, story_expect(task, MIRAI_OUTCOME_VALUE), pattern);
}

void cell_run(mirai_pool *pool, uint64_t daemon, const char *function, mirai_value *args)
{
    mirai_task *task = cell_submit(pool, daemon, function, args);
    (void)story_expect(task, MIRAI_OUTCOME_VALUE);
    mirai_task_release(task);
}

uint64_t cell_daemon(mirai_pool *pool, size_t index)
{
    mirai_value *all = mirai_pool_describe(pool);
    const mirai_value *daemon = mirai_value_item(mirai_value_get(all, "daemons"), index);
    int64_t id = mirai_value_int_or(mirai_value_get(daemon, "id"), 0);
    mirai_value_release(all);
    assert_true(id > 0);
    return (uint64_t)id;
}

/* Where a daemon stands in mirai_pool_describe(); 0 or 1. */
static size_t index_of(mirai_pool *pool, uint64_t daemon)
{
    return cell_daemon(pool, 0) == daemon ? 0 : 1;
}

pid_t cell_pid(mirai_pool *pool, uint64_t daemon)
{
    return story_daemon_pid(pool, index_of(pool, daemon));
}

uint64_t cell_replaced(mirai_pool *pool, uint64_t other, int64_t lost)
{
    assert_true(story_until_lost(pool, lost + 1));
    assert_true(story_until_daemons(pool, 2));
    return cell_daemon(pool, 1 - index_of(pool, other));
}

uint64_t cell_replace(mirai_pool *pool, uint64_t daemon)
{
    uint64_t other = cell_daemon(pool, 1 - index_of(pool, daemon));
    int64_t lost = story_status(pool).daemons_lost;
    assert_int_equal(kill(cell_pid(pool, daemon), SIGKILL), 0);
    return cell_replaced(pool, other, lost);
}

/* ---- files ----------------------------------------------------------------------------------- */

void cell_write(const char *path, int64_t number)
{
    char fresh[300];
    (void)snprintf(fresh, sizeof fresh, "%s.new", path != NULL ? path : "");
    FILE *file = path != NULL ? fopen(fresh, "we") : NULL;
    if (file == NULL) return;
    (void)fprintf(file, "%lld\n", (long long)number);
    (void)fclose(file);
    (void)rename(fresh, path);
}

void cell_touch(const char *path)
{
    cell_write(path, 1);
}
