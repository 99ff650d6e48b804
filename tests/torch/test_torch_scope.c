/*
 * scope: where tensors are born, that libtorch computes as ever with what lies there, and which of them are
 * given to a message that is the end of them. Sets of slabs stand for pools: of a pool, no more is asked.
 */
#include <pthread.h>

#include "message_trip.h"

#include "fault.h"
#include "message.h"

#define BUDGET ((uint64_t)64 << 20)
#define LARGE ((int64_t)1 << 19) /* elements of 4 bytes: such tensors have a slab of their own */

enum { SCOPES_MAX = 64 };

static mirai__slabs *slabs[2];

static mirai_pool *pool_of(size_t i)
{
    return (mirai_pool *)(void *)&slabs[i];
}

static int set_up(void **state)
{
    if (trip_setup(state) != 0) return -1;
    for (size_t i = 0; i < 2; i++) {
        slabs[i] = mirai__slabs_new(BUDGET);
        if (slabs[i] == NULL || mirai__slabs_bind(&slabs[i], slabs[i]) != MIRAI_OK) return -1;
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        mirai__slabs_unbind(&slabs[i]);
        mirai__slabs_close(slabs[i]);
    }
    return 0;
}

/* Bytes of slabs with buffers. */
static uint64_t used(size_t i)
{
    uint64_t bytes, idle;
    mirai__slabs_count(slabs[i], &bytes, &idle);
    return bytes - idle;
}

static int nothing_is_left(void **state)
{
    (void)state;
    return used(0) == 0 && used(1) == 0 && mirai_torch_scope_end() == MIRAI_E_STATE ? 0 : -1;
}

static mirai_value *born(size_t i, int64_t length)
{
    assert_ok(mirai_torch_scope_begin(pool_of(i)));
    mirai_value *tensor = mirai_torch_arange(MIRAI_DTYPE_FLOAT32, 0, (double)length, 1);
    assert_ok(mirai_torch_scope_end());
    assert_non_null(tensor);
    return tensor;
}

static bool is_range(const mirai_value *tensor, int64_t length)
{
    const float *data = mirai_torch_data(tensor);
    if (data == NULL || mirai_torch_count(tensor) != length) return false;
    for (int64_t i = 0; i < length; i++)
        if (data[i] != (float)i) return false;
    return true;
}

/* Takes value, as whoever sends does. */
static mirai__segment *sent(mirai_value *value)
{
    mirai__segment *segment = NULL;
    assert_non_null(value);
    assert_ok(mirai__encode_into(value, NULL, MIRAI__ENCODE_COPY | MIRAI__ENCODE_MOVE, slabs[0], NULL, &segment));
    mirai_value_release(value);
    return segment;
}

static mirai_value *received(mirai__segment *segment)
{
    mirai_value *value = NULL;
    assert_ok(mirai__decode(segment, NULL, &mirai__limits_local, &value));
    mirai__segment_release(segment);
    return value;
}

/* ---- where ------------------------------------------------------------------------------------- */

static void test_scope__bad_arguments(void **state)
{
    (void)state;
    assert_fails(mirai_torch_scope_end(), MIRAI_E_STATE, "no scope is open");
    for (int i = 0; i < SCOPES_MAX; i++) assert_ok(mirai_torch_scope_begin(NULL));
    assert_fails(mirai_torch_scope_begin(NULL), MIRAI_E_LIMIT, "64 scopes");
    for (int i = 0; i < SCOPES_MAX; i++) assert_ok(mirai_torch_scope_end());
    assert_fails(mirai_torch_scope_end(), MIRAI_E_STATE, "no scope is open");
}

static void test_scope__large_tensors_lie_in_it(void **state)
{
    (void)state;
    mirai_value *before = mirai_torch_zeros(MIRAI_DTYPE_FLOAT32, 1, &(int64_t){LARGE});
    assert_ok(mirai_torch_scope_begin(pool_of(0)));
    mirai_value *small = mirai_torch_zeros(MIRAI_DTYPE_UINT8, 1, &(int64_t){32767});
    assert_int_equal(used(0), 0);
    mirai_value *least = mirai_torch_zeros(MIRAI_DTYPE_UINT8, 1, &(int64_t){32768});
    uint64_t first = used(0);
    assert_true(first > 0);
    mirai_value *large = mirai_torch_zeros(MIRAI_DTYPE_FLOAT32, 1, &(int64_t){LARGE});
    assert_int_equal(used(0), first + LARGE * 4);
    mirai_value_release(before); /* the allocator gives others back where they came from */
    mirai_value_release(small);
    assert_ok(mirai_torch_scope_end());
    mirai_value *after = mirai_torch_zeros(MIRAI_DTYPE_FLOAT32, 1, &(int64_t){LARGE});
    assert_int_equal(used(0), first + LARGE * 4);
    mirai_value_release(after);
    mirai_value_release(large);
    mirai_value_release(least);
}

