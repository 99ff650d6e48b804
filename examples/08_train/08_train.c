/*
 * Which optimiser, and which learning rate? A small convolutional network is trained on
 * Fashion-MNIST once for each combination, one task each, on as many daemons as there are
 * processors. The trained networks come back as results, and the best one is saved.
 *
 *   08_train [--quick] [--save <file>]
 */
#include "train.h"

#include <miraicore/torch.h>

#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* One line of the final table. */
typedef struct run {
    const char *optimizer;
    double lr;
    mirai_task *task;
    const mirai_value *result; /* borrowed from task */
} run;

static run runs[] = {
    {.optimizer = "sgd", .lr = 0.1},      {.optimizer = "sgd", .lr = 0.01},
    {.optimizer = "rmsprop", .lr = 0.01}, {.optimizer = "rmsprop", .lr = 0.001},
    {.optimizer = "adam", .lr = 0.01},    {.optimizer = "adam", .lr = 0.001},
    {.optimizer = "adamw", .lr = 0.01},   {.optimizer = "adamw", .lr = 0.001},
};
enum { RUNS = sizeof runs / sizeof runs[0] };
static int finished;
static double start; /* seconds, by now() */

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double accuracy_of(const run *r)
{
    return mirai_value_float_or(mirai_value_get(r->result, "accuracy"), 0);
}

/* A bar that is drawn over and over on a terminal; on anything else, one line for each finished
 * run. */
static void show_progress(const run *just_finished)
{
    static const char bar[] = "########################################";
    const int width = (int)sizeof bar - 1, filled = finished * width / RUNS;
    if (isatty(STDOUT_FILENO))
        printf("\r[%.*s%*s] %d of %d, %.0f s ", filled, bar, width - filled, "", finished,
               (int)RUNS, now() - start);
    else if (just_finished != NULL)
        printf("%d of %d: %s with lr %g: accuracy %.2f %%\n", finished, (int)RUNS,
               just_finished->optimizer, just_finished->lr, 100 * accuracy_of(just_finished));
    (void)fflush(stdout);
}

/* Called by mirai_pool_process(), in the order in which tasks end. */
static void on_resolved(mirai_task *task, void *user)
{
    run *r = user;
    finished++;
    if (mirai_task_result(task, &r->result) == MIRAI_OK) show_progress(r);
}

static mirai_status submit_all(mirai_pool *pool, int64_t images, int64_t epochs)
{
    mirai_value *model = train_model();
    for (run *r = runs; r < runs + RUNS; r++) {
        mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
        options.on_resolved = on_resolved;
        options.user = r;
        options.label = r->optimizer;
        mirai_value *args =
            mirai_dict_of("model", mirai_value_ref(model), "optimizer", mirai_string(r->optimizer),
                          "lr", mirai_float(r->lr), "images", mirai_int(images), "epochs",
                          mirai_int(epochs), "seed", mirai_int(1), MIRAI_END);
        MIRAI_TRY(mirai_pool_submit(pool, &r->task, "train", args, &options));
    }
    mirai_value_release(model);
    return MIRAI_OK;
}

/* Prints the table; the best run, or NULL when one has failed. */
static const run *print_table(void)
{
    const run *best = runs;
    int failures = 0;
    printf("\n%-10s %8s %10s %14s\n", "optimizer", "lr", "last loss", "test accuracy");
    for (const run *r = runs; r < runs + RUNS; r++) {
        if (mirai_value_is_error(r->result)) {
            printf("%-10s %8g   failed: %s\n", r->optimizer, r->lr,
                   mirai_value_error_message(r->result));
            failures++;
            continue;
        }
        if (accuracy_of(r) > accuracy_of(best)) best = r;
        printf("%-10s %8g %10.3f %12.2f %%\n", r->optimizer, r->lr,
               mirai_value_float_or(mirai_value_get(r->result, "loss"), 0), 100 * accuracy_of(r));
    }
    return failures == 0 ? best : NULL;
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, train_register));
    int64_t images = 60000, epochs = 3;
    const char *file = "fashion_mnist.model";
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0)
            images = 30000, epochs = 1;
        else if (strcmp(argv[i], "--save") == 0 && i + 1 < argc)
            file = argv[++i];
        else
            return fprintf(stderr, "usage: %s [--quick] [--save <file>]\n", argv[0]), 2;
    }

    mirai_pool *pool;
    const int32_t daemons = (int32_t)sysconf(_SC_NPROCESSORS_ONLN);
    start = now();
    MIRAI_EXIT_IF(mirai_pool_open(&pool, "training", daemons, NULL));
    /* Every daemon reads the data once; one that has to be replaced later will do so too. */
    MIRAI_EXIT_IF(mirai_pool_everywhere(pool, NULL, "load_data", mirai_null(), NULL));
    printf("%d daemons have read the data after %.1f s. Training %d networks, %d epoch%s of %d "
           "images each.\n",
           (int)daemons, now() - start, (int)RUNS, (int)epochs, epochs == 1 ? "" : "s",
           (int)images);

    MIRAI_EXIT_IF(submit_all(pool, images, epochs));
    struct pollfd fd = {.events = POLLIN};
    MIRAI_EXIT_IF(mirai_pool_fd(pool, &fd.fd));
    while (finished < RUNS) {
        (void)poll(&fd, 1, 500);
        MIRAI_EXIT_IF(mirai_pool_process(pool, NULL));
        show_progress(NULL);
    }

    const run *best = print_table();
    if (best == NULL) return 1;
    MIRAI_EXIT_IF(mirai_torch_module_save(mirai_value_get(best->result, "net"), file));
    printf("Best: %s with lr %g, saved as %s. It took %.1f s in all.\n", best->optimizer, best->lr,
           file, now() - start);
    for (run *r = runs; r < runs + RUNS; r++) mirai_task_release(r->task);
    MIRAI_EXIT_IF(mirai_pool_close(pool, MIRAI_DRAIN, 5000));
    return 0;
}
