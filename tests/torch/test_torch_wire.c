/*
 * wire: tensors through a message: every dtype and layout, and what they share.
 */
#include <stdio.h>
#include <sys/mman.h>

#include "message_trip.h"

#include "message.h"

static const char *const dtypes[] = {"bool",    "int8",    "int16",  "int32",     "int64",     "uint8",
                                     "float16", "float32", "float64", "bfloat16", "complex32", "complex64",
                                     "complex128"};
/* Of a tensor of 24 elements: each is another way to lie in memory. */
static const char *const layouts[] = {
    "x",
    "x.reshape([2, 3, 4])",
    "x.reshape([2, 3, 4]).permute([2, 0, 1])",
    "x.reshape([4, 6])[1:3]",
    "x.reshape([4, 6])[:, 1:2]",
    "x.reshape([4, 6])[:, ::3]",
    "x[3]",
    "x[20:20]",
    "x.reshape([1, 24]).expand([5, 24])",
    "x[2:3].expand([7])",
    "x.unfold(0, 4, 2)",
    "x.reshape([1, 2, 3, 4]).contiguous(memory_format=torch.channels_last)",
    "x.new_empty([0, 3])",
};

static void test_wire__keeps_every_dtype_and_layout(void **state)
{
    (void)state;
    const int64_t length = 24;
    char elements[24 * 16], expression[128];
    for (size_t i = 0; i < sizeof elements; i++) elements[i] = (char)(i % 7 == 0);
    for (size_t d = 0; d < sizeof dtypes / sizeof *dtypes; d++) {
        mirai_dtype dtype = 1;
        while (strcmp(mirai_dtype_text(dtype), dtypes[d]) != 0) dtype++;
        mirai_value *x = mirai_torch_tensor(dtype, 1, &length, elements);
        for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++) {
            (void)snprintf(expression, sizeof expression, "%s", layouts[i]);
            mirai_value *sent = evaluate(expression, x), *came = trip(mirai_value_ref(sent));
            assert_int_equal(mirai_torch_dtype(came), dtype);
            if (!mirai_value_equal(sent, came)) fail_msg("%s of %s", layouts[i], dtypes[d]);
            mirai_value_release(came);
            mirai_value_release(sent);
        }
        mirai_value_release(x);
    }
}

/* Strides are kept unless a view with large gaps was packed. */
static void test_wire__keeps_strides(void **state)
{
    (void)state;
    mirai_value *x = mirai_torch_arange(MIRAI_DTYPE_FLOAT32, 0, 24, 1);
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++) {
        if (strstr(layouts[i], "::3") || strstr(layouts[i], "1:2]")) continue;
        mirai_value *sent = evaluate(layouts[i], x), *came = trip(mirai_value_ref(sent));
        assert_same_tensor(sent, came);
        mirai_value_release(came);
        mirai_value_release(sent);
    }
    mirai_value_release(x);
}

static void test_wire__what_arrives_can_be_written_and_resized(void **state)
{
    (void)state;
    mirai_value *came = trip(mirai_torch_arange(MIRAI_DTYPE_INT64, 0, 8, 1));
    mirai_value *copy = mirai_value_ref(came);
    mirai_value *written = evaluate("x.mul_(2)", came);
    assert_true(number_of("x.sum()", copy) == 56);
    mirai_value *grown = evaluate("x.resize_([100]).fill_(1)", came);
    assert_true(number_of("x.sum()", copy) == 100);
    mirai_value_release(grown);
    mirai_value_release(written);
    mirai_value_release(copy);
    mirai_value_release(came);
}

static void test_wire__two_receivers_share_nothing(void **state)
{
    (void)state;
    mirai_value *x = mirai_torch_arange(MIRAI_DTYPE_INT64, 0, 100000, 1), *first = NULL, *second = NULL;
    mirai__segment *segment = NULL;
    assert_ok(mirai__encode(x, NULL, MIRAI__ENCODE_COPY, &segment));
    mirai_value_release(evaluate("x.zero_()", x)); /* after sending: not seen */
    assert_ok(mirai__decode(segment, NULL, &mirai__limits_local, &first));
    mirai_value_release(evaluate("x.add_(1)", first));
    assert_ok(mirai__decode(segment, NULL, &mirai__limits_local, &second));
    assert_true(number_of("x.sum()", first) == 5000050000.0);
    assert_true(number_of("x.sum()", second) == 4999950000.0);
    mirai__segment_release(segment);
    mirai_value_release(first);
    mirai_value_release(second);
    mirai_value_release(x);
}

