/*
 * Tasks in a program that is built on libuv. The pool's descriptor is one handle among the loop's others: when it is
 * readable, mirai_pool_process() calls the callbacks of what has resolved. A timer goes on meanwhile.
 */
#include <miraicore.h>

#include <stdio.h>
#include <uv.h>

enum { TASKS = 1000 };

typedef struct counting {
    mirai_pool *pool;
    uv_poll_t poll;
    uv_timer_t timer;
    int submitted, resolved, ticks;
    int64_t sum;
} counting;

/* In a daemon: how many steps until 1, halving even numbers and taking 3n + 1 of odd ones. */
static mirai_value *steps(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job;
    (void)context;
    int64_t n = mirai_value_int_or(args, 1), count = 0;
    for (; n > 1; count++) n = n % 2 == 0 ? n / 2 : 3 * n + 1;
    return mirai_int(count);
}

static mirai_status setup(void)
{
    return mirai_function_register("steps", steps, NULL);
}

/* In mirai_pool_process(): when all is done, the loop is left with nothing to watch, and ends. */
static void on_resolved(mirai_task *task, void *user)
{
    counting *all = user;
    const mirai_value *result;
    if (mirai_task_result(task, &result) == MIRAI_OK) all->sum += mirai_value_int_or(result, 0);
    if (++all->resolved < all->submitted) return;
    uv_close((uv_handle_t *)&all->poll, NULL);
    uv_close((uv_handle_t *)&all->timer, NULL);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    (void)events;
    counting *all = poll->data;
    if (status == 0) (void)mirai_pool_process(all->pool, NULL);
}

static void on_tick(uv_timer_t *timer)
{
    ((counting *)timer->data)->ticks++;
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, setup));
    counting all = {.pool = NULL};
    MIRAI_EXIT_IF(mirai_pool_open(&all.pool, "libuv", 2, NULL));

    int fd;
    uv_loop_t *loop = uv_default_loop();
    MIRAI_EXIT_IF(mirai_pool_fd(all.pool, &fd));
    all.poll.data = all.timer.data = &all;
    if (uv_poll_init(loop, &all.poll, fd) != 0 || uv_poll_start(&all.poll, UV_READABLE, on_readable) != 0 ||
        uv_timer_init(loop, &all.timer) != 0 || uv_timer_start(&all.timer, on_tick, 0, 1) != 0)
        return 1;

    mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
    options.on_resolved = on_resolved;
    options.user = &all;
    for (; all.submitted < TASKS; all.submitted++)
        MIRAI_EXIT_IF(mirai_pool_submit(all.pool, NULL, "steps", mirai_int(all.submitted + 1), &options));

    (void)uv_run(loop, UV_RUN_DEFAULT);
    printf("%d tasks, %lld steps in all; the timer ticked meanwhile: %s\n", all.resolved, (long long)all.sum,
           all.ticks > 0 ? "yes" : "no");
    MIRAI_EXIT_IF(mirai_pool_close(all.pool, MIRAI_DRAIN, 5000));
    return uv_loop_close(loop) != 0;
}
