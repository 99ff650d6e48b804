/*
 * optimizer: every kind, its options, and state that goes on bit for bit after a journey.
 */
#include <stdio.h>

#include "message_trip.h"

#include "fault.h"

static mirai_value *new_net(void)
{
    assert_ok(mirai_torch_manual_seed(11));
    mirai_value *net = mirai_torch_module_new(
        mirai_torch_module_define("a = Linear(3, 8)\nb = Linear(8, 1)\nnorm = BatchNorm1d(8)",
                                  "def forward(self, x):\n"
                                  "    return self.b(torch.tanh(self.norm(self.a(x))))\n"),
        mirai_null());
    assert_non_null(net);
    return net;
}

/* Steps of learning, each on other data, told by its number alone. */
static void learn(const mirai_value *net, const mirai_value *optimizer, int first, int last)
{
    static const char *const source = "def data(i: int):\n"
                                      "    x = torch.sin(torch.arange(48.0).reshape([16, 3]) * (i + 1.5))\n"
                                      "    return x\n"
                                      "def loss(y, x):\n"
                                      "    return ((y - x.sum(1, keepdim=True)) ** 2).mean()\n";
    for (int i = first; i < last; i++) {
        mirai_value *x = NULL, *y = NULL, *loss = NULL;
        assert_ok(mirai_torch_optimizer_zero_grad(optimizer));
        assert_ok(mirai_torch_script(source, "data", mirai_list_of(mirai_int(i), MIRAI_END), &x));
        assert_ok(mirai_torch_module_forward(net, mirai_value_ref(x), &y));
        assert_ok(mirai_torch_script(source, "loss", mirai_list_of(y, x, MIRAI_END), &loss));
        assert_ok(mirai_torch_backward(loss));
        assert_ok(mirai_torch_optimizer_step(optimizer));
        mirai_value_release(loss);
    }
}

static const struct {
    const char *kind, *options;
} kinds[] = {
    {"sgd", "{'lr': 0.05}"},
    {"sgd", "{'lr': 0.05, 'momentum': 0.9, 'weight_decay': 0.01}"},
    {"sgd", "{'lr': 0.05, 'momentum': 0.9, 'nesterov': 1.0}"},
    {"adam", "{'lr': 0.01}"},
    {"adam", "{'lr': 0.01, 'beta1': 0.8, 'weight_decay': 0.01, 'amsgrad': 1.0}"},
    {"adamw", "{'lr': 0.01}"},
    {"rmsprop", "{'lr': 0.01}"},
    {"rmsprop", "{'lr': 0.01, 'momentum': 0.5, 'centered': 1.0, 'alpha': 0.9}"},
};

/* TorchScript's dicts have values of one type: truth values come as numbers. */
static mirai_value *options_of(const char *text)
{
    mirai_value *numbers = evaluate(text, NULL);
    const char *keys[8];
    mirai_value *items[8];
    size_t count = mirai_value_count(numbers);
    assert_in_range(count, 1, 8);
    for (size_t i = 0; i < count; i++) {
        keys[i] = mirai_value_key(numbers, i);
        int is_flag = strcmp(keys[i], "nesterov") == 0 || strcmp(keys[i], "amsgrad") == 0 ||
                      strcmp(keys[i], "centered") == 0;
        items[i] = is_flag ? mirai_bool(1) : mirai_value_ref(mirai_value_item(numbers, i));
    }
    mirai_value *options = mirai_dict(keys, items, count);
    mirai_value_release(numbers);
    return options;
}