static void test_scope__the_innermost_counts(void **state)
{
    (void)state;
    mirai_value *tensors[4];
    assert_ok(mirai_torch_scope_begin(pool_of(0)));
    tensors[0] = born(1, LARGE);
    assert_int_equal(used(0), 0);
    assert_int_equal(used(1), LARGE * 4);
    tensors[1] = mirai_torch_zeros(MIRAI_DTYPE_FLOAT32, 1, &(int64_t){LARGE});
    assert_int_equal(used(0), LARGE * 4);
    assert_ok(mirai_torch_scope_begin(NULL)); /* in this process: ordinary memory */
    tensors[2] = mirai_torch_zeros(MIRAI_DTYPE_FLOAT32, 1, &(int64_t){LARGE});
    assert_int_equal(used(0) + used(1), 2 * LARGE * 4);
    assert_ok(mirai_torch_scope_end());
    assert_ok(mirai_torch_scope_end());
    tensors[3] = mirai_torch_zeros(MIRAI_DTYPE_FLOAT32, 1, &(int64_t){LARGE});
    assert_int_equal(used(0) + used(1), 2 * LARGE * 4);
    for (size_t i = 0; i < 4; i++) mirai_value_release(tensors[i]);
}

/* Makes a tensor in no scope, one in its own, and releases one of the other thread's. */
static void *work(void *argument)
{
    mirai_value **tensors = argument;
    if (mirai_torch_scope_end() != MIRAI_E_STATE) return NULL;
    tensors[1] = mirai_torch_zeros(MIRAI_DTYPE_FLOAT32, 1, &(int64_t){LARGE});
    if (mirai_torch_scope_begin((mirai_pool *)(void *)&slabs[1]) != MIRAI_OK) return NULL;
    tensors[2] = mirai_torch_zeros(MIRAI_DTYPE_FLOAT32, 1, &(int64_t){LARGE});
    mirai_value_release(tensors[0]);
    return argument; /* the scope is left open: it ends with the thread */
}

static void test_scope__belongs_to_its_thread(void **state)
{
    (void)state;
    pthread_t thread;
    void *done = NULL;
    mirai_value *tensors[3] = {born(0, LARGE), NULL, NULL};
    assert_ok(mirai_torch_scope_begin(pool_of(0)));
    assert_int_equal(pthread_create(&thread, NULL, work, tensors), 0);
    assert_int_equal(pthread_join(thread, &done), 0);
    assert_non_null(done);
    assert_int_equal(used(0), 0);
    assert_int_equal(used(1), LARGE * 4);
    assert_ok(mirai_torch_scope_end());
    mirai_value_release(tensors[1]);
    mirai_value_release(tensors[2]);
}

/* Beyond the budget, and where there is no memory to keep track of it, tensors are born as ever. */
static void test_scope__ordinary_memory_stands_in(void **state)
{
    (void)state;
    int64_t too_large = (int64_t)BUDGET + 1;
    assert_ok(mirai_torch_scope_begin(pool_of(0)));
    mirai_value *tensor = mirai_torch_zeros(MIRAI_DTYPE_UINT8, 1, &too_large);
    assert_non_null(tensor);
    assert_int_equal(used(0), 0);
    mirai_value_release(tensor);
    for (int64_t n = 1; n < 6; n++) {
        mirai__fault_arm(n, false);
        tensor = mirai_torch_zeros(MIRAI_DTYPE_FLOAT32, 1, &(int64_t){LARGE});
        mirai__fault_arm(0, false);
        mirai_value_release(tensor);
        assert_int_equal(used(0), 0);
    }
    assert_ok(mirai_torch_scope_end());
}

static void test_scope__outlives_what_it_was_opened_for(void **state)
{
    (void)state;
    int owner;
    mirai__slabs *own = mirai__slabs_new(BUDGET);
    assert_ok(mirai__slabs_bind(&owner, own));
    assert_ok(mirai_torch_scope_begin((mirai_pool *)(void *)&owner));
    mirai_value *first = mirai_torch_arange(MIRAI_DTYPE_FLOAT32, 0, LARGE, 1);
    mirai__slabs_unbind(&owner);
    mirai__slabs_close(own);
    mirai_value *second = mirai_torch_arange(MIRAI_DTYPE_FLOAT32, 0, LARGE, 1);
    assert_ok(mirai_torch_scope_end());
    assert_true(is_range(first, LARGE));
    assert_true(is_range(second, LARGE));
    mirai_value_release(first);
    mirai_value_release(second);
}

