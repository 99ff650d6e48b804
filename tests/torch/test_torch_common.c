/*
 * common: tensors and modules in memory in common: host and daemons read and write the same numbers, and two daemons train
 * one set of parameters while the host looks on.
 */
#include "story.h"

#include <stdatomic.h>
#include <string.h>

#include <miraicore/torch.h>

enum { COUNT = 1000 };

/* What those who train share besides the module. */
typedef struct board {
    _Atomic int64_t stop, steps[2];
} board;

static const char *const script = "def loss(net, x):\n"
                                  "    return ((net - x.sum(1, True)) ** 2).mean()\n"
                                  "def data(i: int):\n"
                                  "    return torch.sin(torch.arange(32).reshape([8, 4]) * (i + 1.5))\n"
                                  "def grow(x):\n"
                                  "    return x.resize_([100000])\n";

static mirai_value *new_net(void)
{
    static const char *const source = "def forward(self, x):\n    return self.linear(x)\n";
    mirai_value *definition = mirai_torch_module_define("linear = Linear(4, 1)", source);
    return mirai_torch_module_new(definition, mirai_null());
}

/* The loss of step `step`, with its graph. */
static mirai_status loss_of(const mirai_value *net, int64_t step, mirai_value **out)
{
    mirai_value *x = NULL, *y = NULL;
    MIRAI_TRY(mirai_torch_script(script, "data", mirai_list_of(mirai_int(step), MIRAI_END), &x));
    mirai_status status = mirai_torch_module_forward(net, mirai_value_ref(x), &y);
    if (status == MIRAI_OK) status = mirai_torch_script(script, "loss", mirai_list_of(y, mirai_value_ref(x), MIRAI_END), out);
    mirai_value_release(x);
    return status;
}

static mirai_status learn(const mirai_value *net, const mirai_value *optimizer, int64_t step)
{
    mirai_value *loss = NULL;
    MIRAI_TRY(mirai_torch_optimizer_zero_grad(optimizer));
    MIRAI_TRY(loss_of(net, step, &loss));
    mirai_status status = mirai_torch_backward(loss);
    mirai_value_release(loss);
    return status == MIRAI_OK ? mirai_torch_optimizer_step(optimizer) : status;
}

/* ---- in daemons ------------------------------------------------------------------------------ */

/* Args are [net, board, who]: trains until it is told to stop. */
static mirai_value *train(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    board *common = mirai_common_data(mirai_value_item(args, 1));
    int64_t who = mirai_value_int_or(mirai_value_item(args, 2), 0), step = who;
    const mirai_value *net = mirai_value_item(args, 0);
    mirai_value *optimizer =
        mirai_torch_optimizer_new("sgd", mirai_value_ref((mirai_value *)(uintptr_t)net), mirai_dict_of("lr", mirai_float(0.05), MIRAI_END));
    mirai_status status = optimizer != NULL && common != NULL ? MIRAI_OK : MIRAI_E_USER;
    for (; status == MIRAI_OK && atomic_load(&common->stop) == 0; step += 2) {
        status = learn(net, optimizer, step);
        atomic_fetch_add(&common->steps[who], 1);
    }
    mirai_value_release(optimizer);
    return status == MIRAI_OK ? mirai_int(step) : NULL;
}

/* Writes its argument full of sevens, and gives a window of it back. */
static mirai_value *sevens(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    float *numbers = mirai_torch_data(args);
    mirai_value *window = NULL;
    for (int64_t i = 0; numbers != NULL && i < mirai_torch_count(args); i++) numbers[i] = 7;
    return mirai_torch_narrow(args, 0, 1, mirai_torch_count(args) - 1, &window) == MIRAI_OK ? window : NULL;
}

/* What the call gives in a daemon, for a tensor of its own and for one from its host. */
static mirai_value *refused(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    int64_t shape = 3;
    mirai_value *own = mirai_torch_zeros(MIRAI_DTYPE_FLOAT32, 1, &shape);
    mirai_status first = mirai_torch_common(own), second = mirai_torch_common(args);
    mirai_value_release(own);
    return mirai_list_of(mirai_int(first), mirai_int(second), MIRAI_END);
}

/* ---- in the host ----------------------------------------------------------------------------- */

static mirai_value *new_tensor(void)
{
    int64_t shape = COUNT;
    mirai_value *tensor = mirai_torch_zeros(MIRAI_DTYPE_FLOAT32, 1, &shape);
    for (int i = 0; i < COUNT; i++) ((float *)mirai_torch_data(tensor))[i] = (float)i;
    return tensor;
}