static void test_optimizer__refuses_bad_arguments(void **state)
{
    (void)state;
    mirai_value *net = new_net(), *text = mirai_string("x");
    assert_null(mirai_torch_optimizer_new(NULL, mirai_value_ref(net), mirai_null()));
    assert_null(mirai_torch_optimizer_new("adam", NULL, mirai_null()));
    assert_null(mirai_torch_optimizer_new("adam", mirai_value_ref(net), NULL));
    assert_no_value(mirai_torch_optimizer_new("lbfgs", mirai_value_ref(net), mirai_null()), "no optimiser \"lbfgs\"");
    assert_no_value(mirai_torch_optimizer_new("sgd", mirai_value_ref(net), mirai_null()), "needs a learning rate");
    assert_no_value(mirai_torch_optimizer_new("adam", mirai_value_ref(text), mirai_null()), "type string");
    assert_no_value(mirai_torch_optimizer_new("adam", mirai_value_ref(net), mirai_int(1)), "options are a dict");
    assert_no_value(mirai_torch_optimizer_new("adam", mirai_value_ref(net),
                                              mirai_dict_of("momentum", mirai_float(1), MIRAI_END)),
                    "adam has no option \"momentum\"");
    assert_no_value(mirai_torch_optimizer_new("adam", mirai_value_ref(net),
                                              mirai_dict_of("beta1", mirai_float(1), MIRAI_END)),
                    "beta1 of adam is 1");
    assert_no_value(mirai_torch_optimizer_new("adam", mirai_value_ref(net),
                                              mirai_dict_of("lr", mirai_string("x"), MIRAI_END)),
                    "\"lr\" is of type string");
    assert_no_value(mirai_torch_optimizer_new("sgd", mirai_value_ref(net),
                                              mirai_dict_of("lr", mirai_int(1), "nesterov", mirai_bool(1), MIRAI_END)),
                    "needs a momentum");
    mirai_value *twice = mirai_torch_tensor_of(mirai_float(1));
    assert_no_value(mirai_torch_optimizer_new("adam", mirai_list_of(mirai_value_ref(twice), twice, MIRAI_END),
                                              mirai_null()),
                    "occurs twice");
    assert_no_value(mirai_torch_optimizer_new("adam", mirai_list_of(mirai_torch_tensor_of(mirai_int(1)), MIRAI_END),
                                              mirai_null()),
                    "a leaf of floating point");
    assert_fails(mirai_torch_optimizer_step(NULL), MIRAI_E_INVALID, "optimizer is NULL");
    assert_fails(mirai_torch_optimizer_zero_grad(text), MIRAI_E_TYPE, "type string");
    mirai_value *adam = mirai_torch_optimizer_new("adam", mirai_value_ref(net), mirai_null());
    assert_fails(mirai_torch_optimizer_set(adam, "momentum", 1), MIRAI_E_NOT_FOUND, "\"momentum\"");
    assert_fails(mirai_torch_optimizer_set(adam, "lr", -1), MIRAI_E_RANGE, "lr of adam is -1");
    assert_fails(mirai_torch_optimizer_set(adam, "amsgrad", 0.5), MIRAI_E_RANGE, "is 0 or 1");
    assert_fails(mirai_torch_optimizer_set(adam, NULL, 0.5), MIRAI_E_INVALID, "option is NULL");
    mirai_value_release(adam);
    mirai_value_release(text);
    mirai_value_release(net);
}

/* The first steps of each kind, computed by hand from gradients of 1 on a parameter of 0. */
static void test_optimizer__steps_by_the_formula(void **state)
{
    (void)state;
    static const struct {
        const char *kind;
        double after; /* two steps with lr 0.1 */
    } cases[] = {{"sgd", -0.2}, {"adam", -0.2}, {"adamw", -0.19990}, {"rmsprop", -1.70888}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mirai_value *x = mirai_torch_tensor_of(mirai_float(0));
        assert_ok(mirai_torch_set_requires_grad(x, 1));
        mirai_value *optimizer = mirai_torch_optimizer_new(cases[i].kind, mirai_list_of(mirai_value_ref(x), MIRAI_END),
                                                           mirai_dict_of("lr", mirai_float(0.1), MIRAI_END));
        for (int step = 0; step < 2; step++) {
            assert_ok(mirai_torch_optimizer_zero_grad(optimizer));
            mirai_value *loss = evaluate("x * 1.0", x);
            assert_ok(mirai_torch_backward(loss));
            assert_ok(mirai_torch_optimizer_step(optimizer));
            mirai_value_release(loss);
        }
        double after = number_of("x.detach()", x), off = after - cases[i].after;
        if (off > 1e-4 || off < -1e-4) fail_msg("%s: %.6f", cases[i].kind, after);
        mirai_value_release(optimizer);
        mirai_value_release(x);
    }
}

