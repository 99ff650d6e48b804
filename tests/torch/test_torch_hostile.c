/*
 * hostile: what a peer may send in the place of tensors, modules and optimisers. Every case must end in an
 * error of ours: a number that libtorch does not know would end the process.
 */
#include <stdlib.h>

#include "message_trip.h"

/* ---- tensors --------------------------------------------------------------------------------- */

/* A message's data with one storage of `bytes` zeros and the given table. */
static mirai_value *table(size_t bytes, const int64_t *numbers, size_t count)
{
    int64_t length = (int64_t)count;
    mirai_buffer *buffer = mirai_buffer_new(NULL, bytes);
    return mirai_dict_of("storages", mirai_list_of(mirai_bytes_buffer(buffer), MIRAI_END), "tensors",
                         mirai_array(MIRAI_DTYPE_INT64, 1, &length, numbers), MIRAI_END);
}

/* Takes data. */
static mirai_status receive(mirai_value *data, size_t count)
{
    const mirai_refhook *hook = trip_hook(MIRAI_TORCH_TENSOR);
    void *objects[4] = {NULL};
    assert_non_null(data);
    assert_in_range(count, 0, 4);
    mirai_status status = hook->unserialize_all(NULL, data, objects, count, hook->context);
    for (size_t i = 0; status == MIRAI_OK && i < count; i++) hook->release(objects[i], hook->context);
    mirai_value_release(data);
    return status;
}

#define INT64_LARGE INT64_C(0x4000000000000000)

