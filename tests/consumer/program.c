/*
 * The smallest program that uses everything a link can get wrong: a daemon that is this program, a
 * value there and back. With the argument "miraicored" the daemon is that program instead.
 */
#include <miraicore.h>

#include <string.h>

static mirai_value *twice(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job;
    (void)context;
    return mirai_int(2 * mirai_value_int_or(args, 0));
}

static mirai_status setup(void)
{
    return mirai_function_register("twice", twice, NULL);
}

int main(int argc, char **argv)
{
    int use_miraicored = argc > 1 && strcmp(argv[1], "miraicored") == 0;
    const char *function = use_miraicored ? "mirai.echo" : "twice";
    int64_t expected = use_miraicored ? 21 : 42;
    mirai_pool *pool;
    mirai_task *task;
    const mirai_value *result;

    if (!use_miraicored) MIRAI_EXIT_IF(mirai_main(argc, argv, setup));
    if (mirai_version() != MIRAI_VERSION_NUMBER) return 2;
    MIRAI_EXIT_IF(mirai_pool_open(&pool, NULL, 1, NULL));
    MIRAI_EXIT_IF(mirai_pool_submit(pool, &task, function, mirai_int(21), NULL));
    MIRAI_EXIT_IF(mirai_task_wait(task, MIRAI_FOREVER));
    MIRAI_EXIT_IF(mirai_task_result(task, &result));
    (void)mirai_value_print(result, stdout);
    if (mirai_value_int_or(result, 0) != expected) return 3;
    mirai_task_release(task);
    MIRAI_EXIT_IF(mirai_pool_close(pool, MIRAI_DRAIN, 5000));
    return 0;
}