static void test_optimizer__goes_on_bit_for_bit(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        mirai_value *straight = new_net();
        mirai_value *optimizer =
            mirai_torch_optimizer_new(kinds[i].kind, mirai_value_ref(straight), options_of(kinds[i].options));
        assert_non_null(optimizer);
        learn(straight, optimizer, 0, 12);

        mirai_value *net = new_net();
        mirai_value *other = mirai_torch_optimizer_new(kinds[i].kind, mirai_value_ref(net), options_of(kinds[i].options));
        for (int first = 0; first < 12; first += 4) { /* fresh, used, and used again */
            mirai_value *came = trip(mirai_dict_of("optimizer", other, "net", net, MIRAI_END));
            net = mirai_value_ref(mirai_value_get(came, "net"));
            other = mirai_value_ref(mirai_value_get(came, "optimizer"));
            mirai_value_release(came);
            learn(net, other, first, first + 4);
        }
        if (!mirai_value_equal(straight, net)) fail_msg("%s %s: modules", kinds[i].kind, kinds[i].options);
        if (!mirai_value_equal(optimizer, other)) fail_msg("%s %s: optimisers", kinds[i].kind, kinds[i].options);
        mirai_value_release(other);
        mirai_value_release(net);
        mirai_value_release(optimizer);
        mirai_value_release(straight);
    }
}

static void test_optimizer__shares_parameters_with_the_module_beside_it(void **state)
{
    (void)state;
    mirai_value *net = new_net();
    mirai_value *optimizer = mirai_torch_optimizer_new("adam", mirai_value_ref(net), mirai_null());
    mirai_value *came = trip(mirai_list_of(mirai_value_ref(mirai_value_at(net, "a.bias")), optimizer, net, MIRAI_END));
    const mirai_value *bias = mirai_value_at(came, "[1].param_groups[0].params[1]");
    assert_ptr_equal(mirai_torch_data(mirai_value_at(came, "[2].a.bias")), mirai_torch_data(bias));
    assert_ptr_equal(mirai_torch_data(mirai_value_item(came, 0)), mirai_torch_data(bias));
    mirai_value_release(came);
}

static void test_optimizer__prints_and_can_be_reached_into(void **state)
{
    (void)state;
    mirai_value *net = new_net();
    mirai_value *optimizer = mirai_torch_optimizer_new("rmsprop", mirai_value_ref(net), mirai_null());
    char *text = NULL;
    assert_ok(mirai_value_format(optimizer, &text));
    assert_non_null(strstr(text, "<optim_rmsprop>\n• lr: 0.01, alpha: 0.99, eps: 1e-08, weight_decay: 0"));
    assert_non_null(strstr(text, "6 tensors, 57 elements\n• state: none yet"));
    mirai_text_free(text);
    learn(net, optimizer, 0, 2);
    assert_string_equal(mirai_value_string(mirai_value_at(optimizer, "kind")), "rmsprop");
    assert_true(mirai_value_float_or(mirai_value_at(optimizer, "options.alpha"), 0) == 0.99);
    assert_int_equal(mirai_value_int_or(mirai_value_at(optimizer, "state[0].step"), 0), 2);
    assert_non_null(mirai_value_at(optimizer, "state[3].square_avg"));
    assert_null(mirai_value_at(optimizer, "state[3].grad_avg"));
    mirai_value_release(optimizer);
    mirai_value_release(net);
}