static void test_hostile__tables_of_tensors(void **state)
{
    (void)state;
    /* storage, dtype, flags, rank, offset, sizes, strides; the storage has 64 bytes */
    static const struct {
        int64_t row[16];
        size_t length;
        mirai_status status;
    } cases[] = {
        {{0, MIRAI_DTYPE_FLOAT32, 0, 1, 0, 16, 1}, 7, MIRAI_OK},
        {{0, MIRAI_DTYPE_FLOAT32, 0, 0, 15}, 5, MIRAI_OK},
        {{0, MIRAI_DTYPE_FLOAT32, 0, 1, 0, 17, 1}, 7, MIRAI_E_DECODE},
        {{0, MIRAI_DTYPE_FLOAT32, 0, 0, 16}, 5, MIRAI_E_DECODE},
        {{0, MIRAI_DTYPE_FLOAT32, 0, 1, 16, 0, 1}, 7, MIRAI_OK}, /* empty, at the end */
        {{0, MIRAI_DTYPE_FLOAT32, 0, 1, 17, 0, 1}, 7, MIRAI_E_DECODE},
        {{0, MIRAI_DTYPE_FLOAT32, 0, 1, -1, 1, 1}, 7, MIRAI_E_DECODE},
        {{0, MIRAI_DTYPE_FLOAT32, 0, 1, INT64_MAX, 1, 1}, 7, MIRAI_E_DECODE},
        {{0, MIRAI_DTYPE_FLOAT32, 0, 1, 0, -1, 1}, 7, MIRAI_E_DECODE},
        {{0, MIRAI_DTYPE_FLOAT32, 0, 1, 0, 2, -1}, 7, MIRAI_E_DECODE},
        {{0, MIRAI_DTYPE_FLOAT32, 0, 1, 4, 2, INT64_MAX}, 7, MIRAI_E_DECODE},
        {{0, MIRAI_DTYPE_FLOAT32, 0, 1, 0, INT64_MAX, 1}, 7, MIRAI_E_DECODE},
        {{0, MIRAI_DTYPE_FLOAT32, 0, 1, 0, INT64_MAX, 0}, 7, MIRAI_E_DECODE},
        {{0, MIRAI_DTYPE_INT8, 0, 2, 0, INT64_LARGE, 8, 0, 0}, 9, MIRAI_E_DECODE},
        {{0, MIRAI_DTYPE_INT8, 0, 2, 0, INT64_LARGE, 0, 0, 0}, 9, MIRAI_OK}, /* empty */
        {{0, MIRAI_DTYPE_INT8, 0, 2, 0, 2, 2, INT64_MAX, INT64_MAX}, 9, MIRAI_E_DECODE},
        {{0, MIRAI_DTYPE_INT8, 0, 1, 0, 1, INT64_MAX}, 7, MIRAI_OK}, /* a stride that is not used */
        {{0, MIRAI_DTYPE_COMPLEX128, 0, 1, 0, 4, 1}, 7, MIRAI_OK},
        {{0, MIRAI_DTYPE_COMPLEX128, 0, 1, 1, 4, 1}, 7, MIRAI_E_DECODE},
        {{1, MIRAI_DTYPE_FLOAT32, 0, 1, 0, 1, 1}, 7, MIRAI_E_DECODE}, /* no such storage */
        {{-1, MIRAI_DTYPE_FLOAT32, 0, 1, 0, 1, 1}, 7, MIRAI_E_DECODE},
        {{0, 77, 0, 1, 0, 1, 1}, 7, MIRAI_E_DECODE}, /* no such dtype */
        {{0, 0, 0, 1, 0, 1, 1}, 7, MIRAI_E_DECODE},
        {{0, -1, 0, 1, 0, 1, 1}, 7, MIRAI_E_DECODE},
        {{0, INT64_MIN, 0, 1, 0, 1, 1}, 7, MIRAI_E_DECODE},
        {{0, INT64_C(0x10000000b), 0, 1, 0, 1, 1}, 7, MIRAI_E_DECODE}, /* float32 in its lower half */
        {{0, MIRAI_DTYPE_UINT64, 0, 1, 0, 1, 1}, 7, MIRAI_E_DECODE},
        {{0, MIRAI_DTYPE_INT64, 1, 1, 0, 1, 1}, 7, MIRAI_E_DECODE}, /* a gradient of integers */
        {{0, MIRAI_DTYPE_FLOAT32, 2, 1, 0, 1, 1}, 7, MIRAI_E_DECODE}, /* conjugated reals */
        {{0, MIRAI_DTYPE_BOOL, 4, 1, 0, 1, 1}, 7, MIRAI_E_DECODE}, /* negated bools */
        {{0, MIRAI_DTYPE_FLOAT32, 8, 1, 0, 1, 1}, 7, MIRAI_E_DECODE}, /* flags of the future */
        {{0, MIRAI_DTYPE_FLOAT32, INT64_MIN, 1, 0, 1, 1}, 7, MIRAI_E_DECODE},
        {{0, MIRAI_DTYPE_COMPLEX64, 7, 1, 0, 1, 1}, 7, MIRAI_OK},
        {{0, MIRAI_DTYPE_FLOAT32, 0, 65, 0, 1, 1}, 7, MIRAI_E_DECODE}, /* ranks */
        {{0, MIRAI_DTYPE_FLOAT32, 0, -1, 0, 1, 1}, 7, MIRAI_E_DECODE},
        {{0, MIRAI_DTYPE_FLOAT32, 0, INT64_MIN, 0, 1, 1}, 7, MIRAI_E_DECODE},
        {{0, MIRAI_DTYPE_FLOAT32, 0, 2, 0, 1, 1, 1}, 8, MIRAI_E_DECODE}, /* lengths of the table */
        {{0, MIRAI_DTYPE_FLOAT32, 0, 1, 0, 1, 1, 0}, 8, MIRAI_E_DECODE},
        {{0, MIRAI_DTYPE_FLOAT32, 0, 0}, 4, MIRAI_E_DECODE},
        {{0}, 0, MIRAI_E_DECODE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mirai_status status = receive(table(64, cases[i].row, cases[i].length), 1);
        if (status != cases[i].status)
            fail_msg("case %zu: %s: %s", i, mirai_status_name(status), mirai_error_detail());
    }
}

static void test_hostile__counts_that_do_not_fit(void **state)
{
    (void)state;
    const int64_t row[] = {0, MIRAI_DTYPE_FLOAT32, 0, 0, 0};
    const mirai_refhook *hook = trip_hook(MIRAI_TORCH_TENSOR);
    assert_int_equal(receive(table(64, row, 5), 2), MIRAI_E_DECODE);
    assert_int_equal(receive(table(64, row, 5), 0), MIRAI_E_DECODE);
    assert_int_equal(receive(table(0, row, 5), 1), MIRAI_E_DECODE);
    mirai_value *data = table(64, row, 5);
    void *object = NULL;
    assert_int_equal(hook->unserialize_all(NULL, data, &object, SIZE_MAX, hook->context), MIRAI_E_DECODE);
    mirai_value_release(data);
}

static void test_hostile__data_of_other_types(void **state)
{
    (void)state;
    const int64_t row[] = {0, MIRAI_DTYPE_FLOAT32, 0, 0, 0}, length = 5, square[] = {1, 5};
    mirai_value *array = mirai_array(MIRAI_DTYPE_INT64, 1, &length, row);
    assert_int_equal(receive(mirai_null(), 1), MIRAI_E_DECODE);
    assert_int_equal(receive(mirai_list_of(MIRAI_END), 1), MIRAI_E_DECODE);
    assert_int_equal(receive(mirai_dict_of("tensors", mirai_value_ref(array), MIRAI_END), 1), MIRAI_E_DECODE);
    assert_int_equal(receive(mirai_dict_of("storages", mirai_null(), "tensors", mirai_value_ref(array), MIRAI_END), 1),
                     MIRAI_E_DECODE);
    assert_int_equal(receive(mirai_dict_of("storages", mirai_list_of(mirai_string("abcdefgh"), MIRAI_END), "tensors",
                                           mirai_value_ref(array), MIRAI_END),
                             1),
                     MIRAI_E_DECODE);
    mirai_value *storages = mirai_list_of(mirai_bytes("12345678", 8), MIRAI_END);
    assert_int_equal(receive(mirai_dict_of("storages", mirai_value_ref(storages), "tensors",
                                           mirai_array(MIRAI_DTYPE_INT32, 1, &length, NULL), MIRAI_END),
                             1),
                     MIRAI_E_DECODE);
    assert_int_equal(receive(mirai_dict_of("storages", mirai_value_ref(storages), "tensors",
                                           mirai_array(MIRAI_DTYPE_INT64, 2, square, row), MIRAI_END),
                             1),
                     MIRAI_E_DECODE);
    assert_int_equal(
        receive(mirai_dict_of("storages", storages, "tensors", mirai_value_ref(array), MIRAI_END), 1), MIRAI_OK);
    mirai_value *sparse = evaluate("torch.eye(3).to_sparse()", NULL);
    assert_int_equal(receive(mirai_dict_of("storages", mirai_list_of(sparse, MIRAI_END), "tensors", array, MIRAI_END), 1),
                     MIRAI_E_DECODE);
}

static void test_hostile__bools_that_are_neither(void **state)
{
    (void)state;
    static const struct {
        int64_t row[9];
        size_t length;
        const char *bytes;
    } cases[] = {
        {{0, MIRAI_DTYPE_BOOL, 0, 1, 0, 4, 1}, 7, "\1\1\0\1"},
        {{0, MIRAI_DTYPE_BOOL, 0, 1, 1, 2, 2}, 7, "\2\1\0\1"}, /* every second one: the others stay */
        {{0, MIRAI_DTYPE_BOOL, 0, 2, 0, 3, 2, 1, 1}, 9, "\1\1\0\1"},
        {{0, MIRAI_DTYPE_BOOL, 0, 2, 3, 100, 1, 0, 1}, 9, "\2\3\0\1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const mirai_refhook *hook = trip_hook(MIRAI_TORCH_TENSOR);
        int64_t length = (int64_t)cases[i].length;
        void *object = NULL;
        mirai_value *data = mirai_dict_of("storages", mirai_list_of(mirai_bytes("\2\3\0\xff", 4), MIRAI_END), "tensors",
                                          mirai_array(MIRAI_DTYPE_INT64, 1, &length, cases[i].row), MIRAI_END);
        assert_ok(hook->unserialize_all(NULL, data, &object, 1, hook->context));
        mirai_value_release(data);
        mirai_value *tensor = mirai_reference(MIRAI_TORCH_TENSOR, object, hook->release, hook->context);
        mirai_value *sent = hook->serialize_all(NULL, &object, 1, hook->context);
        assert_null(sent); /* without a message there is nothing to keep tables with */
        const char *first = (const char *)mirai_torch_data(tensor) - cases[i].row[4];
        assert_memory_equal(first, cases[i].bytes, 4);
        mirai_value_release(tensor);
    }
}

/* Random tables, near what is right. */
static void test_hostile__random_tables(void **state)
{
    (void)state;
    unsigned seed = 12345;
    for (int round = 0; round < 20000; round++) {
        int64_t row[24];
        for (size_t i = 0; i < 24; i++) {
            seed = seed * 1103515245 + 12345;
            unsigned dice = seed >> 16;
            row[i] = dice % 16 == 0   ? INT64_MAX >> (dice / 16 % 63)
                     : dice % 16 == 1 ? -(int64_t)(dice / 16)
                                      : (int64_t)(dice / 16 % 14);
        }
        row[0] = row[0] % 8 ? 0 : row[0];
        row[3] = row[3] % 3 ? row[3] % 3 : row[3];
        size_t length = 5 + 2 * (size_t)(row[3] >= 0 && row[3] < 9 ? row[3] : 0);
        (void)receive(table(256, row, length), 1);
    }
}

/* ---- modules --------------------------------------------------------------------------------- */

/* Data of a module of one Linear(3, 2); takes what is given in the place of its parts (NULL: as it should be). */
static mirai_value *module_data(mirai_value *layers, mirai_value *weight, mirai_value *bias)
{
    const int64_t sizes[] = {2, 3};
    if (!layers) layers = mirai_string("a = Linear(3, 2)");
    if (!weight) weight = mirai_torch_ones(MIRAI_DTYPE_FLOAT32, 2, sizes);
    if (!bias) bias = mirai_torch_ones(MIRAI_DTYPE_FLOAT32, 1, sizes);
    mirai_value *source = mirai_string("def forward(self, x):\n    return self.a(x)\n");
    return mirai_dict_of("definition",
                         mirai_dict_of("format", mirai_string("torchscript"), "layers", layers, "source", source,
                                       MIRAI_END),
                         "training", mirai_bool(1), "tensors",
                         mirai_dict_of("a.weight", weight, "a.bias", bias, MIRAI_END), MIRAI_END);
}

/* Takes data. */
static mirai_status receive_one(const char *class_name, mirai_value *data)
{
    const mirai_refhook *hook = trip_hook(class_name);
    void *object = NULL;
    assert_non_null(data);
    mirai_status status = hook->unserialize(NULL, data, &object, hook->context);
    if (status == MIRAI_OK) hook->release(object, hook->context);
    mirai_value_release(data);
    return status;
}

static void test_hostile__modules(void **state)
{
    (void)state;
    const int64_t other[] = {3, 2};
    const char *class_name = MIRAI_TORCH_MODULE;
    assert_ok(receive_one(class_name, module_data(NULL, NULL, NULL)));
    assert_true(receive_one(class_name, mirai_null()) < 0);
    assert_true(receive_one(class_name, mirai_dict_of(MIRAI_END)) < 0);
    assert_true(receive_one(class_name, module_data(mirai_int(1), NULL, NULL)) < 0);
    assert_true(receive_one(class_name, module_data(mirai_string("a = Linear(3, 3)"), NULL, NULL)) < 0);
    assert_true(receive_one(class_name, module_data(mirai_string("a = Linear(n, 2)"), NULL, NULL)) < 0);
    assert_true(receive_one(class_name, module_data(mirai_string("a = Linear(3, 2)\nb = Linear(1, 1)"), NULL, NULL)) < 0);
    assert_true(receive_one(class_name, module_data(mirai_string("b = Linear(3, 2)"), NULL, NULL)) < 0);
    assert_true(receive_one(class_name, module_data(mirai_string("a = Linear(4611686018427387904, 2)"), NULL, NULL)) < 0);
    assert_true(receive_one(class_name, module_data(mirai_string_n("a = Linear(3, 2)\0x", 18), NULL, NULL)) < 0);
    assert_true(receive_one(class_name, module_data(NULL, mirai_null(), NULL)) < 0);
    assert_true(receive_one(class_name, module_data(NULL, mirai_torch_ones(MIRAI_DTYPE_FLOAT32, 2, other), NULL)) < 0);
    assert_true(receive_one(class_name, module_data(NULL, NULL, mirai_torch_ones(MIRAI_DTYPE_INT64, 1, other + 1))) < 0);
    assert_true(receive_one(class_name, module_data(NULL, NULL, evaluate("torch.ones([2]).to_sparse()", NULL))) < 0);
    assert_true(receive_one(class_name, module_data(NULL, NULL, evaluate("torch.ones([2], device='meta')", NULL))) < 0);
}

/* The text of layers, near what is right. */
static void test_hostile__random_layers(void **state)
{
    (void)state;
    static const char *const pieces[] = {"a", "=", "Linear", "(", ")", ",", "1", "2 ", "\n", "*", "//", "-", "(", ")",
                                         "Conv2d", "in", "'s'", "1e5", ".", "[", "]", "bias", "True", "#", "99999999999"};
    unsigned seed = 4711;
    for (int round = 0; round < 20000; round++) {
        char text[512] = "";
        for (int i = 0; i < 16; i++) {
            seed = seed * 1103515245 + 12345;
            strcat(text, pieces[(seed >> 16) % (sizeof pieces / sizeof *pieces)]);
        }
        mirai_value_release(mirai_torch_module_define(text, "def forward(self, x):\n    return x\n"));
    }
}

/* ---- optimisers ------------------------------------------------------------------------------ */

/* Data of an Adam with one parameter of 3 and state; takes the parts (NULL: as they should be). */
static mirai_value *adam_data(mirai_value *kind, mirai_value *lr, mirai_value *params, mirai_value *state)
{
    const int64_t size = 3;
    mirai_value *options =
        mirai_dict_of("lr", lr ? lr : mirai_float(0.1), "beta1", mirai_float(0.9), "beta2", mirai_float(0.99), "eps",
                      mirai_float(1e-8), "weight_decay", mirai_float(0), "amsgrad", mirai_bool(0), MIRAI_END);
    if (!params) params = mirai_list_of(mirai_torch_zeros(MIRAI_DTYPE_FLOAT32, 1, &size), MIRAI_END);
    if (!state) state = mirai_list_of(MIRAI_END);
    mirai_value *group = mirai_dict_of("options", options, "params", params, MIRAI_END);
    return mirai_dict_of("kind", kind ? kind : mirai_string("adam"), "groups", mirai_list_of(group, MIRAI_END), "state",
                         state, MIRAI_END);
}

/* State of one parameter; takes exp_avg. */
static mirai_value *adam_state(int64_t index, int64_t step, mirai_value *exp_avg)
{
    const int64_t size = 3;
    if (!exp_avg) exp_avg = mirai_torch_zeros(MIRAI_DTYPE_FLOAT32, 1, &size);
    return mirai_dict_of("index", mirai_int(index), "step", mirai_int(step), "exp_avg", exp_avg, "exp_avg_sq",
                         mirai_torch_zeros(MIRAI_DTYPE_FLOAT32, 1, &size), MIRAI_END);
}

static mirai_status receive_state(mirai_value *state)
{
    return receive_one(MIRAI_TORCH_OPTIMIZER, adam_data(NULL, NULL, NULL, mirai_list_of(state, MIRAI_END)));
}

static void test_hostile__optimisers(void **state)
{
    (void)state;
    const char *class_name = MIRAI_TORCH_OPTIMIZER;
    const int64_t size = 3, other = 4;
    assert_ok(receive_one(class_name, adam_data(NULL, NULL, NULL, NULL)));
    assert_true(receive_one(class_name, mirai_null()) < 0);
    assert_true(receive_one(class_name, mirai_dict_of(MIRAI_END)) < 0);
    assert_true(receive_one(class_name, adam_data(mirai_string("lbfgs"), NULL, NULL, NULL)) < 0);
    assert_true(receive_one(class_name, adam_data(mirai_string("sgd"), NULL, NULL, NULL)) < 0);
    assert_true(receive_one(class_name, adam_data(mirai_int(1), NULL, NULL, NULL)) < 0);
    assert_true(receive_one(class_name, adam_data(NULL, mirai_float(-1), NULL, NULL)) < 0);
    assert_true(receive_one(class_name, adam_data(NULL, mirai_string("x"), NULL, NULL)) < 0);
    assert_true(receive_one(class_name, adam_data(NULL, NULL, mirai_list_of(mirai_int(1), MIRAI_END), NULL)) < 0);
    assert_true(receive_one(class_name, adam_data(NULL, NULL, mirai_null(), NULL)) < 0);
    mirai_value *twice = mirai_torch_zeros(MIRAI_DTYPE_FLOAT32, 1, &size);
    assert_true(receive_one(class_name, adam_data(NULL, NULL, mirai_list_of(mirai_value_ref(twice), twice, MIRAI_END),
                                                  NULL)) < 0);
    assert_true(receive_one(class_name, adam_data(NULL, NULL,
                                                  mirai_list_of(mirai_torch_zeros(MIRAI_DTYPE_INT32, 1, &size),
                                                                MIRAI_END),
                                                  NULL)) < 0);

    assert_ok(receive_state(adam_state(0, 5, NULL)));
    assert_true(receive_state(adam_state(1, 5, NULL)) < 0);
    assert_true(receive_state(adam_state(-1, 5, NULL)) < 0);
    assert_true(receive_state(adam_state(INT64_MAX, 5, NULL)) < 0);
    assert_true(receive_state(adam_state(0, -5, NULL)) < 0);
    assert_true(receive_state(adam_state(0, 5, mirai_null())) < 0);
    assert_true(receive_state(adam_state(0, 5, mirai_torch_zeros(MIRAI_DTYPE_FLOAT32, 1, &other))) < 0);
    assert_true(receive_state(adam_state(0, 5, mirai_torch_zeros(MIRAI_DTYPE_FLOAT64, 1, &size))) < 0);
    assert_true(receive_state(mirai_dict_of("index", mirai_int(0), "step", mirai_int(1), MIRAI_END)) < 0);
    assert_true(receive_state(mirai_null()) < 0);
    assert_true(receive_one(class_name, adam_data(NULL, NULL, NULL,
                                                  mirai_list_of(adam_state(0, 5, NULL), adam_state(0, 5, NULL),
                                                                MIRAI_END))) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hostile__tables_of_tensors), cmocka_unit_test(test_hostile__counts_that_do_not_fit),
        cmocka_unit_test(test_hostile__data_of_other_types), cmocka_unit_test(test_hostile__bools_that_are_neither),
        cmocka_unit_test(test_hostile__random_tables),     cmocka_unit_test(test_hostile__modules),
        cmocka_unit_test(test_hostile__random_layers),     cmocka_unit_test(test_hostile__optimisers),
    };
    return cmocka_run_group_tests(tests, trip_setup, NULL);
}