static mirai_value *send_three(const char *second, const char *third)
{
    mirai_value *x = mirai_torch_arange(MIRAI_DTYPE_FLOAT32, 0, 24, 1);
    return trip(mirai_list_of(mirai_value_ref(x), evaluate(second, x), evaluate(third, x), x, MIRAI_END));
}

static void test_wire__keeps_shared_storage_and_identity(void **state)
{
    (void)state;
    mirai_value *came = send_three("x[0:2]", "x.reshape([4, 6]).t()");
    mirai_value_release(evaluate("x.add_(100)", mirai_value_item(came, 0)));
    assert_true(number_of("x[1]", mirai_value_item(came, 1)) == 101);
    assert_true(number_of("x[1, 1]", mirai_value_item(came, 2)) == 107);
    assert_ptr_equal(mirai_torch_data(mirai_value_item(came, 0)), mirai_torch_data(mirai_value_item(came, 1)));
    assert_ok(mirai_torch_set_requires_grad(mirai_value_item(came, 0), 1));
    assert_int_equal(mirai_torch_requires_grad(mirai_value_item(came, 3)), 1); /* one object, twice */
    assert_int_equal(mirai_torch_requires_grad(mirai_value_item(came, 1)), 0);
    mirai_value_release(came);

    /* another dtype on the same memory */
    came = send_three("torch.view_as_complex(x.reshape([12, 2]))[1:]", "x.detach()");
    assert_int_equal(mirai_torch_dtype(mirai_value_item(came, 1)), MIRAI_DTYPE_COMPLEX64);
    assert_true((char *)mirai_torch_data(mirai_value_item(came, 0)) + 8 == mirai_torch_data(mirai_value_item(came, 1)));
    assert_true(mirai_value_equal(mirai_value_item(came, 0), mirai_value_item(came, 2)));
    mirai_value_release(came);
}

static void test_wire__sends_no_more_than_a_view_needs(void **state)
{
    (void)state;
    const int64_t size = 1 << 20;
    static const char *const views[] = {"x[5:9]", "x.reshape([1024, 1024])[:, 3]", "x.reshape([1024, 1024])[7, ::512]"};
    mirai_value *x = mirai_torch_zeros(MIRAI_DTYPE_FLOAT64, 1, &size);
    for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
        mirai__segment *segment = NULL;
        mirai_value *view = evaluate(views[i], x);
        assert_ok(mirai__encode(view, NULL, 0, &segment));
        assert_true(mirai__segment_size(segment) < (size_t)32 << 10);
        mirai__segment_release(segment);
        mirai_value_release(view);
    }
    mirai_value_release(x);
}

static void test_wire__keeps_requires_grad_of_leaves(void **state)
{
    (void)state;
    mirai_value *leaf = mirai_torch_arange(MIRAI_DTYPE_FLOAT32, 0, 4, 1), *came, *other;
    assert_ok(mirai_torch_set_requires_grad(leaf, 1));
    mirai_value *derived = evaluate("(x * 2)", leaf);
    assert_fails(trip_send(mirai_value_ref(derived)), MIRAI_E_HOOK, "mirai_torch_detach()");
    assert_ok(mirai_torch_detach(derived, &other));
    came = trip(mirai_list_of(leaf, other, MIRAI_END));
    assert_int_equal(mirai_torch_requires_grad(mirai_value_item(came, 0)), 1);
    assert_int_equal(mirai_torch_requires_grad(mirai_value_item(came, 1)), 0);
    mirai_value *sum = evaluate("(x * x).sum()", mirai_value_item(came, 0));
    assert_ok(mirai_torch_backward(sum));
    mirai_value_release(sum);
    mirai_value_release(came);
    mirai_value_release(derived);
}