static void test_optimizer__has_groups(void **state)
{
    (void)state;
    mirai_value *net = new_net();
    mirai_value *groups = mirai_list_of(
        mirai_dict_of("params", mirai_value_ref(mirai_value_at(net, "a")), MIRAI_END),
        mirai_dict_of("params", mirai_value_ref(mirai_value_at(net, "b")), "lr", mirai_float(0.5), MIRAI_END), MIRAI_END);
    mirai_value *optimizer = mirai_torch_optimizer_new(
        "sgd", groups, mirai_dict_of("lr", mirai_float(0.1), "momentum", mirai_float(0.9), MIRAI_END));
    learn(net, optimizer, 0, 3);
    mirai_value *came = trip(optimizer);
    assert_true(mirai_value_float_or(mirai_value_at(came, "param_groups[0].options.lr"), 0) == 0.1);
    assert_true(mirai_value_float_or(mirai_value_at(came, "param_groups[1].options.lr"), 0) == 0.5);
    assert_true(mirai_value_float_or(mirai_value_at(came, "param_groups[1].options.momentum"), 0) == 0.9);
    assert_int_equal(mirai_value_count(mirai_value_at(came, "state")), 4);
    assert_ok(mirai_torch_optimizer_set(came, "lr", 0.25));
    char *text = NULL;
    assert_ok(mirai_value_format(came, &text));
    assert_non_null(strstr(text, "group 0: lr: 0.25"));
    assert_non_null(strstr(text, "group 1: lr: 0.25"));
    mirai_text_free(text);
    mirai_value_release(came);
    mirai_value_release(net);
    assert_no_value(mirai_torch_optimizer_new("sgd",
                                              mirai_list_of(mirai_dict_of("lr", mirai_float(1), MIRAI_END), MIRAI_END),
                                              mirai_null()),
                    "group 0 is no dict with \"params\"");
}

/* What needs state that the first steps did not make. */
static void test_optimizer__takes_options_that_need_state_later(void **state)
{
    (void)state;
    static const struct {
        const char *kind, *option, *tensor;
        double number;
    } cases[] = {{"adam", "amsgrad", "max_exp_avg_sq", 1},
                 {"adamw", "amsgrad", "max_exp_avg_sq", 1},
                 {"rmsprop", "momentum", "momentum_buffer", 0.5},
                 {"rmsprop", "centered", "grad_avg", 1},
                 {"sgd", "momentum", "momentum_buffer", 0.5}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[64];
        mirai_value *net = new_net();
        mirai_value *optimizer = mirai_torch_optimizer_new(cases[i].kind, mirai_value_ref(net),
                                                           mirai_dict_of("lr", mirai_float(0.01), MIRAI_END));
        learn(net, optimizer, 0, 2);
        assert_ok(mirai_torch_optimizer_set(optimizer, cases[i].option, cases[i].number));
        mirai_value *came = trip(mirai_list_of(optimizer, net, MIRAI_END)); /* before the next step... */
        learn(mirai_value_item(came, 1), mirai_value_item(came, 0), 2, 4);
        came = trip(came); /* ...and after */
        (void)snprintf(path, sizeof path, "[0].state[0].%s", cases[i].tensor);
        assert_true(number_of("(x != 0).sum()", mirai_value_at(came, path)) > 0);
        mirai_value_release(came);
    }
}

static mirai_value *overlapping(void)
{
    mirai_value *x = evaluate("torch.ones([1]).expand([1 << 40])", NULL);
    assert_ok(mirai_torch_set_requires_grad(x, 1));
    return x;
}

/* Nothing could be computed in them; and their elements are any number. */
static void test_optimizer__refuses_parameters_that_overlap_themselves(void **state)
{
    (void)state;
    mirai_value *net = mirai_torch_module_new(
        mirai_torch_module_define("a = Linear(2, 2)", "def forward(self, x):\n    return x\n"), mirai_null());
    assert_no_value(mirai_torch_optimizer_new("adam", mirai_list_of(overlapping(), MIRAI_END), mirai_null()),
                    "overlap in memory");
    assert_no_value(mirai_torch_optimizer_new(
                        "adam", mirai_list_of(evaluate("torch.ones([9]).unfold(0, 4, 1)", NULL), MIRAI_END),
                        mirai_null()),
                    "overlap in memory");
    assert_fails(mirai_torch_module_set(net, "a.bias", evaluate("torch.ones([1]).expand([2])", NULL)),
                 MIRAI_E_INVALID, "overlap in memory");
    assert_ok(mirai_torch_module_set(net, "a.bias", evaluate("torch.ones([4])[::2]", NULL)));
    mirai_value_release(net);
}

