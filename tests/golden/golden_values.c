/* golden_values: see golden_values.h. */
#include "golden_values.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "things.h"
#include "value_private.h"
#include "message.h"

static mirai_value *ints(void)
{
    static const int64_t numbers[] = {
        0,  1,   23,  24,   255,  256,    65535,  65536,       4294967295,  4294967296, INT64_MAX,
        -1, -24, -25, -256, -257, -65536, -65537, -4294967296, -4294967297, INT64_MIN};
    mirai_value *items[sizeof numbers / sizeof *numbers];
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) items[i] = mirai_int(numbers[i]);
    return mirai_list(items, sizeof numbers / sizeof *numbers);
}

static double of_bits(uint64_t bits)
{
    double number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

static mirai_value *floats(void)
{
    const double numbers[] = {
        0.0,
        -0.0,
        1.0,
        1.5,
        65504.0,
        65536.0,
        5.960464477539063e-8,
        0.00006103515625,
        0.1,
        3.4028234663852886e38,
        1.401298464324817e-45,
        5e-324,
        1e300,
        INFINITY,
        -INFINITY,
        of_bits(0x7ff8000000000000), /* NaN */
        of_bits(0x7ff00000000007a2), /* a NaN with a payload that needs all bits: NA in R */
        of_bits(0xfff8000020000000), /* a negative NaN with a payload that fits 32 bits */
    };
    mirai_value *items[sizeof numbers / sizeof *numbers];
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        items[i] = mirai_float(numbers[i]);
    return mirai_list(items, sizeof numbers / sizeof *numbers);
}

static mirai_value *simple(void)
{
    return mirai_list_of(mirai_null(), mirai_bool(0), mirai_bool(1), MIRAI_END);
}

static mirai_value *strings(void)
{
    return mirai_list_of(mirai_string(""), mirai_string("a"),
                         mirai_string("h\xc3\xa9llo \xe2\x82\xac \xf0\x9f\x99\x82"),
                         mirai_string_n("nul\0inside", 10), mirai_bytes(NULL, 0),
                         mirai_bytes("\x00\x01\xff", 3), MIRAI_END);
}

static mirai_value *containers(void)
{
    mirai_value *empty_list = mirai_list(NULL, 0);
    mirai_value *empty_dict = mirai_dict(NULL, NULL, 0);
    return mirai_dict_of(
        "z", mirai_int(1), "a", mirai_list_of(empty_list, empty_dict, MIRAI_END), "",
        mirai_dict_of("nested", mirai_list_of(mirai_int(2), mirai_int(3), MIRAI_END), MIRAI_END),
        MIRAI_END);
}

/* Elements of any type: bytes that count up. */
static mirai_value *counting(mirai_dtype dtype, int32_t rank, const int64_t *shape)
{
    size_t size = mirai_dtype_size(dtype);
    for (int32_t i = 0; i < rank; i++) size *= (size_t)shape[i];
    uint8_t *data = malloc(size ? size : 1);
    if (!data) return NULL;
    for (size_t i = 0; i < size; i++) data[i] = dtype == MIRAI_DTYPE_BOOL ? i % 2 : (uint8_t)i;
    mirai_value *array = mirai_array(dtype, rank, shape, data);
    free(data);
    return array;
}

static mirai_value *typed(void)
{
    static const mirai_dtype dtypes[] = {
        MIRAI_DTYPE_UINT8,   MIRAI_DTYPE_UINT16,  MIRAI_DTYPE_UINT32, MIRAI_DTYPE_UINT64,
        MIRAI_DTYPE_INT8,    MIRAI_DTYPE_INT16,   MIRAI_DTYPE_INT32,  MIRAI_DTYPE_INT64,
        MIRAI_DTYPE_FLOAT16, MIRAI_DTYPE_FLOAT32, MIRAI_DTYPE_FLOAT64};
    mirai_value *items[sizeof dtypes / sizeof *dtypes];
    int64_t shape[] = {3};
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
        items[i] = counting(dtypes[i], 1, shape);
    return mirai_list(items, sizeof dtypes / sizeof *dtypes);
}

static mirai_value *grids(void)
{
    int64_t two[] = {2, 3}, none[] = {0, 5};
    return mirai_list_of(counting(MIRAI_DTYPE_INT16, 2, two),
                         counting(MIRAI_DTYPE_FLOAT64, 0, NULL),
                         counting(MIRAI_DTYPE_UINT8, 2, none), MIRAI_END);
}

static mirai_value *own_arrays(void)
{
    int64_t two[] = {2, 2}, three[] = {3};
    return mirai_list_of(
        counting(MIRAI_DTYPE_BOOL, 1, three), counting(MIRAI_DTYPE_BFLOAT16, 2, two),
        counting(MIRAI_DTYPE_COMPLEX32, 1, three), counting(MIRAI_DTYPE_COMPLEX64, 0, NULL),
        counting(MIRAI_DTYPE_COMPLEX128, 1, three), MIRAI_END);
}

/* One buffer behind two arrays and a string of bytes: sent once; and a strided array: packed. */
static mirai_value *buffers(void)
{
    int64_t shape[] = {10, 20}, turned[] = {20, 10}, strides[] = {1, 20};
    mirai_value *array = counting(MIRAI_DTYPE_FLOAT32, 2, shape);
    mirai_buffer *buffer = mirai_value_buffer(array);
    return mirai_dict_of(
        "array", array, "again", mirai_value_ref(array), "bytes",
        mirai_bytes_buffer(mirai_buffer_ref(buffer)), "transposed",
        mirai_array_buffer(MIRAI_DTYPE_FLOAT32, 2, turned, strides, 0, mirai_buffer_ref(buffer)),
        MIRAI_END);
}

static mirai_value *errors(void)
{
    mirai_value *plain = mirai_error(NULL, -95, "it broke");
    mirai_value *full = mirai_error_of(mirai_dict_of(
        "class", mirai_list_of(mirai_string("io_error"), mirai_string("error"), MIRAI_END), "code",
        mirai_int(2), "message", mirai_string("no such file"), "trace",
        mirai_list_of(mirai_string("f()"), mirai_string("g()"), MIRAI_END), MIRAI_END));
    return mirai_list_of(plain, full, MIRAI_END);
}

/* A box twice, which is one object; a box in a box. */
static mirai_value *boxes(void)
{
    mirai_value *box = thing_new("box", mirai_int(7));
    mirai_value *outer = thing_new("box", mirai_list_of(mirai_value_ref(box), MIRAI_END));
    return mirai_list_of(outer, box, mirai_value_ref(box), MIRAI_END);
}

/* Crates are of one group; a box that refers to one of them comes after it. */
static mirai_value *crates(void)
{
    mirai_value *first = thing_new("crate", mirai_string("first"));
    mirai_value *second = thing_new("crate", mirai_string("second"));
    mirai_value *box = thing_new("box", mirai_dict_of("in", mirai_value_ref(second), MIRAI_END));
    return mirai_list_of(first, box, second, MIRAI_END);
}

/* A message in a message, with a buffer and an object of its own, beside those of the outer one. */
static mirai_value *segments(void)
{
    int64_t shape[] = {600};
    mirai_value *inner = mirai_list_of(counting(MIRAI_DTYPE_UINT8, 1, shape),
                                       thing_new("box", mirai_int(1)), MIRAI_END);
    mirai__segment *segment = NULL;
    mirai_status status = mirai__encode(inner, NULL, 0, &segment);
    mirai_value_release(inner);
    if (status != MIRAI_OK) return NULL;
    return mirai_list_of(counting(MIRAI_DTYPE_INT8, 1, shape), thing_new("box", mirai_int(2)),
                         mirai__value_segment(segment), MIRAI_END);
}

static mirai_value *segments_read(void)
{
    int64_t shape[] = {600};
    mirai_value *inner = mirai_list_of(counting(MIRAI_DTYPE_UINT8, 1, shape),
                                       thing_new("box", mirai_int(1)), MIRAI_END);
    return mirai_list_of(counting(MIRAI_DTYPE_INT8, 1, shape), thing_new("box", mirai_int(2)),
                         inner, MIRAI_END);
}

/* ---- shared values: number 7 is a list, any other a string ---- */

const char golden_home = 0;

static void end_nothing(mirai__shared *shared)
{
    (void)shared;
}

static mirai_value *shared_value(uint64_t id)
{
    static mirai__shared kept[2];
    mirai__shared *at = &kept[id == 7];
    *at = (mirai__shared){.references = 1, .id = id, .home = &golden_home, .end = end_nothing};
    return mirai__value_shared(at);
}

static mirai_value *stands_for(uint64_t id)
{
    return id == 7 ? mirai_list_of(mirai_int(1), mirai_int(2), MIRAI_END) : mirai_string("shared");
}

static mirai_status resolve(void *context, uint64_t id, mirai_value **out, uint32_t *height)
{
    (void)context;
    *out = stands_for(id);
    *height = id == 7 ? 1 : 0;
    return *out ? MIRAI_OK : MIRAI_E_NOMEM;
}

const mirai__resolver golden_resolver = {.resolve = resolve, .context = NULL};

static mirai_value *shared(void)
{
    mirai_value *list = shared_value(7);
    return mirai_list_of(list, shared_value(0x123456789a),
                         mirai_dict_of("again", mirai_value_ref(list), MIRAI_END), MIRAI_END);
}

static mirai_value *shared_read(void)
{
    return mirai_list_of(stands_for(7), stands_for(8),
                         mirai_dict_of("again", stands_for(7), MIRAI_END), MIRAI_END);
}

const golden_value golden_values[] = {
    {"simple", "3.1", simple, simple},
    {"ints", "3.2", ints, ints},
    {"floats", "3.3", floats, floats},
    {"strings", "3.4", strings, strings},
    {"containers", "3.5", containers, containers},
    {"typed", "4.1", typed, typed},
    {"grids", "4.1", grids, grids},
    {"own_arrays", "4.2", own_arrays, own_arrays},
    {"buffers", "4.3", buffers, buffers},
    {"errors", "5", errors, errors},
    {"boxes", "6", boxes, boxes},
    {"crates", "6", crates, crates},
    {"segments", "7", segments, segments_read},
    {"shared", "9", shared, shared_read},
};
const size_t golden_value_count = sizeof golden_values / sizeof *golden_values;
