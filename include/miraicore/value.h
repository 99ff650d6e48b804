/**
 * @file value.h
 * A value is what goes into a task and what comes out: a tree of null, bool, int, float, string,
 * bytes, arrays, lists, dicts, references to foreign objects, and errors.
 *
 * Values are counted and immutable once built, so they may be shared freely between trees and threads.
 *
 * Builders *take* the values and buffers that they are given, also when they fail. A builder that is
 * given NULL for one of them releases the others and returns NULL, so that a whole tree may be written
 * as one expression and checked once; mirai_error_detail() tells what failed first. To keep a value
 * that you hand over, hand over mirai_value_ref(value).
 *
 * Accessors borrow. What they return lives as long as the value that was asked.
 *
 * A *shared* value stands for one that is kept elsewhere: what mirai_share() and mirai_task_argument() give.
 * It may occur anywhere in the arguments of a task of its pool, which finds the value itself in that
 * place. To whoever holds it, it is opaque: it cannot be read, it equals only itself, and it prints as
 * `<shared 12, 8.0 MB>` or `<task 7>`.
 *
 * Thread safety: every function here is safe on any thread.
 */
#ifndef MIRAICORE_VALUE_H
#define MIRAICORE_VALUE_H

#include <stdio.h>

#include <miraicore/buffer.h>

MIRAI_BEGIN_DECLS

typedef struct mirai_value mirai_value;

/** What a value is: X(NAME, number, text). */
#define MIRAI_TYPE_MAP(X)                                                                          \
    X(NULL, 1, "null")                                                                             \
    X(BOOL, 2, "bool")                                                                             \
    X(INT, 3, "int")                                                                               \
    X(FLOAT, 4, "float")                                                                           \
    X(STRING, 5, "string")                                                                         \
    X(BYTES, 6, "bytes")                                                                           \
    X(ARRAY, 7, "array")                                                                           \
    X(LIST, 8, "list")                                                                             \
    X(DICT, 9, "dict")                                                                             \
    X(REFERENCE, 10, "reference")                                                                  \
    X(ERROR, 11, "error")                                                                          \
    X(SHARED, 12, "shared")

enum {
#define MIRAI_TYPE_ENUM(name, number, text) MIRAI_TYPE_##name = number,
    MIRAI_TYPE_MAP(MIRAI_TYPE_ENUM)
#undef MIRAI_TYPE_ENUM
        MIRAI_TYPE_FORCE_INT32 = INT32_MAX
};

/** One of MIRAI_TYPE_*. */
typedef int32_t mirai_type;

/** The element types of arrays: X(NAME, number, size in bytes, text). Pinned; part of the wire format. */
#define MIRAI_DTYPE_MAP(X)                                                                         \
    X(BOOL, 1, 1, "bool")                                                                          \
    X(INT8, 2, 1, "int8")                                                                          \
    X(INT16, 3, 2, "int16")                                                                        \
    X(INT32, 4, 4, "int32")                                                                        \
    X(INT64, 5, 8, "int64")                                                                        \
    X(UINT8, 6, 1, "uint8")                                                                        \
    X(UINT16, 7, 2, "uint16")                                                                      \
    X(UINT32, 8, 4, "uint32")                                                                      \
    X(UINT64, 9, 8, "uint64")                                                                      \
    X(FLOAT16, 10, 2, "float16")                                                                   \
    X(FLOAT32, 11, 4, "float32")                                                                   \
    X(FLOAT64, 12, 8, "float64")                                                                   \
    X(BFLOAT16, 13, 2, "bfloat16")                                                                 \
    X(COMPLEX32, 14, 4, "complex32")                                                               \
    X(COMPLEX64, 15, 8, "complex64")                                                               \
    X(COMPLEX128, 16, 16, "complex128")

