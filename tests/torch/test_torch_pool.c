/*
 * pool: the vignette, functions of the module, and training that moves between daemons. Each host and daemon of
 * this program computes on one thread.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include <miraicore.h>
#include <miraicore/torch.h>

#define PATIENCE 120000

#define assert_ok(expression)                                                                      \
    do {                                                                                           \
        mirai_status pool_status_ = (expression);                                                  \
        if (pool_status_ != MIRAI_OK)                                                              \
            fail_msg("%s: %s: %s", #expression, mirai_status_name(pool_status_),                   \
                     mirai_error_detail());                                                        \
    } while (0)

static const char *const source = "def forward(self, x):\n"
                                  "    return torch.relu(self.conv2(torch.relu(self.conv1(x))))\n";

/* ---- a function of the program's: steps first .. last of learning ---- */

static mirai_status learn_step(const mirai_value *net, const mirai_value *optimizer, int64_t step)
{
    static const char *const script =
        "def data(i: int):\n"
        "    return torch.sin(torch.arange(2 * 14 * 14).reshape([2, 1, 14, 14]) * (i + 1.5) / 3)\n"
        "def loss(y):\n"
        "    return ((y.mean([1, 2, 3]) - 1) ** 2).sum()\n";
    mirai_value *x = NULL, *y = NULL, *loss = NULL;
    MIRAI_TRY(mirai_torch_optimizer_zero_grad(optimizer));
    MIRAI_TRY(mirai_torch_script(script, "data", mirai_list_of(mirai_int(step), MIRAI_END), &x));
    MIRAI_TRY(mirai_torch_module_forward(net, x, &y));
    MIRAI_TRY(mirai_torch_script(script, "loss", mirai_list_of(y, MIRAI_END), &loss));
    mirai_status status = mirai_torch_backward(loss);
    mirai_value_release(loss);
    if (status == MIRAI_OK) status = mirai_torch_optimizer_step(optimizer);
    return status;
}

static mirai_value *learn(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job;
    (void)context;
    const mirai_value *net = mirai_value_get(args, "net"), *optimizer = mirai_value_get(args, "optimizer");
    int64_t last = mirai_value_int_or(mirai_value_get(args, "last"), 0);
    for (int64_t i = mirai_value_int_or(mirai_value_get(args, "first"), 0); i < last; i++)
        if (learn_step(net, optimizer, i) != MIRAI_OK) return NULL;
    return mirai_dict_of("net", mirai_value_ref(net), "optimizer", mirai_value_ref(optimizer), MIRAI_END);
}

static mirai_status setup(void)
{
    MIRAI_TRY(mirai_torch_register());
    MIRAI_TRY(mirai_torch_set_threads(1));
    return mirai_function_register("test.learn", learn, NULL);
}

/* ---- helpers; they assert ---- */

static mirai_pool *open_pool(int32_t daemons)
{
    mirai_pool *pool = NULL;
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.start_timeout_ms = 120000; /* a busy machine loads libtorch slowly */
    assert_ok(mirai_pool_open(&pool, "torch", daemons, &options));
    assert_ok(mirai_pool_load(pool, "miraicore_torch"));
    return pool;
}

/* The result of a task, owned; an error value too. */
static mirai_value *run(mirai_pool *pool, const char *function, mirai_value *args)
{
    mirai_task *task = NULL;
    const mirai_value *result = NULL;
    assert_ok(mirai_pool_submit(pool, &task, function, args, NULL));
    assert_ok(mirai_task_wait(task, PATIENCE));
    assert_ok(mirai_task_result(task, &result));
    mirai_value *owned = mirai_value_ref(result);
    mirai_task_release(task);
    return owned;
}

static mirai_value *run_well(mirai_pool *pool, const char *function, mirai_value *args)
{
    mirai_value *result = run(pool, function, args);
    if (mirai_value_is_error(result)) fail_msg("%s: %s", function, mirai_value_error_message(result));
    return result;
}

static void assert_prints(const mirai_value *value, const char *words)
{
    char *text = NULL;
    assert_ok(mirai_value_format(value, &text));
    if (!strstr(text, words)) fail_msg("no \"%s\" in\n%s", words, text);
    mirai_text_free(text);
}

