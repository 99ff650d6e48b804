/*
 * A first task: one function, called in another process.
 */
#include <miraicore.h>

#include <unistd.h>

/* What the task calls. It runs in a daemon, with the arguments that the host submitted, and returns
   the task's result. */
static mirai_value *hello(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job;
    (void)context;
    const char *name = mirai_value_string(mirai_value_get(args, "name"));
    char text[100];
    (void)snprintf(text, sizeof text, "Hello, %s!", name != NULL ? name : "whoever you are");
    return mirai_dict_of("text", mirai_string(text), "process", mirai_int(getpid()), MIRAI_END);
}

/* Runs in the host and in every daemon: both are this program, and must know the same functions. */
static mirai_status setup(void)
{
    return mirai_function_register("hello", hello, NULL);
}

int main(int argc, char **argv)
{
    /* In a daemon this call never returns. MIRAI_EXIT_IF prints what went wrong and leaves main().
     */
    MIRAI_EXIT_IF(mirai_main(argc, argv, setup));

    mirai_pool *pool;
    MIRAI_EXIT_IF(
        mirai_pool_open(&pool, "hello", 2, NULL)); /* two daemons, ready when it returns */

    /* Submitting returns at once; args are taken, so nobody has to release them here. */
    mirai_task *task;
    mirai_value *args = mirai_dict_of("name", mirai_string("world"), MIRAI_END);
    MIRAI_EXIT_IF(mirai_pool_submit(pool, &task, "hello", args, NULL));

    MIRAI_EXIT_IF(mirai_task_wait(task, MIRAI_FOREVER));

    const mirai_value *result; /* borrowed from the task */
    MIRAI_EXIT_IF(mirai_task_result(task, &result));
    printf("This is process %d. The task returned:\n", (int)getpid());
    (void)mirai_value_print(result, stdout);

    mirai_task_release(task);
    MIRAI_EXIT_IF(mirai_pool_close(pool, MIRAI_DRAIN, 5000));
    return 0;
}