enum {
#define MIRAI_DTYPE_ENUM(name, number, size, text) MIRAI_DTYPE_##name = number,
    MIRAI_DTYPE_MAP(MIRAI_DTYPE_ENUM)
#undef MIRAI_DTYPE_ENUM
        MIRAI_DTYPE_FORCE_INT32 = INT32_MAX
};

/** One of MIRAI_DTYPE_*. COMPLEX32 is two float16, COMPLEX64 two float32, COMPLEX128 two float64. */
typedef int32_t mirai_dtype;

/** The most dimensions an array may have. */
#define MIRAI_RANK_MAX 32

/* ---- building -------------------------------------------------------------------------------- */

/**
 * The null value.
 * @return owned, release with mirai_value_release(); never NULL.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_value *mirai_null(void);

/**
 * A truth value.
 * @param flag  0 is false, all else true.
 * @return owned, release with mirai_value_release(); never NULL.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_value *mirai_bool(int32_t flag);

/**
 * A 64-bit signed integer.
 * @param number  any.
 * @return owned, release with mirai_value_release(); NULL when out of memory.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_value *mirai_int(int64_t number);

/**
 * A 64-bit floating point number (IEEE 754 binary64).
 * @param number  any, NaN and infinities included.
 * @return owned, release with mirai_value_release(); NULL when out of memory.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_value *mirai_float(double number);

/**
 * A string of UTF-8, copied.
 * @param text  borrowed; ends with a NUL byte.
 * @return owned, release with mirai_value_release(); NULL for NULL, bad UTF-8, or out of memory.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_value *mirai_string(const char *text);

/**
 * A string of UTF-8 with a length, copied; it may hold NUL bytes.
 * @param text        borrowed; may be NULL when size_bytes is 0.
 * @param size_bytes  0 or more.
 * @return owned, release with mirai_value_release(); NULL on bad arguments or out of memory.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_value *mirai_string_n(const char *text, size_t size_bytes);

/**
 * A string of bytes, copied.
 * @param data        borrowed; may be NULL when size_bytes is 0.
 * @param size_bytes  0 or more.
 * @return owned, release with mirai_value_release(); NULL on bad arguments or out of memory.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_value *mirai_bytes(const void *data, size_t size_bytes);

/**
 * A string of bytes that is a whole buffer, not copied; the buffer is frozen by this.
 * @param buffer  taken, also on failure.
 * @return owned, release with mirai_value_release(); NULL for NULL or out of memory.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_value *mirai_bytes_buffer(mirai_buffer *buffer);

/**
 * An n-dimensional array in row-major order, copied.
 * @param dtype  one of MIRAI_DTYPE_*.
 * @param rank   number of dimensions, 0 to MIRAI_RANK_MAX; rank 0 is one element.
 * @param shape  borrowed; `rank` sizes, each 0 or more. May be NULL when rank is 0.
 * @param data   borrowed; all elements. NULL: zeros.
 * @return owned, release with mirai_value_release(); NULL on bad arguments or out of memory.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_value *mirai_array(mirai_dtype dtype, int32_t rank,
                                                   const int64_t *shape, const void *data);

/**
 * An n-dimensional array over a buffer, not copied; the buffer is frozen by this. Every element must
 * lie inside the buffer.
 * @param dtype         one of MIRAI_DTYPE_*.
 * @param rank          0 to MIRAI_RANK_MAX.
 * @param shape         borrowed; `rank` sizes, each 0 or more. May be NULL when rank is 0.
 * @param strides       borrowed; `rank` strides *in elements*, negative allowed. NULL: row-major.
 * @param offset_bytes  where the element with all indices 0 lies in the buffer.
 * @param buffer        taken, also on failure.
 * @return owned, release with mirai_value_release(); NULL on bad arguments or out of memory.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_value *mirai_array_buffer(mirai_dtype dtype, int32_t rank,
                                                          const int64_t *shape,
                                                          const int64_t *strides,
                                                          size_t offset_bytes,
                                                          mirai_buffer *buffer);

/** Ends the arguments of mirai_list_of() and mirai_dict_of(): an address no value can have. */
#define MIRAI_END mirai_end()