static mirai_value *vignette_net(mirai_pool *pool, const char *layers)
{
    return run_well(pool, "torch.module_new",
                    mirai_dict_of("model", mirai_torch_module_define(layers, source), "params",
                                  mirai_dict_of("in_size", mirai_int(1), "out_size", mirai_int(20), MIRAI_END),
                                  MIRAI_END));
}

/* ---- tests ---- */

static void test_pool__vignette(void **state)
{
    (void)state;
    mirai_pool *pool = open_pool(1);
    mirai_value *net =
        vignette_net(pool, "conv1 = Conv2d(in_size, out_size, 5)\nconv2 = Conv2d(in_size, out_size, 5)\n");
    assert_prints(net, "An `nn_module` containing 1,040 parameters.");
    assert_prints(net, "conv1: <nn_conv2d> #520 parameters");
    const mirai_value *weight = mirai_value_at(net, "parameters[\"conv1.weight\"]");
    assert_prints(weight, "float32{20,1,5,5} ][ requires_grad ]");

    mirai_value *optimizer = run_well(pool, "torch.optim",
                                      mirai_dict_of("kind", mirai_string("rmsprop"), "params",
                                                    mirai_value_ref(mirai_value_at(net, "parameters")), MIRAI_END));
    assert_prints(optimizer, "<optim_rmsprop>");
    assert_prints(optimizer, "lr: 0.01, alpha: 0.99, eps: 1e-08");
    assert_true(mirai_value_equal(mirai_value_at(optimizer, "param_groups[0].params[0]"), weight));
    mirai_value_release(optimizer);
    mirai_value_release(net);
    assert_ok(mirai_pool_close(pool, MIRAI_DRAIN, PATIENCE));
}

static void test_pool__functions_of_the_module(void **state)
{
    (void)state;
    const int64_t shape[] = {1, 1, 28, 28};
    mirai_pool *pool = open_pool(1);
    mirai_value *net =
        vignette_net(pool, "conv1 = Conv2d(in_size, out_size, 5)\nconv2 = Conv2d(out_size, out_size, 5)\n");
    mirai_value *x = mirai_torch_ones(MIRAI_DTYPE_FLOAT32, 4, shape), *here = NULL, *plain = NULL;
    mirai_value *there = run_well(pool, "torch.script",
                     mirai_dict_of("source", mirai_string("def twice(x):\n    return x * 2\n"), "args",
                                   mirai_list_of(mirai_value_ref(x), MIRAI_END), MIRAI_END));
    assert_int_equal(mirai_torch_count(there), 784);
    assert_true(((const float *)mirai_torch_data(there))[783] == 2);
    mirai_value_release(there);

    const mirai_value *weight = mirai_value_at(net, "conv1.weight");
    there = run_well(pool, "torch.script",
                     mirai_dict_of("source", mirai_string("def f(x):\n    return [x, x * 2]\n"), "args",
                                   mirai_list_of(mirai_value_ref(weight), MIRAI_END), MIRAI_END));
    assert_int_equal(mirai_torch_requires_grad(mirai_value_item(there, 0)), 1);
    assert_int_equal(mirai_torch_requires_grad(mirai_value_item(there, 1)), 0);
    mirai_value_release(there);

    there = run_well(pool, "torch.forward",
                     mirai_dict_of("module", mirai_value_ref(net), "inputs", mirai_value_ref(x), MIRAI_END));
    assert_ok(mirai_torch_module_forward(net, x, &here));
    assert_ok(mirai_torch_detach(here, &plain));
    assert_true(mirai_value_equal(plain, there));
    mirai_value_release(plain);
    mirai_value_release(here);
    mirai_value_release(there);
    mirai_value_release(net);

    mirai_value *nothing = run_well(pool, "torch.set_threads", mirai_dict_of("threads", mirai_int(1), MIRAI_END));
    mirai_value_release(nothing);
    static const char *const functions[] = {"torch.module_new", "torch.forward", "torch.script", "torch.optim",
                                            "torch.set_threads"};
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        mirai_value *error = run(pool, functions[i], mirai_dict_of(MIRAI_END));
        assert_true(mirai_value_is_error(error));
        mirai_value_release(error);
    }
    assert_ok(mirai_pool_close(pool, MIRAI_DRAIN, PATIENCE));
}

