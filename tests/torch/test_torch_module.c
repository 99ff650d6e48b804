/*
 * module: definitions, layers, instances, files, and modules through a message.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "message_trip.h"

static const char *const pass = "def forward(self, x):\n    return x\n";

static const char *const net_layers = "conv1 = Conv2d(in_size, out_size, 5)\n"
                                      "conv2 = Conv2d(out_size, out_size, 5)\n";
static const char *const net_source = "def forward(self, x):\n"
                                      "    return torch.relu(self.conv2(torch.relu(self.conv1(x))))\n";

static mirai_value *new_module(const char *layers, const char *source)
{
    mirai_value *module = mirai_torch_module_new(
        mirai_torch_module_define(layers, source),
        mirai_dict_of("in_size", mirai_int(1), "out_size", mirai_int(20), "p", mirai_float(0.5), MIRAI_END));
    if (!module) fail_msg("%s: %s", layers, mirai_error_detail());
    return module;
}

static void test_module__refuses_bad_arguments(void **state)
{
    (void)state;
    mirai_value *out = NULL, *module = new_module("a = Linear(2, 3)", pass);
    assert_null(mirai_torch_module_define(NULL, pass));
    assert_null(mirai_torch_module_define("", NULL));
    assert_null(mirai_torch_module_new(NULL, mirai_null()));
    assert_null(mirai_torch_module_new(mirai_torch_module_define("", pass), NULL));
    assert_no_value(mirai_torch_module_new(mirai_int(1), mirai_null()), "a definition is a dict");
    assert_no_value(mirai_torch_module_new(mirai_torch_module_define("", pass), mirai_int(1)), "params are a dict");
    assert_no_value(mirai_torch_module_new(mirai_torch_module_define(net_layers, pass), mirai_null()), "\"in_size\"");
    assert_no_value(mirai_torch_module_new(mirai_dict_of("format", mirai_string("dynamo"), MIRAI_END), mirai_null()),
                    "\"dynamo\"");
    assert_fails(mirai_torch_module_forward(NULL, mirai_list_of(MIRAI_END), &out), MIRAI_E_INVALID, "module is NULL");
    assert_int_equal(mirai_torch_module_forward(module, NULL, &out), MIRAI_E_INVALID);
    assert_fails(mirai_torch_module_forward(module, mirai_list_of(MIRAI_END), NULL), MIRAI_E_INVALID, "out is NULL");
    mirai_value *text = mirai_string("x");
    assert_fails(mirai_torch_module_train(text, 1), MIRAI_E_TYPE, "type string");
    assert_fails(mirai_torch_module_zero_grad(NULL), MIRAI_E_INVALID, "module is NULL");
    assert_fails(mirai_torch_module_parameters(module, NULL), MIRAI_E_INVALID, "out is NULL");
    assert_int_equal(mirai_torch_module_set(module, "a.weight", NULL), MIRAI_E_INVALID);
    assert_fails(mirai_torch_module_set(module, "a.weight", mirai_torch_tensor_of(mirai_float(1))), MIRAI_E_RANGE,
                 "other sizes");
    assert_fails(mirai_torch_module_set(module, "b.weight", mirai_torch_tensor_of(mirai_float(1))), MIRAI_E_NOT_FOUND,
                 "\"b.weight\"");
    assert_fails(mirai_torch_module_save(module, NULL), MIRAI_E_INVALID, "path is NULL");
    assert_fails(mirai_torch_module_save(module, "/nowhere/at/all"), MIRAI_E_NOENT, "/nowhere");
    assert_fails(mirai_torch_module_load("/nowhere/at/all", &out), MIRAI_E_NOENT, "/nowhere");
    assert_int_equal(mirai_torch_module_load("/proc/self/status", &out), MIRAI_E_DECODE);
    mirai_value_release(text);
    mirai_value_release(module);
}

static void test_module__says_where_layers_are_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *layers, *words;
    } cases[] = {
        {"a = Linear(2, 3", "',' or ')' is expected"},
        {"a = Linear(2 3)", "line 1, column 14"},
        {"a = Linear(2, 3) b", "should end here"},
        {"\n\n  a == Linear(2, 3)", "line 3, column 6"},
        {"= Linear(2, 3)", "a name is expected"},
        {"a = Liner(2, 3)", "there is no layer Liner; there are Linear, Conv1d"},
        {"a = Linear(2)", "argument \"out_features\" is missing"},
        {"a = Linear(2, 3, True, 4)", "4 arguments are given, 3 is the most"},
        {"a = Linear(2, 3, out_features=4)", "given twice"},
        {"a = Linear(in_features=2, 3)", "come before"},
        {"a = Linear(2, 3, colour=4)", "no argument \"colour\""},
        {"a = Linear(2, 3.5)", "\"out_features\" is a float, but should be int"},
        {"a = Linear(2, '3')", "is a string"},
        {"a = Linear(0, 3)", "\"in_features\" is 0, but should be 1 or more"},
        {"a = Conv2d(3, 4, (1, 2, 3))", "\"kernel_size\" is a tuple"},
        {"a = Conv2d(3, 4, 5, groups=2)", "groups do not divide"},
        {"a = Conv2d(3, 4, 5, padding=-1)", "\"padding\" is (-1, -1)"},
        {"a = Dropout(1.5)", "between 0 and 1"},
        {"a = Dropout('x' + 1)", "only numbers"},
        {"a = GELU('x')", "'none' or 'tanh'"},
        {"a = Embedding(3, 4, padding_idx=3)", "outside"},
        {"a = Linear(1 // 0, 3)", "division by zero"},
        {"a = Linear(9223372036854775807 + 1, 3)", "too large"},
        {"a = Linear(92233720368547758070, 3)", "too large"},
        {"a = ReLU()\na = ReLU()", "\"a\" is there already"},
        {"a = b", "no layer \"b\" before it"},
        {"training = ReLU()", "cannot be a layer's name"},
        {"a = Linear(2, 3x)", "ends in a letter"},
        {"a = GELU('none)", "has no end"},
        {"a = LayerNorm(((((((((((((((((((((((((((((((((((((((2)))))))))))))))))))))))))))))))))))))))", "too deeply"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_null(mirai_torch_module_define(cases[i].layers, pass));
        trip_assert_says(cases[i].words);
    }
    assert_no_value(mirai_torch_module_define("", "def backward(self, x):\n    return x\n"), "no \"def forward");
    assert_no_value(mirai_torch_module_define("", "def forward(self, x:\n"), "does not compile");
    assert_no_value(mirai_torch_module_new(mirai_torch_module_define("", "def forward(self, x):\n    return self.y\n"),
                                           mirai_null()),
                    "does not compile");
}

static void test_module__is_the_one_of_the_vignette(void **state)
{
    (void)state;
    mirai_value *net = new_module("conv1 = Conv2d(in_size, out_size, 5)\nconv2 = Conv2d(in_size, out_size, 5)\n",
                                  net_source);
    char *text = NULL;
    assert_ok(mirai_value_format(net, &text));
    assert_non_null(strstr(text, "An `nn_module` containing 1,040 parameters.\n\n── Modules ──"));
    assert_non_null(strstr(text, "• conv1: <nn_conv2d> #520 parameters\n• conv2: <nn_conv2d> #520 parameters"));
    mirai_text_free(text);
    const mirai_value *weight = mirai_value_at(net, "parameters[\"conv1.weight\"]");
    const int64_t expected[] = {20, 1, 5, 5};
    int64_t shape[4];
    assert_ok(mirai_torch_shape(weight, shape, 4));
    assert_memory_equal(shape, expected, sizeof shape);
    assert_int_equal(mirai_torch_requires_grad(weight), 1);
    assert_int_equal(mirai_torch_dtype(weight), MIRAI_DTYPE_FLOAT32);
    mirai_value_release(net);
}

static void test_module__computes(void **state)
{
    (void)state;
    const int64_t shape[] = {2, 1, 28, 28}, expected[] = {2, 20, 20, 20};
    int64_t sizes[4];
    mirai_value *net = new_module(net_layers, net_source), *out = NULL;
    assert_ok(mirai_torch_module_forward(net, mirai_torch_randn(MIRAI_DTYPE_FLOAT32, 4, shape), &out));
    assert_ok(mirai_torch_shape(out, sizes, 4));
    assert_memory_equal(sizes, expected, sizeof sizes);
    mirai_value *loss = evaluate("x.mean()", out), *grad = NULL;
    assert_ok(mirai_torch_backward(loss));
    assert_ok(mirai_torch_grad(mirai_value_at(net, "conv1.weight"), &grad));
    assert_true(number_of("x.abs().sum()", grad) > 0);
    assert_ok(mirai_torch_module_zero_grad(net));
    assert_true(number_of("x.abs().sum()", grad) == 0);
    mirai_value_release(grad);
    mirai_value_release(loss);
    mirai_value_release(out);
    out = NULL;
    mirai_value *image = mirai_torch_zeros(MIRAI_DTYPE_FLOAT32, 4, shape);
    assert_ok(mirai_torch_module_forward(net, mirai_dict_of("x", mirai_value_ref(image), MIRAI_END), &out));
    mirai_value_release(out);
    assert_fails(mirai_torch_module_forward(net, mirai_dict_of("y", image, MIRAI_END), &out), MIRAI_E_TYPE,
                 "needs the argument \"x\"");
    assert_fails(mirai_torch_module_forward(net, mirai_torch_ones(MIRAI_DTYPE_FLOAT32, 3, shape), &out), MIRAI_E_USER,
                 "expected input[1, 2, 1, 28] to have 1 channels");
    mirai_value_release(net);
}

/* Every layer, against a formula or torch's own function. */
static void test_module__has_layers_that_agree_with_torch(void **state)
{
    (void)state;
    static const struct {
        const char *layer, *input, *expected; /* expected: of x, the input, and p, the layer's tensors */
    } cases[] = {
        {"Linear(6, 3)", "torch.ones([2, 6])", "torch.linear(x, p['weight'], p['bias'])"},
        {"Linear(6, out_features=3, bias=False)", "torch.ones([2, 6])", "torch.matmul(x, p['weight'].t())"},
        {"Conv1d(2, 4, 3, padding=1, groups=2)", "torch.ones([1, 2, 8])",
         "torch.conv1d(x, p['weight'], p['bias'], [1], [1], [1], 2)"},
        {"Conv2d(1, 3, (3, 5), stride=(1, 2), dilation=2)", "torch.ones([1, 1, 20, 20])",
         "torch.conv2d(x, p['weight'], p['bias'], [1, 2], [0, 0], [2, 2])"},
        {"ConvTranspose2d(4, 2, 3, 2, 1, 1)", "torch.ones([1, 4, 6, 6])",
         "torch.conv_transpose2d(x, p['weight'], p['bias'], [2, 2], [1, 1], [1, 1])"},
        {"BatchNorm1d(3)", "torch.arange(12.0).reshape([4, 3])", "(x - x.mean([0])) / (x.var([0], False) + 1e-5).sqrt()"},
        {"BatchNorm2d(2, affine=False, track_running_stats=False)", "torch.arange(16.0).reshape([2, 2, 2, 2])",
         "(x - x.mean([0, 2, 3], True)) / (x.var([0, 2, 3], False, True) + 1e-5).sqrt()"},
        {"LayerNorm((2, 3))", "torch.arange(12.0).reshape([2, 2, 3])", "torch.layer_norm(x, [2, 3])"},
        {"LayerNorm(3, eps=1)", "torch.arange(6.0).reshape([2, 3])", "torch.layer_norm(x, [3], None, None, 1.0)"},
        {"Embedding(5, 2, padding_idx=-1)", "torch.tensor([0, 4])", "p['weight'][x]"},
        {"Dropout(0)", "torch.ones([5])", "x"},
        {"MaxPool2d(2)", "torch.arange(16.0).reshape([1, 4, 4])", "torch.max_pool2d(x, [2, 2], [2, 2])"},
        {"MaxPool2d(3, stride=1, padding=1)", "torch.arange(16.0).reshape([1, 4, 4])",
         "torch.max_pool2d(x, [3, 3], [1, 1], [1, 1])"},
        {"AvgPool2d((2, 1))", "torch.arange(16.0).reshape([1, 4, 4])", "(x[:, 0::2] + x[:, 1::2]) / 2"},
        {"Flatten()", "torch.ones([2, 3, 4])", "x.reshape([2, 12])"},
        {"ReLU()", "torch.arange(-3.0, 3.0)", "x.clamp(0)"},
        {"Sigmoid()", "torch.arange(-3.0, 3.0)", "torch.sigmoid(x)"},
        {"Tanh()", "torch.arange(-3.0, 3.0)", "torch.tanh(x)"},
        {"GELU()", "torch.arange(-3.0, 3.0)", "torch.gelu(x)"},
        {"GELU('tanh')", "torch.arange(-3.0, 3.0)", "torch.gelu(x, approximate='tanh')"},
        {"Softmax(dim=1)", "torch.ones([2, 3])", "torch.softmax(x, 1)"},
        {"LogSoftmax(-1)", "torch.ones([2, 3])", "torch.log_softmax(x, 1)"},
        {"Identity()", "torch.ones([2, 3])", "x"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[512];
        (void)snprintf(text, sizeof text, "layer = %s", cases[i].layer);
        mirai_value *module = new_module(text, "def forward(self, x):\n    return self.layer(x)\n");
        mirai_value *input = evaluate(cases[i].input, NULL), *got = NULL, *wanted = NULL;
        assert_ok(mirai_torch_module_forward(module, mirai_value_ref(input), &got));
        (void)snprintf(text, sizeof text, "def f(x, p: Dict[str, Tensor]):\n    return %s\n", cases[i].expected);
        assert_ok(mirai_torch_script(
            text, NULL, mirai_list_of(input, mirai_value_ref(mirai_value_at(module, "layer")), MIRAI_END), &wanted));
        mirai_value *both = NULL;
        assert_ok(mirai_torch_script("def f(a, b):\n    return bool(torch.allclose(a, b)) and a.size() == b.size()\n",
                                     NULL, mirai_list_of(got, wanted, MIRAI_END), &both));
        if (!mirai_value_int_or(both, 0)) fail_msg("%s", cases[i].layer);
        mirai_value_release(both);
        mirai_value *came = trip(module);
        mirai_value_release(came);
    }
}

static void test_module__initialises_as_torch_does(void **state)
{
    (void)state;
    assert_ok(mirai_torch_manual_seed(7));
    mirai_value *module = new_module("a = Linear(16, 4)\nb = Conv2d(2, 3, 5)\nc = Embedding(4, 2, padding_idx=1)", pass);
    assert_ok(mirai_torch_manual_seed(7));
    /* kaiming uniform with a = sqrt(5) is uniform within 1 / sqrt(fan-in) */
    mirai_value *again = evaluate("[torch.empty([4, 16]).uniform_(-0.25, 0.25), torch.empty([4]).uniform_(-0.25, 0.25)]",
                                  NULL);
    assert_true(mirai_value_equal(mirai_value_at(module, "a.weight"), mirai_value_item(again, 0)));
    assert_true(mirai_value_equal(mirai_value_at(module, "a.bias"), mirai_value_item(again, 1)));
    assert_true(number_of("x.abs().max()", mirai_value_at(module, "b.weight")) <= 0.1414213563);
    assert_true(number_of("x.abs().max()", mirai_value_at(module, "b.weight")) > 0.12);
    assert_true(number_of("x[1].abs().sum()", mirai_value_at(module, "c.weight")) == 0);
    mirai_value_release(again);
    mirai_value_release(module);
}

static void test_module__trains_and_evaluates(void **state)
{
    (void)state;
    const int64_t shape[] = {64, 3};
    mirai_value *module = new_module("norm = BatchNorm1d(3)\ndrop = Dropout(p)",
                                     "def forward(self, x):\n    return self.drop(self.norm(x))\n");
    mirai_value *x = mirai_torch_ones(MIRAI_DTYPE_FLOAT32, 2, shape), *out = NULL;
    assert_ok(mirai_torch_module_forward(module, mirai_value_ref(x), &out));
    mirai_value_release(out);
    assert_true(number_of("x", mirai_value_at(module, "buffers[\"norm.num_batches_tracked\"]")) == 1);
    assert_true(number_of("x[0]", mirai_value_at(module, "norm.running_mean")) > 0.09);
    assert_ok(mirai_torch_module_train(module, 0));
    mirai_value *came = trip(mirai_value_ref(module));
    assert_int_equal(mirai_value_int_or(mirai_value_at(came, "training"), 1), 0);
    mirai_value *first = NULL, *second = NULL;
    assert_ok(mirai_torch_module_forward(module, mirai_value_ref(x), &first));
    assert_ok(mirai_torch_module_forward(came, x, &second));
    assert_true(mirai_value_equal(first, second)); /* nothing is dropped, nothing is tracked */
    assert_true(number_of("x", mirai_value_at(came, "norm.num_batches_tracked")) == 1);
    assert_true(mirai_value_equal(module, came));
    assert_ok(mirai_torch_module_train(came, 1));
    assert_false(mirai_value_equal(module, came));
    mirai_value_release(first);
    mirai_value_release(second);
    mirai_value_release(came);
    mirai_value_release(module);
}

static void test_module__comes_through_a_message(void **state)
{
    (void)state;
    const int64_t shape[] = {1, 1, 16, 16};
    assert_ok(mirai_torch_manual_seed(3));
    mirai_value *net = new_module(net_layers, net_source), *out = NULL, *again = NULL;
    mirai_value *x = mirai_torch_randn(MIRAI_DTYPE_FLOAT32, 4, shape);
    /* receiving takes no random numbers: what follows the seed is the same with and without it */
    assert_ok(mirai_torch_manual_seed(5));
    mirai_value *next = mirai_torch_randn(MIRAI_DTYPE_FLOAT32, 4, shape);
    assert_ok(mirai_torch_manual_seed(5));
    mirai_value *came = trip(mirai_value_ref(net));
    mirai_value *after = mirai_torch_randn(MIRAI_DTYPE_FLOAT32, 4, shape);
    assert_true(mirai_value_equal(next, after));
    assert_true(mirai_value_equal(net, came));
    assert_string_equal(mirai_value_string(mirai_value_at(came, "definition.layers")),
                        "conv1 = Conv2d(1, 20, 5)\nconv2 = Conv2d(20, 20, 5)\n");
    assert_ok(mirai_torch_module_forward(net, mirai_value_ref(x), &out));
    assert_ok(mirai_torch_module_forward(came, x, &again));
    assert_true(mirai_value_equal(out, again));
    assert_int_equal(mirai_torch_requires_grad(mirai_value_at(came, "conv1.weight")), 1);
    mirai_value_release(out);
    mirai_value_release(again);
    mirai_value_release(next);
    mirai_value_release(after);
    mirai_value_release(came);
    mirai_value_release(net);
}

static void test_module__keeps_ties(void **state)
{
    (void)state;
    mirai_value *net = new_module("embed = Embedding(5, 4)\nscore = Linear(4, 5, bias=False)\nsame = score",
                                  "def forward(self, x):\n    return self.same(self.score(self.embed(x)) * 0 + 1)[0]"
                                  " if False else self.score(self.embed(x))\n");
    mirai_value *weight = mirai_value_ref(mirai_value_at(net, "embed.weight"));
    assert_ok(mirai_torch_module_set(net, "score.weight", weight));
    mirai_value *came = trip(mirai_list_of(net, mirai_value_ref(weight), MIRAI_END));
    const mirai_value *module = mirai_value_item(came, 0);
    mirai_value *params = NULL;
    assert_ok(mirai_torch_module_parameters(module, &params));
    assert_int_equal(mirai_value_count(params), 1);
    assert_string_equal(mirai_value_key(params, 0), "embed.weight");
    assert_ptr_equal(mirai_torch_data(mirai_value_at(module, "embed.weight")),
                     mirai_torch_data(mirai_value_at(module, "score.weight")));
    assert_ptr_equal(mirai_torch_data(mirai_value_at(module, "same.weight")),
                     mirai_torch_data(mirai_value_item(came, 1)));
    char *text = NULL;
    assert_ok(mirai_value_format(module, &text));
    assert_non_null(strstr(text, "20 parameters."));
    assert_non_null(strstr(text, "same: <nn_linear> same as score"));
    mirai_text_free(text);
    mirai_value_release(params);
    mirai_value_release(came);
}

static void test_module__is_saved_and_loaded(void **state)
{
    (void)state;
    char path[] = "/tmp/miraicore-module-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    (void)close(fd);
    mirai_value *net = new_module("a = Linear(4, 4)\nb = Linear(4, 4)\nn = BatchNorm1d(4)\nc = b",
                                  "def forward(self, x):\n    return self.n(self.c(self.b(self.a(x))))\n");
    assert_ok(mirai_torch_module_set(net, "b.weight", mirai_value_ref(mirai_value_at(net, "a.weight"))));
    assert_ok(mirai_torch_module_train(net, 0));
    assert_ok(mirai_torch_module_save(net, path));
    mirai_value *loaded = NULL, *params = NULL, *out = NULL, *again = NULL;
    assert_ok(mirai_torch_module_load(path, &loaded));
    assert_true(mirai_value_equal(net, loaded));
    assert_ok(mirai_torch_module_parameters(loaded, &params));
    assert_int_equal(mirai_value_count(params), 5); /* the tie is kept */
    assert_int_equal(mirai_torch_requires_grad(mirai_value_get(params, "a.weight")), 1);
    mirai_value *x = evaluate("torch.arange(8.0).reshape([2, 4])", NULL);
    assert_ok(mirai_torch_module_forward(net, mirai_value_ref(x), &out));
    assert_ok(mirai_torch_module_forward(loaded, x, &again));
    assert_true(mirai_value_equal(out, again));
    mirai_value_release(out);
    mirai_value_release(again);
    mirai_value_release(params);
    mirai_value_release(loaded);
    mirai_value_release(net);
    assert_int_equal(truncate(path, 700), 0);
    assert_int_equal(mirai_torch_module_load(path, &loaded), MIRAI_E_DECODE);
    (void)unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_module__refuses_bad_arguments),
        cmocka_unit_test(test_module__says_where_layers_are_wrong),
        cmocka_unit_test(test_module__is_the_one_of_the_vignette),
        cmocka_unit_test(test_module__computes),
        cmocka_unit_test(test_module__has_layers_that_agree_with_torch),
        cmocka_unit_test(test_module__initialises_as_torch_does),
        cmocka_unit_test(test_module__trains_and_evaluates),
        cmocka_unit_test(test_module__comes_through_a_message),
        cmocka_unit_test(test_module__keeps_ties),
        cmocka_unit_test(test_module__is_saved_and_loaded),
    };
    return cmocka_run_group_tests(tests, trip_setup, NULL);
}
