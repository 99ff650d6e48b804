/*
 * tensor: making tensors, asking them, gradients, TorchScript functions, and what references show of them.
 */
#include "message_trip.h"

static const int64_t two_by_three[] = {2, 3};

static void test_tensor__refuses_bad_arguments(void **state)
{
    (void)state;
    const int64_t negative[] = {2, -1}, huge[] = {INT64_MAX, 8};
    int64_t shape[2];
    mirai_value *out = NULL;
    double number;
    assert_no_value(mirai_torch_tensor(77, 2, two_by_three, NULL), "77 is no dtype");
    assert_no_value(mirai_torch_tensor(MIRAI_DTYPE_UINT16, 2, two_by_three, NULL), "no tensors of uint16");
    assert_no_value(mirai_torch_tensor(MIRAI_DTYPE_INT8, 65, two_by_three, NULL), "rank is 65");
    assert_no_value(mirai_torch_tensor(MIRAI_DTYPE_INT8, -1, two_by_three, NULL), "rank is -1");
    assert_no_value(mirai_torch_tensor(MIRAI_DTYPE_INT8, 2, NULL, NULL), "shape is NULL");
    assert_no_value(mirai_torch_tensor(MIRAI_DTYPE_INT8, 2, negative, NULL), "size 1 is -1");
    assert_no_value(mirai_torch_ones(MIRAI_DTYPE_INT8, 2, huge), "more bytes than can be counted");
    assert_no_value(mirai_torch_randn(MIRAI_DTYPE_INT64, 2, two_by_three), "not int64");
    assert_no_value(mirai_torch_arange(MIRAI_DTYPE_INT64, 0, 5, 0), "step not 0");
    assert_no_value(mirai_torch_arange(MIRAI_DTYPE_INT64, 0, 5, -1), "leads away");
    assert_no_value(mirai_torch_arange(MIRAI_DTYPE_BOOL, 0, 5, 1), "integer or floating");
    assert_no_value(mirai_torch_tensor_of(mirai_string("x")), "type string");

    mirai_value *text = mirai_string("x"), *tensor = mirai_torch_zeros(MIRAI_DTYPE_FLOAT32, 2, two_by_three);
    assert_int_equal(mirai_torch_dtype(NULL), 0);
    assert_int_equal(mirai_torch_rank(text), -1);
    assert_int_equal(mirai_torch_count(NULL), -1);
    assert_int_equal(mirai_torch_requires_grad(text), 0);
    assert_null(mirai_torch_data(text));
    assert_fails(mirai_torch_shape(NULL, shape, 2), MIRAI_E_INVALID, "tensor is NULL");
    assert_fails(mirai_torch_shape(text, shape, 2), MIRAI_E_TYPE, "type string");
    assert_fails(mirai_torch_shape(tensor, shape, 1), MIRAI_E_RANGE, "room for 1");
    assert_fails(mirai_torch_strides(tensor, NULL, 2), MIRAI_E_INVALID, "out is NULL");
    assert_fails(mirai_torch_item(tensor, &number), MIRAI_E_RANGE, "6 elements");
    assert_fails(mirai_torch_narrow(tensor, 2, 0, 1, &out), MIRAI_E_RANGE, "dimension 2 of 2");
    assert_fails(mirai_torch_narrow(tensor, 1, 2, INT64_MAX, &out), MIRAI_E_RANGE, "a window");
    assert_fails(mirai_torch_detach(tensor, NULL), MIRAI_E_INVALID, "out is NULL");
    assert_fails(mirai_torch_backward(tensor), MIRAI_E_RANGE, "one element");
    assert_fails(mirai_torch_set_threads(0), MIRAI_E_RANGE, "threads is 0");
    mirai_value_release(tensor);
    mirai_value_release(text);
}

static void test_tensor__holds_what_it_was_made_of(void **state)
{
    (void)state;
    const float elements[] = {1, 2, 3, 4, 5, 6};
    mirai_value *tensor = mirai_torch_tensor(MIRAI_DTYPE_FLOAT32, 2, two_by_three, elements);
    int64_t shape[2], strides[2];
    assert_ok(mirai_torch_shape(tensor, shape, 2));
    assert_memory_equal(shape, two_by_three, sizeof shape);
    assert_ok(mirai_torch_strides(tensor, strides, 2));
    assert_int_equal(strides[0], 3);
    assert_int_equal(mirai_torch_count(tensor), 6);
    assert_memory_equal(mirai_torch_data(tensor), elements, sizeof elements);
    assert_true(number_of("x.sum()", tensor) == 21);
    mirai_value_release(tensor);

    mirai_value *range = mirai_torch_arange(MIRAI_DTYPE_INT64, 10, 4, -2);
    assert_true(number_of("x[0] * 100 + x[1] * 10 + x[2]", range) == 1086);
    mirai_value_release(range);
}