/* ---- computing --------------------------------------------------------------------------------- */

static const char training[] = "def f(x, w):\n"
                               "    y = (x.reshape([512, 1024]) @ w.reshape([1024, 512])).relu()\n"
                               "    return (y * y).mean()\n";

/* The gradient of w, owned. */
static mirai_value *gradient(mirai_value *w)
{
    mirai_value *x = mirai_torch_arange(MIRAI_DTYPE_FLOAT32, 0, LARGE, 1), *loss = NULL, *grad = NULL;
    assert_ok(mirai_torch_set_requires_grad(w, 1));
    assert_ok(mirai_torch_script(training, NULL, mirai_list_of(x, mirai_value_ref(w), MIRAI_END), &loss));
    assert_ok(mirai_torch_backward(loss));
    assert_ok(mirai_torch_grad(w, &grad));
    assert_non_null(grad);
    mirai_value_release(loss);
    return grad;
}

static void test_scope__gradients_lie_in_it(void **state)
{
    (void)state;
    mirai_torch_manual_seed(7);
    mirai_value *w = mirai_torch_randn(MIRAI_DTYPE_FLOAT32, 1, &(int64_t){LARGE}), *plain = gradient(w);
    assert_int_equal(used(0), 0);
    mirai_torch_manual_seed(7);
    assert_ok(mirai_torch_scope_begin(pool_of(0)));
    mirai_value *same = mirai_torch_randn(MIRAI_DTYPE_FLOAT32, 1, &(int64_t){LARGE}), *there = gradient(same);
    assert_ok(mirai_torch_scope_end());
    assert_true(mirai_value_equal(w, same));
    assert_true(mirai_value_equal(plain, there));
    assert_int_equal(used(0), 2 * LARGE * 4);
    mirai_value_release(w);
    mirai_value_release(plain);
    mirai_value_release(same);
    assert_int_equal(used(0), LARGE * 4);
    mirai_value_release(there);
}

static mirai_value *trained(void)
{
    mirai_torch_manual_seed(3);
    mirai_value *definition =
        mirai_torch_module_define("a = Linear(256, 512)\nb = Linear(512, 16)",
                                  "def forward(self, x):\n    return self.b(self.a(x).relu())\n");
    mirai_value *module = mirai_torch_module_new(definition, mirai_null());
    if (module == NULL) fail_msg("%s", mirai_error_detail());
    mirai_value *adam = mirai_torch_optimizer_new("adam", mirai_value_ref(module), mirai_null());
    mirai_value *x = mirai_torch_ones(MIRAI_DTYPE_FLOAT32, 2, (int64_t[]){8, 256});
    for (int i = 0; i < 3; i++) {
        mirai_value *y = NULL, *loss = NULL;
        assert_ok(mirai_torch_optimizer_zero_grad(adam));
        assert_ok(mirai_torch_module_forward(module, mirai_list_of(mirai_value_ref(x), MIRAI_END), &y));
        assert_ok(mirai_torch_script("def f(y):\n    return (y * y).sum()\n", NULL, mirai_list_of(y, MIRAI_END), &loss));
        assert_ok(mirai_torch_backward(loss));
        assert_ok(mirai_torch_optimizer_step(adam));
        mirai_value_release(loss);
    }
    mirai_value_release(x);
    return mirai_list_of(module, adam, MIRAI_END);
}

static void test_scope__modules_and_optimisers_lie_in_it(void **state)
{
    (void)state;
    mirai_value *plain = trained();
    assert_int_equal(used(0), 0);
    assert_ok(mirai_torch_scope_begin(pool_of(0)));
    mirai_value *there = trained();
    assert_ok(mirai_torch_scope_end());
    assert_true(used(0) > 0);
    assert_true(mirai_value_equal(plain, there));
    mirai_value *module = mirai_value_ref(mirai_value_item(there, 0)), *adam = mirai_value_ref(mirai_value_item(there, 1));
    mirai_value_release(there);
    mirai_value *came = received(sent(mirai_list_of(mirai_value_ref(module), adam, MIRAI_END)));
    assert_true(mirai_value_equal(plain, came));
    assert_true(mirai_value_equal(module, mirai_value_item(plain, 0))); /* as before */
    mirai_value_release(module);
    mirai_value_release(came);
    mirai_value_release(plain);
}