static void test_wire__carries_lazy_conjugation_and_negation(void **state)
{
    (void)state;
    mirai_value *x = evaluate("torch.complex(torch.arange(4.0), torch.arange(4.0) + 1.0)", NULL);
    static const char *const views[] = {"x.conj()", "torch.imag(x.conj())", "x.conj()[::3]", "torch.imag(x.conj())[1:3]"};
    for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
        mirai_value *sent = evaluate(views[i], x), *came = trip(mirai_value_ref(sent));
        assert_true(mirai_value_equal(sent, came));
        mirai_value_release(came);
        mirai_value_release(sent);
    }
    /* beside what it shares memory with, it goes on sharing */
    mirai_value *came = trip(mirai_list_of(mirai_value_ref(x), evaluate("x.conj()", x), MIRAI_END));
    mirai_value_release(evaluate("x.zero_()", mirai_value_item(came, 0)));
    assert_true(number_of("torch.imag(x).sum()", mirai_value_item(came, 1)) == 0);
    mirai_value_release(came);
    mirai_value_release(x);
}

/* Receivers know it of numbers with fractions only. */
static void test_wire__resolves_integers_negated_lazily(void **state)
{
    (void)state;
    mirai_value *x = mirai_torch_arange(MIRAI_DTYPE_INT64, 0, 6, 1), *sent = evaluate("torch._neg_view(x)", x);
    assert_true(number_of("x.sum()", sent) == -15);
    mirai_value *came = trip(mirai_list_of(sent, x, MIRAI_END));
    assert_true(number_of("x.sum()", mirai_value_item(came, 0)) == -15);
    assert_true(number_of("x.sum()", mirai_value_item(came, 1)) == 15);
    mirai_value_release(came);
}

static void test_wire__refuses_what_is_not_dense(void **state)
{
    (void)state;
    static const struct {
        const char *expression, *words;
    } others[] = {
        {"torch.eye(3).to_sparse()", "sparse (COO)"},
        {"torch.eye(3).to_sparse_csr()", "sparse (CSR)"},
        {"torch.ones([2, 2]).to_mkldnn()", "MKL-DNN"},
        {"torch.ones([2], device='meta')", "meta"},
        {"torch.quantize_per_tensor(torch.ones([2]), 0.5, 0, torch.qint8)", "quantised"},
        {"torch.quantize_per_channel(torch.ones([2, 2]), torch.ones([2]), torch.zeros([2]), 0, torch.quint8)",
         "quantised"},
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        mirai_value *tensor = evaluate(others[i].expression, NULL);
        assert_fails(trip_send(mirai_list_of(tensor, mirai_torch_tensor_of(mirai_int(1)), MIRAI_END)), MIRAI_E_HOOK,
                     others[i].words);
    }
}

static void test_wire__keeps_thousands_apart(void **state)
{
    (void)state;
    mirai_value *items[3000];
    for (int64_t i = 0; i < 3000; i++) items[i] = mirai_torch_tensor_of(mirai_int(i));
    mirai_value *came = trip(mirai_list(items, 3000));
    for (int64_t i = 0; i < 3000; i++) {
        double number;
        assert_ok(mirai_torch_item(mirai_value_item(came, (size_t)i), &number));
        assert_true(number == (double)i);
    }
    mirai_value_release(came);
}

/* ---- what a peer may send -------------------------------------------------------------------- */

/* Tensors from a table by hand; takes storages. */
static mirai_status receive(mirai_value *storages, const int64_t *rows, size_t length, void **objects, size_t count)
{
    const mirai_refhook *hook = trip_hook(MIRAI_TORCH_TENSOR);
    int64_t numbers = (int64_t)length;
    mirai_value *data = mirai_dict_of("storages", storages, "tensors",
                                      mirai_array(MIRAI_DTYPE_INT64, 1, &numbers, rows), MIRAI_END);
    assert_non_null(data);
    mirai_status status = hook->unserialize_all(NULL, data, objects, count, hook->context);
    mirai_value_release(data);
    return status;
}

/* Else a list of one buffer's names would ask for a copy each. */
static void test_wire__a_buffer_named_twice_is_one_storage(void **state)
{
    (void)state;
    const mirai_refhook *hook = trip_hook(MIRAI_TORCH_TENSOR);
    const int64_t rows[] = {0, MIRAI_DTYPE_INT8, 0, 1, 0, 4, 1, 1, MIRAI_DTYPE_INT8, 0, 1, 0, 4, 1};
    mirai_value *bytes = mirai_bytes("abcd", 4), *first, *second;
    void *objects[2] = {NULL};
    assert_ok(receive(mirai_list_of(mirai_value_ref(bytes), bytes, MIRAI_END), rows, 14, objects, 2));
    first = mirai_reference(MIRAI_TORCH_TENSOR, objects[0], hook->release, hook->context);
    second = mirai_reference(MIRAI_TORCH_TENSOR, objects[1], hook->release, hook->context);
    assert_ptr_equal(mirai_torch_data(first), mirai_torch_data(second));
    mirai_value_release(evaluate("x.fill_(7)", first));
    assert_true(number_of("x.sum()", second) == 28);
    mirai_value_release(first);
    mirai_value_release(second);
}