static void test_tensor__is_made_of_values_and_becomes_arrays(void **state)
{
    (void)state;
    const int16_t elements[] = {1, 2, 3, 4, 5, 6};
    const int64_t strides[] = {1, 2};
    mirai_buffer *buffer = mirai_buffer_copy(elements, sizeof elements);
    mirai_value *array = mirai_array_buffer(MIRAI_DTYPE_INT16, 2, two_by_three, strides, 0, buffer);
    mirai_value *tensor = mirai_torch_tensor_of(mirai_value_ref(array)), *back = NULL;
    assert_true(number_of("x[1, 0]", tensor) == 2);
    assert_ok(mirai_torch_array(tensor, &back));
    assert_true(mirai_value_equal(array, back));
    mirai_value_release(back);

    mirai_value *turned = evaluate("x.t()", tensor);
    assert_ok(mirai_torch_array_view(turned, &back));
    assert_ptr_equal(mirai_value_data(back), mirai_torch_data(tensor));
    mirai_value_release(turned);
    mirai_value_release(tensor); /* the array keeps the memory */
    assert_int_equal(((const int16_t *)mirai_value_data(back))[0], 1);
    mirai_value_release(back);
    mirai_value_release(array);

    mirai_value *scalar = mirai_torch_tensor_of(mirai_int(7));
    assert_int_equal(mirai_torch_dtype(scalar), MIRAI_DTYPE_INT64);
    assert_int_equal(mirai_torch_rank(scalar), 0);
    mirai_value_release(scalar);
}

/* Other bytes than 0 and 1 are true: C++ knows no third. */
static void test_tensor__has_bools_of_two_kinds(void **state)
{
    (void)state;
    static const char bytes[] = {0, 1, 2, (char)255}, truths[] = {0, 1, 1, 1};
    const int64_t length = 4;
    mirai_value *made[] = {mirai_torch_tensor(MIRAI_DTYPE_BOOL, 1, &length, bytes),
                           mirai_torch_tensor_of(mirai_array(MIRAI_DTYPE_BOOL, 1, &length, bytes))};
    for (size_t i = 0; i < 2; i++) {
        assert_memory_equal(mirai_torch_data(made[i]), truths, sizeof truths);
        mirai_value_release(made[i]);
    }
}

static void test_tensor__has_gradients(void **state)
{
    (void)state;
    mirai_value *x = mirai_torch_tensor_of(mirai_float(3)), *grad = NULL, *square, *whole;
    assert_ok(mirai_torch_set_requires_grad(x, 1));
    assert_ok(mirai_torch_grad(x, &grad));
    assert_null(grad);
    square = evaluate("x * x", x);
    assert_fails(mirai_torch_set_requires_grad(square, 0), MIRAI_E_STATE, "detach");
    assert_ok(mirai_torch_backward(square));
    assert_ok(mirai_torch_grad(x, &grad));
    assert_true(number_of("x", grad) == 6);
    assert_int_equal(mirai_torch_backward(square), MIRAI_E_USER); /* its graph is gone */

    whole = mirai_torch_tensor_of(mirai_int(3));
    assert_fails(mirai_torch_set_requires_grad(whole, 1), MIRAI_E_TYPE, "floating");
    assert_fails(mirai_torch_backward(grad), MIRAI_E_STATE, "not computed");
    mirai_value_release(whole);
    mirai_value_release(grad);
    assert_ok(mirai_torch_detach(square, &grad));
    assert_int_equal(mirai_torch_requires_grad(grad), 0);
    mirai_value_release(grad);
    mirai_value_release(square);
    mirai_value_release(x);
}