static void test_torch_common__refuses_bad_arguments(void **state)
{
    mirai_value *number = mirai_int(1), *tensor = new_tensor();
    assert_int_equal(mirai_torch_common(NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai_torch_common(number), MIRAI_E_TYPE);
    assert_string_not_equal(mirai_error_detail(), "");
    story_assert_ok(mirai_torch_common(tensor));
    mirai_task *task = story_submit(*state, "refused", tensor);
    const mirai_value *statuses = story_expect(task, MIRAI_OUTCOME_VALUE);
    assert_int_equal(mirai_value_int_or(mirai_value_item(statuses, 0), 1), MIRAI_E_UNSUPPORTED);
    assert_int_equal(mirai_value_int_or(mirai_value_item(statuses, 1), 1), MIRAI_OK);
    mirai_task_release(task);
    mirai_value_release(number);
}

/* Numbers and views are what they were; only its size is fixed. */
static void test_torch_common__moves_a_tensor_in_place(void **state)
{
    (void)state;
    int64_t nothing = 0;
    mirai_value *tensor = new_tensor(), *view = NULL, *out = NULL, *empty = mirai_torch_zeros(MIRAI_DTYPE_FLOAT32, 1, &nothing);
    story_assert_ok(mirai_torch_narrow(tensor, 0, 10, 5, &view));
    story_assert_ok(mirai_torch_common(view));
    float *numbers = mirai_torch_data(tensor);
    for (int i = 0; i < COUNT; i++) assert_true(numbers[i] == (float)i);
    assert_ptr_equal(mirai_torch_data(view), numbers + 10);
    story_assert_ok(mirai_torch_common(tensor));
    assert_ptr_equal(mirai_torch_data(tensor), numbers);
    assert_int_equal(mirai_torch_script(script, "grow", mirai_list_of(tensor, MIRAI_END), &out), MIRAI_E_USER);
    assert_non_null(strstr(mirai_error_detail(), "resiz"));
    story_assert_ok(mirai_torch_common(empty));
    mirai_value_release(empty);
    mirai_value_release(view);
}

static void test_torch_common__is_written_on_both_sides(void **state)
{
    mirai_pool *pool = *state;
    mirai_value *tensor = new_tensor(), *view = NULL;
    story_assert_ok(mirai_torch_common(tensor));
    story_assert_ok(mirai_torch_narrow(tensor, 0, 2, 4, &view));
    float *numbers = mirai_torch_data(tensor);
    mirai_task *task = story_submit(pool, "sevens", view);
    const mirai_value *window = story_expect(task, MIRAI_OUTCOME_VALUE);
    for (int i = 0; i < COUNT; i++) assert_true(numbers[i] == (i >= 2 && i < 6 ? 7 : (float)i));
    assert_int_equal(mirai_torch_count(window), 3);
    *(float *)mirai_torch_data(window) = 8;
    assert_true(numbers[3] == 8);
    mirai_task_release(task);
    mirai_value_release(tensor);
}

/* Copies are as they were: what was received, what is computed. */
static void test_torch_common__leaves_all_else_isolated(void **state)
{
    mirai_pool *pool = *state;
    mirai_value *tensor = new_tensor();
    mirai_task *task = story_submit(pool, "sevens", mirai_value_ref(tensor));
    (void)story_expect(task, MIRAI_OUTCOME_VALUE);
    assert_true(((float *)mirai_torch_data(tensor))[5] == 5);
    mirai_task_release(task);
    mirai_value_release(tensor);
}

static double loss_now(const mirai_value *net)
{
    double number = 0;
    mirai_value *loss = NULL;
    story_assert_ok(loss_of(net, 0, &loss));
    story_assert_ok(mirai_torch_item(loss, &number));
    mirai_value_release(loss);
    return number;
}

static void test_torch_common__is_trained_by_two_at_once(void **state)
{
    mirai_pool *pool = *state;
    mirai_task *tasks[2];
    mirai_value *net = new_net(), *common = mirai_common(sizeof(board));
    assert_non_null(net);
    story_assert_ok(mirai_torch_common(net));
    board *shared = mirai_common_data(common);
    double first = loss_now(net);
    for (int i = 0; i < 2; i++)
        tasks[i] = story_submit(pool, "train", mirai_list_of(mirai_value_ref(net), mirai_value_ref(common), mirai_int(i), MIRAI_END));
    int64_t patience = story_now_ms() + STORY_PATIENCE;
    while ((loss_now(net) > first / 4 || atomic_load(&shared->steps[0]) < 5 || atomic_load(&shared->steps[1]) < 5) &&
           mirai_task_state(tasks[0]) != MIRAI_TASK_RESOLVED && story_now_ms() < patience)
        story_sleep_ms(1);
    for (int i = 0; i < 2; i++) assert_int_not_equal(mirai_task_state(tasks[i]), MIRAI_TASK_RESOLVED);
    assert_true(loss_now(net) < first / 2);
    atomic_store(&shared->stop, 1);
    for (int i = 0; i < 2; i++) {
        (void)story_expect(tasks[i], MIRAI_OUTCOME_VALUE);
        assert_true(atomic_load(&shared->steps[i]) > 0);
        mirai_task_release(tasks[i]);
    }
    mirai_value_release(common);
    mirai_value_release(net);
}

static mirai_status set_up(void)
{
    MIRAI_TRY(story_setup());
    MIRAI_TRY(mirai_torch_register());
    MIRAI_TRY(mirai_torch_set_threads(1));
    MIRAI_TRY(mirai_function_register("train", train, NULL));
    MIRAI_TRY(mirai_function_register("refused", refused, NULL));
    return mirai_function_register("sevens", sevens, NULL);
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, set_up));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_torch_common__refuses_bad_arguments),
        cmocka_unit_test(test_torch_common__moves_a_tensor_in_place),
        cmocka_unit_test(test_torch_common__is_written_on_both_sides),
        cmocka_unit_test(test_torch_common__leaves_all_else_isolated),
        cmocka_unit_test(test_torch_common__is_trained_by_two_at_once),
    };
    return cmocka_run_group_tests(tests, story_open_two, story_close_state);
}
