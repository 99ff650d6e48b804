/*
 * message_trip: values through the encoder and decoder, without a process in between; and what tests of the
 * wrapper ask again and again. Assertions run on the calling thread, which must be the test's.
 */
#ifndef MESSAGE_TRIP_H
#define MESSAGE_TRIP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <miraicore/refhook.h>
#include <miraicore/torch.h>

#define assert_ok(expression)                                                                      \
    do {                                                                                           \
        mirai_status trip_status_ = (expression);                                                  \
        if (trip_status_ != MIRAI_OK)                                                              \
            fail_msg("%s: %s: %s", #expression, mirai_status_name(trip_status_),                   \
                     mirai_error_detail());                                                        \
    } while (0)

/* Asserts the status, and that the detail holds the words. */
#define assert_fails(expression, status, words)                                                    \
    do {                                                                                           \
        assert_int_equal(expression, status);                                                      \
        trip_assert_says(words);                                                                   \
    } while (0)

/* Asserts that a builder fails with these words in the detail. */
#define assert_no_value(expression, words)                                                         \
    do {                                                                                           \
        assert_null(expression);                                                                   \
        trip_assert_says(words);                                                                   \
    } while (0)

void trip_assert_says(const char *words);

/* A group setup: registers the hooks. */
int trip_setup(void **state);

/* Takes value; asserts that it comes through, and returns what came. */
mirai_value *trip(mirai_value *value);
/* Borrows value; the status of the whole way, *came is NULL on failure. */
mirai_status trip_through(const mirai_value *value, mirai_value **came);
/* Takes value; returns the status of sending it. */
mirai_status trip_send(mirai_value *value);

/* The hooks registered for a class. */
const mirai_refhook *trip_hook(const char *class_name);

/* What a TorchScript expression of one argument `x` gives. Borrows x (NULL: the expression has none). */
mirai_value *evaluate(const char *expression, const mirai_value *x);
double number_of(const char *expression, const mirai_value *x);

void assert_same_tensor(const mirai_value *a, const mirai_value *b); /* equal, and dtype, strides, requires_grad */

#endif