/* Given away whole, they come as they were: the tensors are the objects' own, and so are copied. */
static void test_scope__modules_and_optimisers_come_whole(void **state)
{
    (void)state;
    mirai_value *plain = trained();
    assert_ok(mirai_torch_scope_begin(pool_of(0)));
    mirai_value *there = trained();
    assert_ok(mirai_torch_scope_end());
    mirai_value *came = received(sent(there));
    assert_true(mirai_value_equal(plain, came));
    mirai_value_release(came);
    mirai_value_release(plain);
}

/* What libtorch does to storages in place. */
static void test_scope__storages_change_as_ever(void **state)
{
    (void)state;
    static const char *const changes[] = {
        "x.resize_([100000])", "x.resize_([10])", "x.clone().set_(x)", "x.set_(x.clone())", "x.add_(1)", "x.t_()",
        "x.unsqueeze_(0)",     "torch.cat([x, x])", "x.to(torch.float64)", "x.requires_grad_().detach()",
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        char all[128];
        /* bytes behind the old end are anything */
        (void)snprintf(all, sizeof all, "%s.flatten()[:10].clone()", changes[i]);
        mirai_value *x = mirai_torch_arange(MIRAI_DTYPE_FLOAT32, 0, 20000, 1), *plain = evaluate(all, x);
        mirai_value *other = born(0, 20000);
        assert_ok(mirai_torch_scope_begin(pool_of(0)));
        mirai_value *there = evaluate(all, other);
        assert_ok(mirai_torch_scope_end());
        assert_true(mirai_value_equal(plain, there));
        mirai_value_release(evaluate(changes[i], other)); /* in no scope: back to ordinary memory */
        mirai_value *came = received(sent(other));
        assert_non_null(mirai_torch_data(came));
        mirai_value_release(came);
        mirai_value_release(x);
        mirai_value_release(plain);
        mirai_value_release(there);
    }
}

/* ---- moving ------------------------------------------------------------------------------------ */

/* Takes value, of which `tensor` is a part: whether its memory is what is sent. */
static bool moves(mirai_value *value, const mirai_value *tensor)
{
    const void *memory = mirai_torch_data(tensor);
    mirai__segment *segment = sent(value);
    bool found = false;
    for (size_t i = 0; i < segment->count; i++) found = found || mirai_buffer_data(mirai__segment_buffers(segment)[i]) == memory;
    mirai__segment_release(segment);
    return found;
}

static void test_scope__what_is_given_moves(void **state)
{
    (void)state;
    for (int64_t length = 8192; length <= LARGE; length *= 8) {
        mirai_value *tensor = born(0, length);
        const void *memory = mirai_torch_data(tensor);
        mirai__segment *segment = sent(tensor);
        assert_int_equal(segment->count, 1);
        assert_ptr_equal(mirai_buffer_data(mirai__segment_buffers(segment)[0]), memory);
        mirai_value *came = received(segment);
        assert_true(is_range(came, length));
        mirai_value_release(came);
        tensor = born(0, length);
        assert_true(moves(mirai_list_of(mirai_int(1), mirai_dict_of("a", tensor, MIRAI_END), MIRAI_END), tensor));
    }
}

static void test_scope__what_others_were_born_for_is_copied(void **state)
{
    (void)state;
    mirai_value *tensor = born(1, LARGE);
    mirai__segment *segment = sent(tensor);
    assert_int_equal(used(1), 0); /* it is gone, as all that was given */
    mirai_value *came = received(segment);
    assert_true(is_range(came, LARGE));
    mirai_value_release(came);
}

/* Takes value: it is sent as it is by copy, and the tensor is what it was. */
static void check_kept(mirai_value *value, const mirai_value *tensor)
{
    assert_false(moves(value, tensor));
    assert_true(is_range(tensor, LARGE));
}