/* Half in one daemon and half in another, against all of it in this process. */
static void test_pool__training_moves_between_daemons(void **state)
{
    (void)state;
    static const char *const kinds[] = {"sgd", "adam", "adamw", "rmsprop"};
    mirai_pool *first = open_pool(1), *second = open_pool(1);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        mirai_value *net =
            vignette_net(first, "conv1 = Conv2d(in_size, out_size, 5)\nconv2 = Conv2d(out_size, out_size, 5)\n");
        mirai_value *options = strcmp(kinds[i], "sgd") == 0
                                   ? mirai_dict_of("lr", mirai_float(0.01), "momentum", mirai_float(0.9), MIRAI_END)
                                   : mirai_dict_of("lr", mirai_float(0.01), MIRAI_END);
        mirai_value *optimizer = mirai_torch_optimizer_new(kinds[i], mirai_value_ref(net), options);
        assert_non_null(optimizer);
        mirai_value *args = mirai_dict_of("net", mirai_value_ref(net), "optimizer", mirai_value_ref(optimizer), "first",
                                          mirai_int(0), "last", mirai_int(3), MIRAI_END);
        mirai_value *half = run_well(first, "test.learn", args);
        args = mirai_dict_of("net", mirai_value_ref(mirai_value_get(half, "net")), "optimizer",
                             mirai_value_ref(mirai_value_get(half, "optimizer")), "first", mirai_int(3), "last",
                             mirai_int(6), MIRAI_END);
        mirai_value *whole = run_well(second, "test.learn", args);
        for (int64_t step = 0; step < 6; step++) assert_ok(learn_step(net, optimizer, step));
        if (!mirai_value_equal(net, mirai_value_get(whole, "net"))) fail_msg("%s: parameters differ", kinds[i]);
        if (!mirai_value_equal(optimizer, mirai_value_get(whole, "optimizer"))) fail_msg("%s: state differs", kinds[i]);
        mirai_value_release(whole);
        mirai_value_release(half);
        mirai_value_release(optimizer);
        mirai_value_release(net);
    }
    assert_ok(mirai_pool_close(first, MIRAI_DRAIN, PATIENCE));
    assert_ok(mirai_pool_close(second, MIRAI_DRAIN, PATIENCE));
}

static void test_pool__what_is_written_after_sending_is_not_seen(void **state)
{
    (void)state;
    const int64_t sizes[] = {256, 256 << 10, 25 << 20};
    mirai_pool *pool = open_pool(1);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        mirai_value *x = mirai_torch_ones(MIRAI_DTYPE_FLOAT32, 1, &sizes[i]);
        mirai_task *task = NULL;
        const mirai_value *result = NULL;
        assert_ok(mirai_pool_submit(pool, &task, "torch.script",
                                    mirai_dict_of("source", mirai_string("def f(x):\n    return x.double().sum()\n"),
                                                  "args", mirai_list_of(mirai_value_ref(x), MIRAI_END), MIRAI_END),
                                    NULL));
        memset(mirai_torch_data(x), 0x3f, (size_t)sizes[i] * 4);
        assert_ok(mirai_task_wait(task, PATIENCE));
        assert_ok(mirai_task_result(task, &result));
        double sum = 0;
        assert_ok(mirai_torch_item(result, &sum));
        assert_true(sum == (double)sizes[i]);
        mirai_task_release(task);
        mirai_value_release(x);
    }
    assert_ok(mirai_pool_close(pool, MIRAI_DRAIN, PATIENCE));
}

static mirai_task *submit_script(mirai_pool *pool, const char *script, mirai_value *tensor)
{
    mirai_task *task = NULL;
    assert_ok(mirai_pool_submit(pool, &task, "torch.script",
                                mirai_dict_of("source", mirai_string(script), "args",
                                              mirai_list_of(tensor, MIRAI_END), MIRAI_END),
                                NULL));
    return task;
}