static void test_tensor__repeats_random_numbers_by_seed(void **state)
{
    (void)state;
    assert_ok(mirai_torch_manual_seed(42));
    mirai_value *first = mirai_torch_randn(MIRAI_DTYPE_FLOAT64, 2, two_by_three);
    mirai_value *second = mirai_torch_randn(MIRAI_DTYPE_FLOAT64, 2, two_by_three);
    assert_ok(mirai_torch_manual_seed(42));
    mirai_value *third = mirai_torch_randn(MIRAI_DTYPE_FLOAT64, 2, two_by_three);
    assert_true(mirai_value_equal(first, third));
    assert_false(mirai_value_equal(first, second));
    mirai_value_release(first);
    mirai_value_release(second);
    mirai_value_release(third);
}

static void test_tensor__is_equal_as_arrays_are(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        int32_t answer;
    } pairs[] = {
        {"torch.tensor([1.0, float('nan')])", "torch.tensor([1.0, float('nan')])", 1},
        {"torch.tensor([1.0, 2.0])", "torch.tensor([1.0, float('nan')])", 0},
        {"torch.ones([2, 3])", "torch.ones([3, 2]).t()", 1},
        {"torch.ones([2, 3])", "torch.ones([3, 2])", 0},
        {"torch.ones([2])", "torch.ones([2], dtype=torch.float64)", 0},
        {"torch.ones([2], dtype=torch.half)", "torch.ones([2], dtype=torch.half)", 1},
        {"torch.ones([2], dtype=torch.bfloat16)", "torch.ones([2], dtype=torch.bfloat16)", 1},
        {"torch.ones([2], dtype=torch.complex64)", "torch.ones([2], dtype=torch.complex64).conj()", 1},
        {"torch.zeros([0, 2])", "torch.zeros([0, 2])", 1},
        {"torch.eye(3).to_sparse()", "torch.eye(3).to_sparse()", 1},
        {"torch.eye(3).to_sparse()", "torch.eye(3)", 0},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        mirai_value *a = evaluate(pairs[i].a, NULL), *b = evaluate(pairs[i].b, NULL);
        if (mirai_value_equal(a, b) != pairs[i].answer) fail_msg("%s, %s", pairs[i].a, pairs[i].b);
        mirai_value_release(a);
        mirai_value_release(b);
    }
}

static void assert_prints(const char *expression, const char *words)
{
    mirai_value *tensor = evaluate(expression, NULL);
    char *text = NULL;
    assert_ok(mirai_value_format(tensor, &text));
    if (!strstr(text, words)) fail_msg("%s prints as\n%s", expression, text);
    mirai_text_free(text);
    mirai_value_release(tensor);
}

static void test_tensor__prints(void **state)
{
    (void)state;
    assert_prints("torch.ones([2, 2])", "[ float32{2,2} ]");
    assert_prints("torch.tensor([True, False])", "[true, false]");
    assert_prints("torch.zeros([0, 3])", "[ float32{0,3} ]");
    assert_prints("torch.eye(3).to_sparse()", "[ sparse (COO) ]");
    assert_prints("torch.ones([2], device='meta')", "which has no data");
    assert_prints("torch.quantize_per_tensor(torch.ones([2]), 0.5, 0, torch.quint8)", "[ quantised ]");
    assert_prints("torch.ones([2], dtype=torch.complex64).conj()", "complex64{2}");
    assert_prints("torch.zeros([1 << 40]).expand([3, 1 << 40]) if False else torch.zeros([1]).expand([1 << 50])",
                  "float32{1125899906842624}");
    /* lazily conjugated: neither its elements nor a copy of them fit into memory */
    assert_prints("torch.complex(torch.ones([1]), torch.ones([1])).conj().expand([1 << 50])", "[1.0-1.0i, 1.0-1.0i");
    assert_prints("torch.complex(torch.arange(6.0), torch.ones([6])).reshape([2, 3]).conj().t()[1:]",
                  "[[1.0-1.0i, 4.0-1.0i]");
}