static void test_scope__what_is_held_stays(void **state)
{
    (void)state;
    mirai_value *tensor = born(0, LARGE);
    check_kept(mirai_value_ref(tensor), tensor);
    mirai_value *list = mirai_list_of(tensor, MIRAI_END);
    check_kept(mirai_value_ref(list), tensor);
    mirai_value *twice[] = {mirai_value_ref(tensor), mirai_value_ref(tensor)};
    check_kept(mirai_list(twice, 2), tensor);
    mirai_value_release(list);

    mirai_value *other = NULL; /* another tensor on the same memory */
    tensor = born(0, LARGE);
    assert_ok(mirai_torch_detach(tensor, &other));
    check_kept(tensor, other);
    mirai_value *window = NULL;
    assert_ok(mirai_torch_narrow(other, 0, 0, LARGE, &window));
    check_kept(window, other);
    mirai_value *array = NULL; /* and an array */
    assert_ok(mirai_torch_array_view(other, &array));
    check_kept(mirai_value_ref(other), other);
    mirai_value *same = evaluate("x", other); /* the same tensor, in another reference */
    check_kept(other, same);
    mirai_value *both = mirai_list_of(same, evaluate("x", same), MIRAI_END);
    check_kept(mirai_value_ref(both), same);
    mirai_value_release(both);
    const float *elements = mirai_value_data(array);
    assert_true(elements[LARGE - 1] == (float)(LARGE - 1));
    mirai_value_release(array);
}

static void test_scope__what_libtorch_uses_stays(void **state)
{
    (void)state;
    mirai_value *tensor = born(0, LARGE), *held = evaluate("[x]", tensor); /* kept in another value */
    check_kept(tensor, mirai_value_item(held, 0));
    mirai_value_release(held);

    assert_ok(mirai_torch_scope_begin(pool_of(0)));
    tensor = mirai_torch_arange(MIRAI_DTYPE_FLOAT32, 0, LARGE, 1);
    mirai_value *w = mirai_torch_ones(MIRAI_DTYPE_FLOAT32, 1, &(int64_t){LARGE}), *loss = NULL, *grad = NULL;
    assert_ok(mirai_torch_scope_end());
    assert_ok(mirai_torch_set_requires_grad(w, 1));
    mirai_value *args = mirai_list_of(mirai_value_ref(tensor), mirai_value_ref(w), MIRAI_END);
    assert_ok(mirai_torch_script("def f(x, w):\n    return (x * w).sum()\n", NULL, args, &loss));
    assert_false(moves(tensor, tensor)); /* the graph needs it for the gradient of w */
    assert_ok(mirai_torch_backward(loss));
    mirai_value_release(loss);
    assert_ok(mirai_torch_grad(w, &grad));
    assert_true(is_range(grad, LARGE));
    mirai_value *again = NULL; /* w has it still */
    assert_false(moves(grad, grad));
    assert_ok(mirai_torch_grad(w, &again));
    assert_true(is_range(again, LARGE));
    assert_true(moves(w, w));             /* its gradient does not travel */
    assert_true(is_range(again, LARGE)); /* and is now the reference's alone */
    mirai_value_release(again);
}

/* Tensors that lie on one memory, all of them given. */
static void test_scope__what_is_given_whole_moves(void **state)
{
    (void)state;
    mirai_value *tensor = born(0, LARGE), *other = NULL, *window = NULL;
    assert_ok(mirai_torch_detach(tensor, &other));
    const void *memory = mirai_torch_data(tensor);
    mirai__segment *segment = sent(mirai_list_of(other, tensor, MIRAI_END));
    assert_int_equal(segment->count, 1);
    assert_ptr_equal(mirai_buffer_data(mirai__segment_buffers(segment)[0]), memory);
    mirai_value *came = received(segment);
    assert_true(is_range(mirai_value_item(came, 0), LARGE));
    assert_true(is_range(mirai_value_item(came, 1), LARGE));
    *(float *)mirai_torch_data(mirai_value_item(came, 1)) = 1;
    assert_true(*(float *)mirai_torch_data(mirai_value_item(came, 0)) == 1); /* and do so there */
    mirai_value_release(came);

    tensor = born(0, LARGE);
    assert_ok(mirai_torch_detach(tensor, &other));
    mirai_value *held = mirai_value_ref(other); /* one of the two is not */
    check_kept(mirai_list_of(other, tensor, MIRAI_END), held);
    mirai_value_release(held);

    tensor = born(0, LARGE);
    assert_ok(mirai_torch_narrow(tensor, 0, 0, LARGE / 2, &window)); /* libtorch: it holds what it is a view of */
    came = received(sent(mirai_list_of(window, tensor, MIRAI_END)));
    assert_true(is_range(mirai_value_item(came, 0), LARGE / 2));
    assert_true(is_range(mirai_value_item(came, 1), LARGE));
    mirai_value_release(came);
}

