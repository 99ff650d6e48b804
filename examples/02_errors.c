/*
 * What can go wrong in a task, and how its handle tells. A task that fails is no failed call:
 * waiting and reading succeed, and the result is an error value that says why.
 */
#include <miraicore.h>

#include <stdlib.h>

/* A function fails by returning an error value, with a class that callers can ask for. */
static mirai_value *divide(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job;
    (void)context;
    int64_t a, b;
    if (mirai_value_to_int(mirai_value_at(args, "[0]"), &a) != MIRAI_OK ||
        mirai_value_to_int(mirai_value_at(args, "[1]"), &b) != MIRAI_OK)
        return NULL; /* the task fails with this thread's detail text: what was wrong in the call
                        above */
    if (b == 0) return mirai_error("division_by_zero", 33, "cannot divide %lld by 0", (long long)a);
    return mirai_float((double)a / (double)b);
}

/* One that takes its whole process with it. */
static mirai_value *crash(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job;
    (void)args;
    (void)context;
    (void)fprintf(stderr, "about to do something foolish\n");
    abort();
}

static mirai_status setup(void)
{
    MIRAI_TRY(mirai_function_register("divide", divide, NULL));
    return mirai_function_register("crash", crash, NULL);
}

/* Submit, wait, show. */
static mirai_status show(mirai_pool *pool, const char *function, mirai_value *args)
{
    mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
    options.timeout_ms = 500;
    mirai_task *task;
    const mirai_value *result;
    MIRAI_TRY(mirai_pool_submit(pool, &task, function, args, &options));
    MIRAI_TRY(mirai_task_wait(task, MIRAI_FOREVER));
    MIRAI_TRY(mirai_task_result(task, &result));
    printf("\n--- %s: outcome %d, %s\n", function, (int)mirai_task_outcome(task),
           mirai_outcome_text(mirai_task_outcome(task)));
    (void)mirai_value_print(result, stdout);
    if (mirai_value_error_inherits(result, "division_by_zero"))
        printf("(a caller can act on the class, or on the code %d)\n",
               (int)mirai_value_error_code(result));
    if (mirai_value_get(result, "signal") != NULL)
        printf("(the daemon was ended by %s)\n",
               mirai_value_string(mirai_value_get(result, "signal")));
    mirai_task_release(task);
    return MIRAI_OK;
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, setup));
    mirai_pool *pool;
    MIRAI_EXIT_IF(mirai_pool_open(&pool, "errors", 1, NULL));

    MIRAI_EXIT_IF(show(pool, "divide", mirai_list_of(mirai_int(1), mirai_int(0), MIRAI_END)));
    MIRAI_EXIT_IF(show(pool, "divide", mirai_list_of(mirai_string("x"), mirai_null(), MIRAI_END)));
    MIRAI_EXIT_IF(show(pool, "divdie", mirai_null()));          /* a slip of the pen     */
    MIRAI_EXIT_IF(show(pool, "crash", mirai_null()));           /* takes the daemon down */
    MIRAI_EXIT_IF(show(pool, "mirai.sleep", mirai_int(60000))); /* takes too long        */
    MIRAI_EXIT_IF(show(pool, "divide",                          /* on a new daemon       */
                       mirai_list_of(mirai_int(1), mirai_int(8), MIRAI_END)));

    MIRAI_EXIT_IF(mirai_pool_close(pool, MIRAI_DRAIN, 5000));
    return 0;
}
