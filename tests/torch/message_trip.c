/*
 * message_trip: see the header.
 */
#include "message_trip.h"

#include <stdio.h>
#include <stdlib.h>

#include "message.h"
#include "registry.h"

void trip_assert_says(const char *words)
{
    if (!strstr(mirai_error_detail(), words))
        fail_msg("the detail is \"%s\", without \"%s\"", mirai_error_detail(), words);
}

int trip_setup(void **state)
{
    (void)state;
    return mirai_torch_register() == MIRAI_OK && mirai_torch_set_threads(1) == MIRAI_OK ? 0 : 1;
}

mirai_status trip_through(const mirai_value *value, mirai_value **came)
{
    mirai__segment *segment = NULL;
    *came = NULL;
    mirai_status status = mirai__encode(value, NULL, MIRAI__ENCODE_COPY, &segment);
    if (status != MIRAI_OK) return status;
    status = mirai__decode(segment, NULL, &mirai__limits_local, came);
    mirai__segment_release(segment);
    return status;
}

mirai_value *trip(mirai_value *value)
{
    mirai_value *came = NULL;
    assert_non_null(value);
    assert_ok(trip_through(value, &came));
    mirai_value_release(value);
    return came;
}

mirai_status trip_send(mirai_value *value)
{
    assert_non_null(value);
    mirai__segment *segment = NULL;
    mirai_status status = mirai__encode(value, NULL, MIRAI__ENCODE_COPY, &segment);
    mirai_value_release(value);
    if (status == MIRAI_OK) mirai__segment_release(segment);
    return status;
}

const mirai_refhook *trip_hook(const char *class_name)
{
    mirai__hook *hook = mirai__hooks_find(NULL, class_name);
    assert_non_null(hook);
    const mirai_refhook *found = &hook->hook;
    mirai__hook_unref(hook); /* the registry keeps it */
    return found;
}

mirai_value *evaluate(const char *expression, const mirai_value *x)
{
    char source[1024];
    int length = snprintf(source, sizeof source, "def f(%s):\n    return %s\n", x ? "x" : "", expression);
    assert_in_range(length, 1, sizeof source - 1);
    mirai_value *args = x ? mirai_list_of(mirai_value_ref(x), MIRAI_END) : mirai_list_of(MIRAI_END);
    mirai_value *result = NULL;
    assert_ok(mirai_torch_script(source, NULL, args, &result));
    return result;
}

double number_of(const char *expression, const mirai_value *x)
{
    mirai_value *value = evaluate(expression, x);
    double number = 0;
    if (mirai_value_type(value) == MIRAI_TYPE_REFERENCE)
        assert_ok(mirai_torch_item(value, &number));
    else
        assert_ok(mirai_value_to_float(value, &number));
    mirai_value_release(value);
    return number;
}

void assert_same_tensor(const mirai_value *a, const mirai_value *b)
{
    int64_t left[MIRAI_TORCH_RANK_MAX], right[MIRAI_TORCH_RANK_MAX];
    assert_true(mirai_value_equal(a, b));
    assert_int_equal(mirai_torch_dtype(a), mirai_torch_dtype(b));
    assert_int_equal(mirai_torch_requires_grad(a), mirai_torch_requires_grad(b));
    assert_ok(mirai_torch_strides(a, left, MIRAI_TORCH_RANK_MAX));
    assert_ok(mirai_torch_strides(b, right, MIRAI_TORCH_RANK_MAX));
    assert_memory_equal(left, right, (size_t)mirai_torch_rank(a) * sizeof *left);
}