/* Integers that are negated lazily are sent as a copy of their own, made of memory that others may give away. */
static void test_scope__what_is_negated_lazily_is_copied(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        mirai_value *negated = NULL;
        assert_ok(mirai_torch_scope_begin(pool_of(0)));
        mirai_value *tensor = mirai_torch_arange(MIRAI_DTYPE_INT64, 0, LARGE, 1);
        assert_ok(mirai_torch_scope_end());
        mirai_value *made = evaluate("torch._neg_view(x)", tensor);
        assert_ok(mirai_torch_detach(made, &negated));
        mirai_value_release(made);
        mirai_value *items[2];
        items[i] = tensor;
        items[1 - i] = negated;
        mirai_value *came = received(sent(mirai_list(items, 2)));
        const int64_t *plain = mirai_torch_data(mirai_value_item(came, (size_t)i));
        const int64_t *minus = mirai_torch_data(mirai_value_item(came, (size_t)(1 - i)));
        for (int64_t at = 0; at < LARGE; at++) assert_true(plain[at] == at && minus[at] == -at);
        mirai_value_release(came);
    }
}

/* A tensor that moves into memory in common leaves its own behind for those who look at that, and for them alone. */
static void test_scope__what_becomes_common_is_kept_for_views(void **state)
{
    (void)state;
    mirai_value *tensor = born(0, LARGE), *array = NULL;
    assert_ok(mirai_torch_common(tensor));
    assert_int_equal(used(0), 0);
    assert_true(is_range(tensor, LARGE));
    mirai_value_release(tensor);

    tensor = born(0, LARGE);
    assert_ok(mirai_torch_array_view(tensor, &array));
    assert_ok(mirai_torch_common(tensor));
    assert_int_equal(used(0), LARGE * 4);
    *(float *)mirai_torch_data(tensor) = 1; /* which they do not see */
    mirai_value_release(tensor);
    const float *elements = mirai_value_data(array);
    for (int64_t i = 0; i < LARGE; i++) assert_true(elements[i] == (float)i);
    mirai_value_release(array);
}

/* Whoever sends lets go of it in any case; nothing is lost, and nothing twice. */
static void test_scope__a_message_that_fails_leaves_nothing(void **state)
{
    (void)state;
    mirai_value *sparse = evaluate("torch.ones([3]).to_sparse()", NULL), *tensor = born(0, LARGE);
    mirai__segment *segment = NULL;
    mirai_value *list = mirai_list_of(tensor, sparse, MIRAI_END);
    assert_int_equal(mirai__encode_into(list, NULL, MIRAI__ENCODE_COPY | MIRAI__ENCODE_MOVE, slabs[0], NULL, &segment),
                     MIRAI_E_HOOK);
    mirai_value_release(list);
    mirai_status status = MIRAI_E_NOMEM;
    for (int64_t n = 1; status != MIRAI_OK; n++) {
        tensor = born(0, LARGE);
        mirai__fault_arm(n, false);
        status = mirai__encode_into(tensor, NULL, MIRAI__ENCODE_COPY | MIRAI__ENCODE_MOVE, slabs[0], NULL, &segment);
        mirai__fault_arm(0, false);
        mirai_value_release(tensor);
        if (status == MIRAI_OK) mirai__segment_release(segment);
        assert_int_equal(used(0), 0);
        assert_true(n < 1000);
    }
}

#define SCOPE_TEST(name) cmocka_unit_test_teardown(test_scope__##name, nothing_is_left)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCOPE_TEST(bad_arguments),
        SCOPE_TEST(large_tensors_lie_in_it),
        SCOPE_TEST(the_innermost_counts),
        SCOPE_TEST(belongs_to_its_thread),
        SCOPE_TEST(ordinary_memory_stands_in),
        SCOPE_TEST(outlives_what_it_was_opened_for),
        SCOPE_TEST(gradients_lie_in_it),
        SCOPE_TEST(modules_and_optimisers_lie_in_it),
        SCOPE_TEST(modules_and_optimisers_come_whole),
        SCOPE_TEST(storages_change_as_ever),
        SCOPE_TEST(what_is_given_moves),
        SCOPE_TEST(what_others_were_born_for_is_copied),
        SCOPE_TEST(what_is_held_stays),
        SCOPE_TEST(what_libtorch_uses_stays),
        SCOPE_TEST(what_is_given_whole_moves),
        SCOPE_TEST(what_is_negated_lazily_is_copied),
        SCOPE_TEST(what_becomes_common_is_kept_for_views),
        SCOPE_TEST(a_message_that_fails_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
