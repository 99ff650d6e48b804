/*
 * value_equal: deep equality.
 *
 * Containers are compared with a stack of our own on the heap, so that depth costs no stack of the
 * thread. When there is no memory for it, the values count as different and the detail text says
 * why.
 *
 * Any thread; no lock. `equal` and `identity` hooks run in this call.
 */
#include "value_node.h"

#include <math.h>
#include <string.h>

#include "alloc.h"
#include "detail.h"
#include "element.h"

/* Two containers of equal count, of which `next` items have been handed out. */
typedef struct frame {
    const mirai_value *a, *b;
    size_t next;
} frame;

#define FRAMES_FEW 16

typedef struct stack {
    frame few[FRAMES_FEW];
    frame *frames;
    size_t count, capacity;
} stack;

static bool push(stack *stack, const mirai_value *a, const mirai_value *b)
{
    if (stack->count == stack->capacity) {
        frame *old = stack->frames == stack->few ? NULL : stack->frames;
        frame *frames = mirai__realloc(old, 2 * stack->capacity, sizeof(frame));
        if (!frames) return false;
        if (!old) memcpy(frames, stack->few, sizeof(stack->few));
        stack->frames = frames;
        stack->capacity *= 2;
    }
    stack->frames[stack->count++] = (frame){a, b, 0};
    return true;
}

/* ---- leaves ---------------------------------------------------------------------------------- */

