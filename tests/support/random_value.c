/* random_value: see random_value.h. */
#include "random_value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "things.h"

/* What is kept to be used again in the same tree: shared values, buffers and objects. */
typedef struct chance {
    uint64_t *seed;
    int with_things;
    int left; /* values that the tree may still have */
    size_t count;
    mirai_value *seen[8];
} chance;

/* splitmix64 */
static uint64_t next(chance *c)
{
    uint64_t x = *c->seed += 0x9e3779b97f4a7c15;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

static uint64_t below(chance *c, uint64_t end)
{
    return next(c) % end;
}

/* Small numbers, limits of widths, and anything. */
static int64_t random_int(chance *c)
{
    uint64_t bits = next(c);
    int width = (int)below(c, 64);
    int64_t number = (int64_t)(bits >> width);
    return below(c, 2) ? number : -number - 1;
}

static double random_float(chance *c)
{
    static const double corners[] = {0.0,     -0.0, 1.0,    0.5,  65504.0,
                                     65520.0, 1e-7, 6.1e-5, 1e38, 1e-45};
    uint64_t bits = next(c);
    double number;
    switch (below(c, 4)) {
    case 0: return corners[bits % (sizeof corners / sizeof *corners)];
    case 1: return (double)(float)(int32_t)bits / 1024;
    case 2: return (double)(bits % 4096) / 16;
    default: memcpy(&number, &bits, sizeof number); return number;
    }
}

static size_t random_text(chance *c, char *out, size_t room)
{
    static const char *const pieces[] = {
        "a", "Z", " ", "\n", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x99\x82"};
    size_t size = 0;
    for (uint64_t n = below(c, 12); n > 0; n--) {
        const char *piece = pieces[below(c, sizeof pieces / sizeof *pieces)];
        size_t more = strlen(piece);
        if (size + more + 1 > room) break;
        memcpy(out + size, piece, more);
        size += more;
    }
    out[size] = '\0';
    return size;
}

static mirai_value *random_string(chance *c)
{
    char text[64];
    size_t size = random_text(c, text, sizeof text);
    return mirai_string_n(text, size);
}

static mirai_buffer *random_buffer(chance *c, size_t size)
{
    uint8_t *data = malloc(size ? size : 1);
    if (!data) abort();
    for (size_t i = 0; i < size; i++) data[i] = (uint8_t)next(c);
    mirai_buffer *buffer = mirai_buffer_copy(data, size);
    free(data);
    return buffer;
}

static mirai_value *random_bytes(chance *c)
{
    return mirai_bytes_buffer(random_buffer(c, below(c, 10) ? below(c, 40) : below(c, 2000)));
}

/* Row-major, or turned round, or every other element, with something before it. */
static mirai_value *random_array(chance *c)
{
    mirai_dtype dtype = (mirai_dtype)(1 + below(c, 16));
    int32_t rank = (int32_t)below(c, 4);
    int64_t shape[3], strides[3], count = 1;
    int is_strided = below(c, 3) == 0;
    for (int32_t i = rank - 1; i >= 0; i--) {
        shape[i] = (int64_t)below(c, 6);
        strides[i] = count * (is_strided ? 2 : 1);
        count *= shape[i] * (is_strided ? 2 : 1);
    }
    size_t offset = below(c, 2) * 16;
    size_t size = offset + (size_t)(count + 1) * mirai_dtype_size(dtype);
    return mirai_array_buffer(dtype, rank, shape, is_strided ? strides : NULL, offset,
                              random_buffer(c, size));
}

static mirai_value *tree(chance *c, int depth);

static mirai_value *random_list(chance *c, int depth)
{
    mirai_value *items[8];
    size_t count = below(c, 8);
    for (size_t i = 0; i < count; i++) items[i] = tree(c, depth + 1);
    return mirai_list(items, count);
}

static mirai_value *random_dict(chance *c, int depth)
{
    mirai_value *items[12];
    const char *keys[12];
    char text[12][40];
    size_t count = below(c, 12);
    for (size_t i = 0; i < count; i++) {
        int size = snprintf(text[i], 8, "%zu", i); /* so that no key occurs twice */
        (void)random_text(c, text[i] + size, sizeof text[i] - (size_t)size);
        keys[i] = text[i];
        items[i] = tree(c, depth + 1);
    }
    return mirai_dict(keys, items, count);
}

static mirai_value *random_error(chance *c, int depth)
{
    if (below(c, 2)) return mirai_error("some_error", (int32_t)next(c), "it is %d", (int)next(c));
    mirai_value *classes = mirai_list_of(random_string(c), mirai_string("error"), MIRAI_END);
    return mirai_error_of(mirai_dict_of("message", random_string(c), "class", classes, "more",
                                        tree(c, depth + 1), "code", mirai_int((int32_t)next(c)),
                                        MIRAI_END));
}

static mirai_value *random_thing(chance *c, int depth)
{
    return thing_new("box", tree(c, depth + 1));
}

static mirai_value *random_flat(chance *c)
{
    switch (below(c, 7)) {
    case 0: return mirai_null();
    case 1: return mirai_bool((int32_t)below(c, 2));
    case 2: return mirai_int(random_int(c));
    case 3: return mirai_float(random_float(c));
    case 4: return random_string(c);
    case 5: return random_bytes(c);
    default: return random_array(c);
    }
}

/* Crates are serialised all at once, so that one which holds another, be it in a box, would be a
 * circle: they hold flat values. */
static mirai_value *random_nested(chance *c, int depth)
{
    switch (below(c, c->with_things ? 6 : 4)) {
    case 0:
    case 1: return random_list(c, depth);
    case 2: return random_dict(c, depth);
    case 3: return random_error(c, depth);
    case 4: return random_thing(c, depth);
    default: return thing_new("crate", random_flat(c));
    }
}

static mirai_value *tree(chance *c, int depth)
{
    if (c->count > 0 && below(c, 8) == 0) return mirai_value_ref(c->seen[below(c, c->count)]);
    int is_nested = --c->left > 0 && depth < 12 && below(c, 3) == 0;
    mirai_value *made = is_nested ? random_nested(c, depth) : random_flat(c);
    if (made && c->count < sizeof c->seen / sizeof *c->seen && below(c, 4) == 0) {
        c->seen[c->count++] = mirai_value_ref(made);
    }
    return made;
}

mirai_value *random_value(uint64_t *seed, int with_things)
{
    chance c = {.seed = seed, .with_things = with_things, .left = 60};
    mirai_value *made = below(&c, 4) ? random_list(&c, 0) : tree(&c, 0);
    for (size_t i = 0; i < c.count; i++) mirai_value_release(c.seen[i]);
    return made;
}