static void test_tensor__can_be_reached_into(void **state)
{
    (void)state;
    mirai_value *x = mirai_torch_ones(MIRAI_DTYPE_FLOAT32, 2, two_by_three);
    assert_ok(mirai_torch_set_requires_grad(x, 1));
    assert_int_equal(mirai_value_int_or(mirai_value_at(x, "shape[1]"), 0), 3);
    assert_int_equal(mirai_value_int_or(mirai_value_at(x, "strides[0]"), 0), 3);
    assert_string_equal(mirai_value_string(mirai_value_at(x, "dtype")), "float32");
    assert_string_equal(mirai_value_string(mirai_value_at(x, "device")), "cpu");
    assert_int_equal(mirai_value_int_or(mirai_value_at(x, "requires_grad"), 0), 1);
    assert_int_equal(mirai_value_int_or(mirai_value_at(x, "is_leaf"), 0), 1);
    assert_int_equal(mirai_value_dtype(mirai_value_at(x, "array")), MIRAI_DTYPE_FLOAT32);
    assert_int_equal(mirai_value_type(mirai_value_at(x, "grad")), MIRAI_TYPE_NULL);
    assert_null(mirai_value_at(x, "colour"));
    mirai_value_release(x);
}

static void test_script__refuses_bad_arguments(void **state)
{
    (void)state;
    mirai_value *out = NULL;
    const char *f = "def f(x: int, y: float = 0.5):\n    return x + y\n";
    assert_fails(mirai_torch_script(NULL, NULL, mirai_list_of(MIRAI_END), &out), MIRAI_E_INVALID, "source is NULL");
    assert_int_equal(mirai_torch_script(f, NULL, NULL, &out), MIRAI_E_INVALID);
    assert_fails(mirai_torch_script(f, NULL, mirai_list_of(MIRAI_END), NULL), MIRAI_E_INVALID, "out is NULL");
    assert_fails(mirai_torch_script(f, "g", mirai_list_of(MIRAI_END), &out), MIRAI_E_NOT_FOUND, "\"g\"");
    assert_fails(mirai_torch_script("", NULL, mirai_list_of(MIRAI_END), &out), MIRAI_E_NOT_FOUND, "no function");
    assert_fails(mirai_torch_script(f, NULL, mirai_list_of(MIRAI_END), &out), MIRAI_E_TYPE, "needs the argument \"x\"");
    assert_fails(mirai_torch_script(f, NULL, mirai_string("x"), &out), MIRAI_E_TYPE, "a list or a dict");
    assert_fails(mirai_torch_script(f, NULL, mirai_list_of(mirai_string("x"), MIRAI_END), &out), MIRAI_E_TYPE,
                 "argument \"x\" should be int");
    assert_fails(mirai_torch_script(f, "f",
                                    mirai_list_of(mirai_int(1), mirai_int(2), mirai_int(3), MIRAI_END), &out),
                 MIRAI_E_TYPE, "given 3 arguments");
    assert_fails(mirai_torch_script(f, "f", mirai_dict_of("x", mirai_int(1), "z", mirai_int(2), MIRAI_END), &out),
                 MIRAI_E_TYPE, "uses only 1");
    assert_fails(mirai_torch_script("def f(:\n", NULL, mirai_list_of(MIRAI_END), &out), MIRAI_E_INVALID,
                 "does not compile");
    assert_fails(mirai_torch_script("def f(x):\n    return nothing(x)\n", NULL, mirai_list_of(MIRAI_END), &out),
                 MIRAI_E_INVALID, "undefined value nothing");
    assert_fails(mirai_torch_script("def f(x):\n    assert False, 'too bad'\n", NULL,
                                    mirai_list_of(mirai_torch_tensor_of(mirai_int(1)), MIRAI_END), &out),
                 MIRAI_E_USER, "too bad");
    assert_null(out);
}

static void test_script__converts_arguments_and_results(void **state)
{
    (void)state;
    const char *source = "def f(t, flags: List[bool], pair: Tuple[int, str], by_name: Dict[str, float],\n"
                         "      maybe: Optional[int], number: float = 1.5):\n"
                         "    return {'t': t + number}, flags[0], pair, by_name['a'], maybe, [1.5, 2.5], t.size(0)\n";
    const double elements[] = {1, 2, 3};
    const int64_t length = 3;
    mirai_value *args = mirai_dict_of(
        "t", mirai_array(MIRAI_DTYPE_FLOAT64, 1, &length, elements), "flags",
        mirai_list_of(mirai_bool(1), MIRAI_END), "pair", mirai_list_of(mirai_int(4), mirai_string("s"), MIRAI_END),
        "by_name", mirai_dict_of("a", mirai_float(0.25), MIRAI_END), "maybe", mirai_null(), MIRAI_END);
    mirai_value *out = NULL;
    assert_ok(mirai_torch_script(source, "f", args, &out));
    assert_int_equal(mirai_torch_dtype(mirai_value_at(out, "[0].t")), MIRAI_DTYPE_FLOAT64);
    assert_true(number_of("x[2]", mirai_value_at(out, "[0].t")) == 4.5);
    assert_int_equal(mirai_value_type(mirai_value_item(out, 1)), MIRAI_TYPE_BOOL);
    assert_string_equal(mirai_value_string(mirai_value_at(out, "[2][1]")), "s");
    assert_true(mirai_value_float_or(mirai_value_item(out, 3), 0) == 0.25);
    assert_int_equal(mirai_value_type(mirai_value_item(out, 4)), MIRAI_TYPE_NULL);
    assert_true(mirai_value_float_or(mirai_value_at(out, "[5][1]"), 0) == 2.5);
    assert_int_equal(mirai_value_int_or(mirai_value_item(out, 6), 0), 3);
    mirai_value_release(out);
}