static double item_of(mirai_task *task)
{
    const mirai_value *result = NULL;
    double number = 0;
    assert_ok(mirai_task_wait(task, PATIENCE));
    assert_ok(mirai_task_result(task, &result));
    assert_ok(mirai_torch_item(result, &number));
    mirai_task_release(task);
    return number;
}

static void test_pool__tensors_are_shared_and_passed_on(void **state)
{
    (void)state;
    static const char sum[] = "def f(x):\n    return x.double().sum()\n";
    static const char change[] = "def f(x):\n    return x.add_(1).double().sum()\n";
    enum { COUNT = 100000 };
    mirai_pool *pool = open_pool(2);
    mirai_value *ones = NULL;
    assert_ok(mirai_torch_script("def f():\n    return torch.ones([100000])\n", "f", mirai_list(NULL, 0), &ones));
    mirai_value *shared = mirai_share(pool, ones);
    assert_non_null(shared);
    mirai_task *tasks[6];
    for (int i = 0; i < 6; i++) tasks[i] = submit_script(pool, sum, mirai_value_ref(shared));
    for (int i = 0; i < 6; i++) assert_true(item_of(tasks[i]) == COUNT);

    /* The result of one is each other's own, to be changed in place. */
    mirai_task *twos = submit_script(pool, "def f(x):\n    return x * 2\n", shared);
    for (int i = 0; i < 4; i++) tasks[i] = submit_script(pool, change, mirai_task_argument(twos));
    for (int i = 0; i < 4; i++) assert_true(item_of(tasks[i]) == 3 * COUNT);
    mirai_task_release(twos);
    assert_ok(mirai_pool_close(pool, MIRAI_DRAIN, PATIENCE));
}

/* The allocator's table of buffers, kept busy: from a scope, tensors are made and released again and again. */
static _Atomic bool is_over;

static void *churn(void *pool)
{
    if (mirai_torch_scope_begin(pool) != MIRAI_OK) return NULL;
    while (!atomic_load(&is_over)) mirai_value_release(mirai_torch_zeros(MIRAI_DTYPE_UINT8, 1, &(int64_t){32768}));
    return mirai_torch_scope_end() == MIRAI_OK ? pool : NULL;
}

/* Whatever another thread was doing when the process was forked. */
static void test_pool__children_of_a_fork_free_tensors(void **state)
{
    (void)state;
    enum { FORKS = 300, SECONDS = 60 };
    pthread_t thread;
    void *done = NULL;
    int64_t length = 100000;
    int status = 0;
    mirai_pool *pool = open_pool(1);
    assert_ok(mirai_torch_scope_begin(pool));
    mirai_value *tensor = mirai_torch_ones(MIRAI_DTYPE_FLOAT32, 1, &length);
    assert_ok(mirai_torch_scope_end());
    atomic_store(&is_over, false);
    assert_int_equal(pthread_create(&thread, NULL, churn, pool), 0);
    for (int i = 0; i < FORKS && status == 0; i++) {
        pid_t child = fork();
        if (child == 0) {
            (void)alarm(SECONDS); /* so that there is a status to tell, should it wait for ever */
            mirai_value_release(tensor);
            _exit(0);
        }
        if (child < 0 || waitpid(child, &status, 0) != child) status = -1;
    }
    atomic_store(&is_over, true);
    assert_int_equal(pthread_join(thread, &done), 0);
    assert_ptr_equal(done, pool);
    assert_int_equal(status, 0);
    mirai_value_release(tensor);
    assert_ok(mirai_pool_close(pool, MIRAI_DRAIN, PATIENCE));
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, setup)); /* in a daemon this never returns */

    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pool__vignette),
        cmocka_unit_test(test_pool__functions_of_the_module),
        cmocka_unit_test(test_pool__training_moves_between_daemons),
        cmocka_unit_test(test_pool__what_is_written_after_sending_is_not_seen),
        cmocka_unit_test(test_pool__tensors_are_shared_and_passed_on),
        cmocka_unit_test(test_pool__children_of_a_fork_free_tensors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