static bool same_real(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static bool same_element(mirai_dtype dtype, const uint8_t *a, const uint8_t *b)
{
    mirai__element x = mirai__element_load(dtype, a), y = mirai__element_load(dtype, b);
    if (x.kind == MIRAI__ELEMENT_UNSIGNED) return x.unsigned_integer == y.unsigned_integer;
    if (x.kind == MIRAI__ELEMENT_REAL || x.kind == MIRAI__ELEMENT_COMPLEX)
        return same_real(x.real, y.real) && same_real(x.imaginary, y.imaginary);
    return x.integer == y.integer;
}

static bool same_run(mirai_dtype dtype, const mirai__element_walk *x, const mirai__element_walk *y)
{
    int64_t item = (int64_t)mirai_dtype_size(dtype);
    size_t count = x->count;
    if (x->stride == 1 && y->stride == 1 && memcmp(x->run, y->run, count * (size_t)item) == 0)
        return true;
    if (x->stride == 0 && y->stride == 0) count = 1; /* one element, shown many times */
    for (size_t i = 0; i < count; i++) {
        int64_t at = (int64_t)i * item;
        if (!same_element(dtype, x->run + at * x->stride, y->run + at * y->stride)) return false;
    }
    return true;
}

static bool same_array(const mirai__array_node *a, const mirai__array_node *b)
{
    size_t shape_size = (size_t)a->rank * sizeof(int64_t);
    if (a->dtype != b->dtype || a->rank != b->rank || memcmp(a->shape, b->shape, shape_size) != 0)
        return false;
    if (a->count == 0) return true;
    if (a->is_contiguous && b->is_contiguous &&
        memcmp(a->origin, b->origin, a->count * mirai_dtype_size(a->dtype)) == 0)
        return true;
    mirai__element_walk x, y;
    mirai__element_walk_start(&x, a);
    mirai__element_walk_start(&y, b);
    for (; !x.is_done; mirai__element_walk_next(&x), mirai__element_walk_next(&y))
        if (!same_run(a->dtype, &x, &y)) return false;
    return true;
}

static bool same_bytes(const mirai_value *a, const mirai_value *b)
{
    size_t size = mirai_value_count(a);
    if (size != mirai_value_count(b)) return false;
    return size == 0 || memcmp(mirai_value_data(a), mirai_value_data(b), size) == 0;
}

static bool same_string(const mirai__string_node *a, const mirai__string_node *b)
{
    return a->size == b->size && memcmp(a->text, b->text, a->size) == 0;
}

static bool same_reference(const mirai_value *a, const mirai_value *b)
{
    void *x = mirai_value_object(a, NULL), *y = mirai_value_object(b, mirai_value_class(a));
    if (!y) return false; /* of another class */
    if (x == y) return true;
    mirai__hook *hook = mirai__reference_hook(a);
    if (!hook) return false;
    const mirai_refhook *hooks = &hook->hook;
    bool same = (hooks->identity &&
                 hooks->identity(x, hooks->context) == hooks->identity(y, hooks->context)) ||
                (hooks->equal && hooks->equal(x, y, hooks->context) != 0);
    mirai__hook_unref(hook);
    return same;
}

/* Compares leaves; containers that may be equal are pushed. */
static bool same_or_push(const mirai_value *a, const mirai_value *b, stack *stack)
{
    if (a == b) return true; /* also what holds a NaN: it equals itself here */
    if (!a || !b || a->type != b->type) return false;
    switch (a->type) {
    case MIRAI_TYPE_NULL: return true;
    case MIRAI_TYPE_BOOL: return a->flag == b->flag;
    case MIRAI_TYPE_INT:
        return MIRAI__CONST_NODE(number, a)->as.integer == MIRAI__CONST_NODE(number, b)->as.integer;
    case MIRAI_TYPE_FLOAT:
        return same_real(MIRAI__CONST_NODE(number, a)->as.real,
                         MIRAI__CONST_NODE(number, b)->as.real);
    case MIRAI_TYPE_STRING:
        return same_string(MIRAI__CONST_NODE(string, a), MIRAI__CONST_NODE(string, b));
    case MIRAI_TYPE_BYTES: return same_bytes(a, b);
    case MIRAI_TYPE_ARRAY:
        return same_array(MIRAI__CONST_NODE(array, a), MIRAI__CONST_NODE(array, b));
    case MIRAI_TYPE_REFERENCE: return same_reference(a, b);
    case MIRAI_TYPE_LIST:
    case MIRAI_TYPE_DICT: return mirai_value_count(a) == mirai_value_count(b) && push(stack, a, b);
    case MIRAI_TYPE_ERROR:
        return same_or_push(mirai__error_fields(a), mirai__error_fields(b), stack);
    case MIRAI_TYPE_SHARED: return mirai__value_get_shared(a) == mirai__value_get_shared(b);
    default: return mirai__value_get_segment(a) == mirai__value_get_segment(b);
    }
}

/* ---- containers ------------------------------------------------------------------------------ */

/* The next pair of the uppermost containers; the other dict may have the key elsewhere, or not at
 * all. */
static void next_pair(frame *top, const mirai_value **x, const mirai_value **y)
{
    size_t i = top->next++;
    *x = mirai_value_item(top->a, i);
    if (top->a->type == MIRAI_TYPE_LIST) {
        *y = mirai_value_item(top->b, i);
        return;
    }
    const mirai__dict_node *other = MIRAI__CONST_NODE(dict, top->b);
    const char *key = mirai_value_key(top->a, i);
    const mirai__dict_entry *entry = &other->entries[i]; /* most often they are in one order */
    if (strcmp(entry->key, key) != 0) entry = mirai__dict_find(top->b, key);
    *y = entry ? entry->item : NULL;
}

int32_t mirai_value_equal(const mirai_value *a, const mirai_value *b)
{
    stack stack;
    stack.frames = stack.few;
    stack.count = 0;
    stack.capacity = FRAMES_FEW;
    bool same = same_or_push(a, b, &stack);
    while (same && stack.count) {
        frame *top = &stack.frames[stack.count - 1];
        if (top->next == mirai_value_count(top->a)) {
            stack.count--;
            continue;
        }
        const mirai_value *x, *y;
        next_pair(top, &x, &y);
        same = same_or_push(x, y, &stack);
    }
    if (stack.frames != stack.few) mirai__free(stack.frames);
    return same;
}