/**
 * The address behind MIRAI_END.
 * @return a constant that is neither NULL nor a value.
 * @thread any   @since 0.1
 */
MIRAI_API mirai_value *mirai_end(void);

/**
 * A list of the given values, ended by MIRAI_END.
 * @param first  taken, as are all that follow, also on failure.
 * @return owned, release with mirai_value_release(); NULL if any item is NULL or out of memory.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_value *mirai_list_of(mirai_value *first, ...);

/**
 * A list of the values in an array: mirai_list_of() for bindings.
 * @param items  borrowed array of `count` values, each taken, also on failure. May be NULL when empty.
 * @param count  0 or more.
 * @return owned, release with mirai_value_release(); NULL if any item is NULL or out of memory.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_value *mirai_list(mirai_value *const *items, size_t count);

/**
 * A dict from `"key", value` pairs, ended by MIRAI_END in the place of a key. Order is kept.
 * @param first_key  borrowed UTF-8, as is every key; each key may occur once. (const void *, so that
 *                   MIRAI_END may stand for it.) Values are taken, also on failure.
 * @return owned, release with mirai_value_release(); NULL if any value is NULL, a key is NULL or occurs
 *         twice, or out of memory.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_value *mirai_dict_of(const void *first_key, ...);

/**
 * A dict from arrays of keys and values: mirai_dict_of() for bindings.
 * @param keys   borrowed array of `count` borrowed strings of UTF-8.
 * @param items  borrowed array of `count` values, each taken, also on failure.
 * @param count  0 or more; the arrays may be NULL when it is 0.
 * @return owned, release with mirai_value_release(); NULL as for mirai_dict_of().
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_value *mirai_dict(const char *const *keys,
                                                  mirai_value *const *items, size_t count);

/**
 * A reference to a foreign object. Its class name is the key under which refhooks are looked up when
 * the reference is sent, printed, compared or reached into (refhook.h).
 * @param class_name  borrowed; 1 to 255 bytes of UTF-8.
 * @param object      the object; taken, also on failure. May not be NULL.
 * @param release     called once with (object, context) when the last reference is gone. May be NULL.
 * @param context     handed to release.
 * @return owned, release with mirai_value_release(); NULL on bad arguments or out of memory.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_value *mirai_reference(const char *class_name, void *object,
                                                       mirai_release_fn release, void *context);

/**
 * An error, as a task's function returns it to make its task fail.
 * @param class_name  borrowed; the most specific class, such as "io_error". NULL: "error".
 * @param code        any number that says which error; MIRAI_E_USER if you have none.
 * @param format      borrowed; printf-like message.
 * @return owned, release with mirai_value_release(); NULL on bad arguments or out of memory.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_value *mirai_error(const char *class_name, int32_t code,
                                                   const char *format, ...) MIRAI_PRINTF(3, 4);

/**
 * An error built from a dict: for bindings, which add fields of their own (a traceback, say).
 * The fields "class" (list of strings, most specific first), "code" (int) and "message" (string) must
 * be there; all others are free, and kept.
 * @param fields  a dict; taken, also on failure.
 * @return owned, release with mirai_value_release(); NULL on bad fields or out of memory.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_value *mirai_error_of(mirai_value *fields);

/**
 * One more owner.
 * @param value  borrowed; NULL is allowed.
 * @return value itself, owned.
 * @thread any   @since 0.1
 */
MIRAI_API mirai_value *mirai_value_ref(const mirai_value *value);

/**
 * One owner less; the last one frees the value and what it holds.
 * @param value  taken; NULL is allowed.
 * @thread any; releases of foreign memory and objects run in this call   @since 0.1
 */
MIRAI_API void mirai_value_release(mirai_value *value);

