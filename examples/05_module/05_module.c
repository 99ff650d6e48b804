/*
 * A host that uses a module. It does not call mirai_main(), so its daemons are not this program but
 * miraicored, which knows nothing but the built-in functions and what modules bring.
 */
#include <miraicore.h>

int main(int argc, char **argv)
{
    const char *module = argc > 1 ? argv[1] : MODULE_FILE; /* a path, because it holds a slash */
    mirai_pool *pool;
    MIRAI_EXIT_IF(mirai_pool_open(&pool, "module", 2, NULL));

    /* On all daemons, and on every one that may replace one of them later. */
    MIRAI_EXIT_IF(mirai_pool_load(pool, module));

    enum { TASKS = 5 };
    mirai_task *tasks[TASKS];
    for (int i = 0; i < TASKS; i++) {
        mirai_value *sides = mirai_dict_of("a", mirai_int(i), "b", mirai_int(2 * i), MIRAI_END);
        MIRAI_EXIT_IF(mirai_pool_submit(pool, &tasks[i], "geometry.hypotenuse", sides, NULL));
    }
    for (int i = 0; i < TASKS; i++) {
        const mirai_value *result;
        MIRAI_EXIT_IF(mirai_task_wait(tasks[i], MIRAI_FOREVER));
        MIRAI_EXIT_IF(mirai_task_result(tasks[i], &result));
        printf("sides %d and %d: ", i, 2 * i);
        (void)mirai_value_print(result, stdout);
        mirai_task_release(tasks[i]);
    }
    MIRAI_EXIT_IF(mirai_pool_close(pool, MIRAI_DRAIN, 5000));
    return 0;
}