/* Text that would overflow the stack of libtorch's recursive compiler. */
static void test_script__refuses_bottomless_text(void **state)
{
    (void)state;
    static const struct {
        const char *head, *piece;
    } texts[] = {
        {"def f(x):\n    return ", "("},
        {"def f(x):\n    return ", "-"},
        {"def f(x):\n    return x", "+x"},
        {"def f(x):\n    return x", ".a"},
        {"def f(x):\n    return ", "not "},
        {"def f(x):\n    if x:\n        pass\n", "    elif x:\n        pass\n"},
        {"", "def f(x: int):\n    return x\n"},
    };
    const size_t room = ((size_t)1 << 20) + 4096;
    char *text = test_malloc(room);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        size_t at = strlen(texts[i].head), step = strlen(texts[i].piece);
        memcpy(text, texts[i].head, at);
        for (; at + step < room; at += step) memcpy(text + at, texts[i].piece, step);
        text[at] = '\0';
        mirai_value *out = NULL;
        assert_int_equal(mirai_torch_script(text, NULL, mirai_list_of(MIRAI_END), &out), MIRAI_E_LIMIT);
    }
    test_free(text);
}

/* What is just within the limits must not overflow it either. */
static void test_script__survives_the_deepest_text_allowed(void **state)
{
    (void)state;
    static char text[8192];
    mirai_value *out = NULL;
    strcpy(text, "def f(x: int):\n    return ");
    for (int i = 0; i < 60; i++) strcat(text, "(");
    strcat(text, "x");
    for (int i = 0; i < 930; i++) {
        strcat(text, "+x");
        if (i % 15 == 14 && i / 15 < 60) strcat(text, ")");
    }
    strcat(text, "\n");
    mirai_status status = mirai_torch_script(text, NULL, mirai_list_of(mirai_int(1), MIRAI_END), &out);
    assert_true(status == MIRAI_OK || status == MIRAI_E_INVALID);
    mirai_value_release(out);
    strcpy(text, "def f(x: int):\n    if x == 0:\n        return 0\n");
    for (int i = 0; i < 190; i++) strcat(text, "    elif x == 1:\n        return 1\n");
    strcat(text, "    return 2\n");
    out = NULL;
    assert_ok(mirai_torch_script(text, NULL, mirai_list_of(mirai_int(1), MIRAI_END), &out));
    assert_int_equal(mirai_value_int_or(out, 0), 1);
    mirai_value_release(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tensor__refuses_bad_arguments),
        cmocka_unit_test(test_tensor__holds_what_it_was_made_of),
        cmocka_unit_test(test_tensor__is_made_of_values_and_becomes_arrays),
        cmocka_unit_test(test_tensor__has_bools_of_two_kinds),
        cmocka_unit_test(test_tensor__has_gradients),
        cmocka_unit_test(test_tensor__repeats_random_numbers_by_seed),
        cmocka_unit_test(test_tensor__is_equal_as_arrays_are),
        cmocka_unit_test(test_tensor__prints),
        cmocka_unit_test(test_tensor__can_be_reached_into),
        cmocka_unit_test(test_script__refuses_bad_arguments),
        cmocka_unit_test(test_script__converts_arguments_and_results),
        cmocka_unit_test(test_script__refuses_bottomless_text),
        cmocka_unit_test(test_script__survives_the_deepest_text_allowed),
    };
    return cmocka_run_group_tests(tests, trip_setup, NULL);
}