/* ---- reading --------------------------------------------------------------------------------- */

/**
 * What a value is.
 * @param value  borrowed; NULL is allowed.
 * @return one of MIRAI_TYPE_*; 0 for NULL.
 * @thread any   @since 0.1
 */
MIRAI_API mirai_type mirai_value_type(const mirai_value *value);

/**
 * A type's name, such as "list".
 * @param type  any number.
 * @return borrowed, lives for ever; "unknown" for a number not in the table.
 * @thread any   @since 0.1
 */
MIRAI_API const char *mirai_type_text(mirai_type type);

/**
 * Read a truth value.
 * @param value     borrowed.
 * @param[out] out  0 or 1.
 * @return MIRAI_OK; MIRAI_E_INVALID for NULL; MIRAI_E_TYPE when it is no bool.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_value_to_bool(const mirai_value *value, int32_t *out);

/**
 * Read an integer: an int, a bool, or a float that is a whole number.
 * @param value     borrowed. An array of one element counts as that element.
 * @param[out] out  the number.
 * @return MIRAI_OK; MIRAI_E_INVALID for NULL; MIRAI_E_TYPE; MIRAI_E_RANGE when it has no exact int64.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_value_to_int(const mirai_value *value, int64_t *out);

/**
 * Read a number: a float, or an int, or a bool.
 * @param value     borrowed. An array of one element (no complex one) counts as that element.
 * @param[out] out  the number; a large int is rounded to the nearest.
 * @return MIRAI_OK; MIRAI_E_INVALID for NULL; MIRAI_E_TYPE.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_value_to_float(const mirai_value *value, double *out);

/**
 * mirai_value_to_int() for values that are known, or may be missing.
 * @param value     borrowed; NULL is allowed.
 * @param fallback  returned when there is no integer to read.
 * @return the integer or fallback.
 * @thread any   @since 0.1
 */
MIRAI_API int64_t mirai_value_int_or(const mirai_value *value, int64_t fallback);

/**
 * mirai_value_to_float() for values that are known, or may be missing.
 * @param value     borrowed; NULL is allowed.
 * @param fallback  returned when there is no number to read.
 * @return the number or fallback.
 * @thread any   @since 0.1
 */
MIRAI_API double mirai_value_float_or(const mirai_value *value, double fallback);

/**
 * The text of a string.
 * @param value  borrowed; NULL is allowed.
 * @return borrowed from value, ended by a NUL byte that its size does not count; NULL when it is none.
 * @thread any   @since 0.1
 */
MIRAI_API const char *mirai_value_string(const mirai_value *value);

/**
 * How much a value holds: bytes of a string or of bytes; items of a list or a dict; elements of an
 * array; 0 for all else and for NULL.
 * @param value  borrowed; NULL is allowed.
 * @return the count.
 * @thread any   @since 0.1
 */
MIRAI_API size_t mirai_value_count(const mirai_value *value);

/**
 * The bytes of a string of bytes, or the first element (all indices 0) of an array.
 * @param value  borrowed; NULL is allowed.
 * @return borrowed from value; NULL when it is neither, or empty.
 * @thread any   @since 0.1
 */
MIRAI_API const void *mirai_value_data(const mirai_value *value);

/**
 * The buffer behind bytes or an array.
 * @param value  borrowed; NULL is allowed.
 * @return borrowed from value; NULL when it is neither.
 * @thread any   @since 0.1
 */
MIRAI_API mirai_buffer *mirai_value_buffer(const mirai_value *value);

/**
 * Element type of an array.
 * @param value  borrowed; NULL is allowed.
 * @return one of MIRAI_DTYPE_*; 0 when it is no array.
 * @thread any   @since 0.1
 */
MIRAI_API mirai_dtype mirai_value_dtype(const mirai_value *value);

/**
 * Number of dimensions of an array.
 * @param value  borrowed; NULL is allowed.
 * @return 0 to MIRAI_RANK_MAX; -1 when it is no array.
 * @thread any   @since 0.1
 */