/* A script may still stretch a parameter in place: then the counts stop at the largest number. */
static void test_optimizer__counts_no_further_than_it_can(void **state)
{
    (void)state;
    mirai_value *net = mirai_torch_module_new(
        mirai_torch_module_define("a = Linear(2, 2)", "def forward(self, x):\n    return x\n"), mirai_null());
    mirai_value *optimizer = mirai_torch_optimizer_new("adam", mirai_value_ref(net), mirai_null());
    mirai_value *pair[] = {net, optimizer};
    const char *names[] = {"a.weight", "a.bias"};
    for (size_t i = 0; i < 2; i++) {
        const mirai_value *parameter = mirai_value_at(net, names[i]);
        assert_ok(mirai_torch_set_requires_grad(parameter, 0));
        mirai_value_release(evaluate("x.as_strided_([9223372036854775807], [0])", parameter));
    }
    for (size_t i = 0; i < 2; i++) {
        char *text = NULL;
        assert_ok(mirai_value_format(pair[i], &text));
        if (!strstr(text, "9,223,372,036,854,775,807")) fail_msg("%s", text);
        mirai_text_free(text);
        mirai_value_release(pair[i]);
    }
}

/* Quadratic work would not end in time. */
static void test_optimizer__has_thousands_of_groups(void **state)
{
    (void)state;
    enum { GROUPS = 30000 };
    mirai_value **groups = test_malloc(GROUPS * sizeof *groups);
    for (size_t i = 0; i < GROUPS; i++)
        groups[i] = mirai_dict_of("params", mirai_list_of(mirai_torch_tensor_of(mirai_float(1)), MIRAI_END), MIRAI_END);
    mirai_value *optimizer = mirai_torch_optimizer_new("adam", mirai_list(groups, GROUPS), mirai_null());
    assert_non_null(optimizer);
    mirai_value_release(trip(optimizer));
    test_free(groups);
}

/* Each allocation of the core's fails in turn, in sending and in receiving all three classes. */
static void test_optimizer__survives_a_lack_of_memory(void **state)
{
    (void)state;
    mirai_value *net = new_net(), *came = NULL;
    mirai_value *optimizer = mirai_torch_optimizer_new("adam", mirai_value_ref(net), mirai_null());
    learn(net, optimizer, 0, 1);
    mirai_value *sent = mirai_list_of(optimizer, net, mirai_torch_tensor_of(mirai_int(1)), MIRAI_END);
    mirai_status status = MIRAI_E_NOMEM;
    int64_t n = 0;
    while (status != MIRAI_OK) {
        mirai__fault_arm(++n, false);
        status = trip_through(sent, &came);
        mirai__fault_arm(0, false);
        if (status != MIRAI_OK) assert_null(came);
        assert_in_range(n, 1, 100000);
    }
    assert_true(n > 100);
    assert_true(mirai_value_equal(sent, came));
    mirai_value_release(came);
    mirai_value_release(sent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_optimizer__refuses_bad_arguments),
        cmocka_unit_test(test_optimizer__steps_by_the_formula),
        cmocka_unit_test(test_optimizer__goes_on_bit_for_bit),
        cmocka_unit_test(test_optimizer__shares_parameters_with_the_module_beside_it),
        cmocka_unit_test(test_optimizer__prints_and_can_be_reached_into),
        cmocka_unit_test(test_optimizer__has_groups),
        cmocka_unit_test(test_optimizer__takes_options_that_need_state_later),
        cmocka_unit_test(test_optimizer__refuses_parameters_that_overlap_themselves),
        cmocka_unit_test(test_optimizer__counts_no_further_than_it_can),
        cmocka_unit_test(test_optimizer__has_thousands_of_groups),
        cmocka_unit_test(test_optimizer__survives_a_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, trip_setup, NULL);
}