enum { BOOLS = 1 << 20, BOOL_ROWS = 20000 };

/* Many tensors of bool, each over every `stride`-th byte of one storage. */
static mirai_status receive_bools(char byte, int64_t stride)
{
    static int64_t rows[BOOL_ROWS * 7];
    static void *objects[BOOL_ROWS];
    const mirai_refhook *hook = trip_hook(MIRAI_TORCH_TENSOR);
    for (size_t i = 0; i < BOOL_ROWS; i++) {
        const int64_t row[] = {0, MIRAI_DTYPE_BOOL, 0, 1, 0, BOOLS / stride, stride};
        memcpy(rows + 7 * i, row, sizeof row);
    }
    char *bytes = test_malloc(BOOLS);
    memset(bytes, byte, BOOLS);
    mirai_value *storages = mirai_list_of(mirai_bytes(bytes, BOOLS), MIRAI_END);
    test_free(bytes);
    mirai_status status = receive(storages, rows, BOOL_ROWS * 7, objects, BOOL_ROWS);
    for (size_t i = 0; status == MIRAI_OK && i < BOOL_ROWS; i++) hook->release(objects[i], hook->context);
    return status;
}

/* The work of making bytes truth values is bounded by the storage's size, not by how many tensors lie on it. */
static void test_wire__bools_without_number_cost_little(void **state)
{
    (void)state;
    assert_ok(receive_bools(1, 1));
    assert_ok(receive_bools(1, 2));
    assert_ok(receive_bools(2, 1)); /* clean after the first */
    assert_fails(receive_bools(2, 2), MIRAI_E_LIMIT, "too many tensors of bool");
}

/* It is others' to write, too: who receives it may not have it in hand for a moment. */
static void test_wire__bools_in_common_are_not_written(void **state)
{
    (void)state;
    int64_t length = 3 * 4096;
    mirai_value *tensor = mirai_torch_zeros(MIRAI_DTYPE_BOOL, 1, &length);
    assert_ok(mirai_torch_common(tensor));
    uint8_t *bytes = mirai_torch_data(tensor);
    bytes[length - 1] = 1;
    assert_int_equal(mprotect(bytes, (size_t)length, PROT_READ), 0);
    mirai_value *came = trip(mirai_value_ref(tensor));
    assert_int_equal(mprotect(bytes, (size_t)length, PROT_READ | PROT_WRITE), 0);
    assert_ptr_equal(mirai_torch_data(came), bytes);
    assert_true(number_of("x.sum()", came) == 1);
    mirai_value_release(came);
    mirai_value_release(tensor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wire__keeps_every_dtype_and_layout),
        cmocka_unit_test(test_wire__keeps_strides),
        cmocka_unit_test(test_wire__what_arrives_can_be_written_and_resized),
        cmocka_unit_test(test_wire__two_receivers_share_nothing),
        cmocka_unit_test(test_wire__keeps_shared_storage_and_identity),
        cmocka_unit_test(test_wire__sends_no_more_than_a_view_needs),
        cmocka_unit_test(test_wire__keeps_requires_grad_of_leaves),
        cmocka_unit_test(test_wire__carries_lazy_conjugation_and_negation),
        cmocka_unit_test(test_wire__resolves_integers_negated_lazily),
        cmocka_unit_test(test_wire__refuses_what_is_not_dense),
        cmocka_unit_test(test_wire__keeps_thousands_apart),
        cmocka_unit_test(test_wire__a_buffer_named_twice_is_one_storage),
        cmocka_unit_test(test_wire__bools_without_number_cost_little),
        cmocka_unit_test(test_wire__bools_in_common_are_not_written),
    };
    return cmocka_run_group_tests(tests, trip_setup, NULL);
}