MIRAI_API int32_t mirai_value_rank(const mirai_value *value);

/**
 * Sizes of an array.
 * @param value  borrowed; NULL is allowed.
 * @return borrowed array of mirai_value_rank() sizes; NULL when it is no array.
 * @thread any   @since 0.1
 */
MIRAI_API const int64_t *mirai_value_shape(const mirai_value *value);

/**
 * Strides of an array, in elements.
 * @param value  borrowed; NULL is allowed.
 * @return borrowed array of mirai_value_rank() strides; NULL when it is no array.
 * @thread any   @since 0.1
 */
MIRAI_API const int64_t *mirai_value_strides(const mirai_value *value);

/**
 * Whether an array lies in memory in row-major order without gaps.
 * @param value  borrowed; NULL is allowed.
 * @return 1 if it does; 0 if not, or when it is no array.
 * @thread any   @since 0.1
 */
MIRAI_API int32_t mirai_value_is_contiguous(const mirai_value *value);

/**
 * A row-major, gap-free copy of an array's elements.
 * @param value       borrowed.
 * @param[out] out    filled with the elements.
 * @param size_bytes  room at out; must be elements times element size exactly.
 * @return MIRAI_OK; MIRAI_E_INVALID for NULL; MIRAI_E_TYPE; MIRAI_E_RANGE for a wrong size.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_value_copy_elements(const mirai_value *value,
                                                                 void *out, size_t size_bytes);

/**
 * Size in bytes of one element.
 * @param dtype  any number.
 * @return 1 to 16; 0 for a number not in the table.
 * @thread any   @since 0.1
 */
MIRAI_API size_t mirai_dtype_size(mirai_dtype dtype);

/**
 * A dtype's name, such as "float32".
 * @param dtype  any number.
 * @return borrowed, lives for ever; "unknown" for a number not in the table.
 * @thread any   @since 0.1
 */
MIRAI_API const char *mirai_dtype_text(mirai_dtype dtype);

/**
 * Item of a list, or value of a dict, by position.
 * @param value  borrowed; NULL is allowed.
 * @param index  from 0.
 * @return borrowed from value; NULL when there is none.
 * @thread any   @since 0.1
 */
MIRAI_API const mirai_value *mirai_value_item(const mirai_value *value, size_t index);

/**
 * Key of a dict by position.
 * @param value  borrowed; NULL is allowed.
 * @param index  from 0.
 * @return borrowed from value; NULL when there is none.
 * @thread any   @since 0.1
 */
MIRAI_API const char *mirai_value_key(const mirai_value *value, size_t index);

/**
 * Value of a dict by key; of an error by field name; of a reference by its class's `get` hook (what
 * that returns is kept with the reference, so that it can be borrowed here).
 * @param value  borrowed; NULL is allowed.
 * @param key    borrowed; NULL is allowed.
 * @return borrowed from value; NULL when there is none.
 * @thread any; the hook runs in this call   @since 0.1
 */
MIRAI_API const mirai_value *mirai_value_get(const mirai_value *value, const char *key);

/**
 * Value at a path: keys joined by dots, positions and quoted keys in brackets, as in
 * `parameters["conv1.weight"]`, `rows[2].name` and `["a key"][0]`. In quoted keys \" and \\ stand for
 * themselves. Positions count from 0, negative ones from the end. The empty path is the value itself.
 * @param value  borrowed; NULL is allowed.
 * @param path   borrowed.
 * @return borrowed from value; NULL when there is nothing there or the path is malformed, and the
 *         detail text says which step failed and what there is.
 * @thread any; hooks run in this call   @since 0.1
 */
MIRAI_API const mirai_value *mirai_value_at(const mirai_value *value, const char *path);

/**
 * Class name of a reference; most specific class of an error.
 * @param value  borrowed; NULL is allowed.
 * @return borrowed from value; NULL when it is neither.
 * @thread any   @since 0.1
 */
MIRAI_API const char *mirai_value_class(const mirai_value *value);

/**
 * The object behind a reference of a given class.
 * @param value       borrowed; NULL is allowed.
 * @param class_name  borrowed; must be the reference's own class. NULL: any class.
 * @return borrowed from value; NULL when it is no reference, or one of another class.
 * @thread any   @since 0.1
 */
MIRAI_API void *mirai_value_object(const mirai_value *value, const char *class_name);

/**
 * Whether a value is an error.
 * @param value  borrowed; NULL is allowed.
 * @return 1 if it is, 0 if not.
 * @thread any   @since 0.1
 */
MIRAI_API int32_t mirai_value_is_error(const mirai_value *value);

/**
 * Code of an error: a mirai_outcome where the task was ended (5, 7, 19, 20), and of a "dependency_error"
 * the outcome of the task that it needed; a MIRAI_E_* where the library made the error (the function is not
 * known, a hook failed, a message could not be read, the function returned NULL: MIRAI_E_USER); else what
 * the function gave.
 * @param value  borrowed; NULL is allowed.
 * @return the code; 0 when it is no error.
 * @thread any   @since 0.1
 */
MIRAI_API int32_t mirai_value_error_code(const mirai_value *value);

/**
 * Message of an error.
 * @param value  borrowed; NULL is allowed.
 * @return borrowed from value; NULL when it is no error.
 * @thread any   @since 0.1
 */
MIRAI_API const char *mirai_value_error_message(const mirai_value *value);

/**
 * Whether an error has a class anywhere in its chain.
 * @param value       borrowed; NULL is allowed.
 * @param class_name  borrowed; NULL is allowed.
 * @return 1 if it has, 0 if not or when it is no error.
 * @thread any   @since 0.1
 */
MIRAI_API int32_t mirai_value_error_inherits(const mirai_value *value, const char *class_name);

/* ---- comparing and printing ------------------------------------------------------------------ */

/**
 * Deep equality. Types must agree (the int 1 is not the float 1.0). Floats are equal as numbers, and
 * NaN equals NaN. Arrays are equal by dtype, shape and elements, whatever their strides. Dicts are
 * equal whatever their order. References are equal when they are one object, or their class's `equal`
 * hook says so.
 * @param a  borrowed; NULL is allowed.
 * @param b  borrowed; NULL is allowed and equals only NULL.
 * @return 1 if equal, 0 if not.
 * @thread any; hooks run in this call   @since 0.1
 */
MIRAI_API int32_t mirai_value_equal(const mirai_value *a, const mirai_value *b);

/**
 * Print a value for people, on several lines where it has structure, ended by a newline. Long lists,
 * strings and arrays are abridged.
 * @param value   borrowed; NULL prints the detail text of the call that failed to give one.
 * @param stream  borrowed.
 * @return MIRAI_OK; MIRAI_E_INVALID for a NULL stream; MIRAI_E_SYSTEM when writing failed;
 *         MIRAI_E_NOMEM.
 * @thread any; hooks run in this call   @since 0.1
 */
MIRAI_API mirai_status mirai_value_print(const mirai_value *value, FILE *stream);

/**
 * What mirai_value_print() prints, as a string.
 * @param value     borrowed; NULL is allowed, as in mirai_value_print().
 * @param[out] out  owned, release with mirai_text_free().
 * @return MIRAI_OK; MIRAI_E_INVALID; MIRAI_E_NOMEM.
 * @thread any; hooks run in this call   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_value_format(const mirai_value *value, char **out);

/**
 * Give back a text that the library returned as owned.
 * @param text  taken; NULL is allowed.
 * @thread any   @since 0.1
 */
MIRAI_API void mirai_text_free(char *text);

MIRAI_END_DECLS
#endif
