/*
 * script_hostile: texts from a peer that would end the process, stop it for long, or mean something else than
 * they say. Each case must end in an error of ours, soon.
 */
#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "message_trip.h"

#define FORWARD "def forward(self, x):\n    return x\n"

/* head, n times piece, tail; freed by test_free(). */
static char *repeated(const char *head, const char *piece, size_t n, const char *tail)
{
    size_t step = strlen(piece), at = strlen(head);
    char *text = test_malloc(at + n * step + strlen(tail) + 1);
    memcpy(text, head, at);
    for (size_t i = 0; i < n; i++, at += step) memcpy(text + at, piece, step);
    memcpy(text + at, tail, strlen(tail) + 1);
    return text;
}

/* Takes arg. */
static mirai_status run_one(const char *source, mirai_value *arg)
{
    mirai_value *out = NULL;
    mirai_status status = mirai_torch_script(source, NULL, mirai_list_of(arg, MIRAI_END), &out);
    assert_int_equal(status == MIRAI_OK, out != NULL);
    mirai_value_release(out);
    return status;
}

static void test_script_hostile__no_way_of_writing_hides_depth(void **state)
{
    (void)state;
    static const struct {
        const char *head, *piece;
        size_t n;
        const char *tail;
    } texts[] = {
        {"def f(x: int):\n    return ", "[\")\",", 100, "x\n"},
        {"def f(x: int):\n    return ", "['''\n]''',", 100, "x\n"},
        {"def f(x: int):\n    return ", "[ # ]\n", 100, "x\n"},
        {"def f(x: int):\n    return ", "not\t", 200000, "x\n"},
        {"def f(x: bool):\n    return x", " and\tx", 100000, "\n"},
        {"def f(x: int):\n    return x", " in x", 100000, "\n"},
        {"def f(x: int):\n    return x", " is x", 100000, "\n"},
        {"def f(x: Tensor):\n    return x", "[0]", 20000, "\n"},
        {"def f(x: Tensor):\n    return x[", ":,", 20000, ":]\n"},
        {"def f(x: int):\n", "    x = x+1\n", 20000, "    return x\n"},
        {"def f(x: int):\n", "\n", 200000, "    return x\n"},
        {"def f(x: int):\n", "# )\n", 200000, "    return x\n"},
        {"def f(x: int):\n", "    if x == 3:\n        return 1\n", 400, "    return 2\n"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char *text = repeated(texts[i].head, texts[i].piece, texts[i].n, texts[i].tail);
        mirai_status status = run_one(text, mirai_int(1));
        if (status != MIRAI_E_LIMIT) fail_msg("text %zu: %s", i, mirai_status_name(status));
        test_free(text);
    }
    char *text = repeated("def forward(self, x):\n    return x", "[0]", 200000, "\n");
    assert_no_value(mirai_torch_module_define("", text), "too deeply");
    test_free(text);
}

static void test_script_hostile__strings_and_comments_are_free(void **state)
{
    (void)state;
    char *text = repeated("def f(x: int):\n    # ", "((not [", 2000, "\n    y = '(((((((((['\n    return x\n");
    assert_ok(run_one(text, mirai_int(1)));
    test_free(text);
}

static void test_script_hostile__results_that_cannot_be(void **state)
{
    (void)state;
    assert_fails(run_one("def f(x: int):\n    return chr(x)\n", mirai_int(200)), MIRAI_E_INVALID, "UTF-8");
    assert_fails(run_one("def f(x: int):\n    return [chr(x)]\n", mirai_int(200)), MIRAI_E_INVALID, "UTF-8");
    assert_ok(run_one("def f(x: int):\n    return [x] * 200000\n", mirai_int(1))); /* not in the square of it */
}

static void test_script_hostile__functions_that_are_refused(void **state)
{
    (void)state;
    static const char *const calls[] = {"torch.save(x, 'here')", "torch.from_file('here', True, 4)",
                                        "torch._unsafe_view(x, [1])"};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        char text[128];
        (void)snprintf(text, sizeof text, "def f(x):\n    %s\n    return 1\n", calls[i]);
        assert_fails(run_one(text, mirai_torch_tensor_of(mirai_int(1))), MIRAI_E_INVALID, "not allowed");
    }
}

static void test_script_hostile__numbers_whatever_the_locale(void **state)
{
    (void)state;
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8"};
    bool is_set = false;
    for (size_t i = 0; i < sizeof names / sizeof *names && !is_set; i++)
        is_set = setlocale(LC_NUMERIC, names[i]) != NULL;
    mirai_value *net = mirai_torch_module_new(mirai_torch_module_define("a = Dropout(p)\nb = BatchNorm1d(3)\n"
                                                                        "c = Dropout(0.5)\n",
                                                                        FORWARD),
                                              mirai_dict_of("p", mirai_float(0.25), MIRAI_END));
    const char *layers = mirai_value_string(mirai_value_at(net, "definition.layers"));
    (void)setlocale(LC_NUMERIC, "C");
    assert_non_null(layers);
    assert_non_null(strstr(layers, "a = Dropout(0.25)"));
    assert_non_null(strstr(layers, "c = Dropout(0.5)"));
    mirai_value_release(net);
    if (!is_set) skip(); /* no such locale here: nothing was shown */
}

static void test_script_hostile__threads_have_a_bound(void **state)
{
    (void)state;
    assert_fails(mirai_torch_set_threads(INT32_MAX), MIRAI_E_RANGE, "threads is 2147483647");
    assert_fails(mirai_torch_set_threads(INT32_MIN), MIRAI_E_RANGE, "threads is -2147483648");
    assert_ok(mirai_torch_set_threads(2));
    assert_ok(mirai_torch_set_threads(1));
}

/* The most layers that there may be: a wrong turn takes long here. */
static void test_script_hostile__many_layers(void **state)
{
    (void)state;
    char *text = test_malloc((size_t)4095 * 40 + 1), *at = text;
    for (int i = 0; i < 4095; i++) at += sprintf(at, "l%d = BatchNorm1d(1)\n", i);
    mirai_value *definition = mirai_torch_module_define(text, FORWARD);
    test_free(text);
    assert_non_null(definition);
    mirai_value_release(definition);
    assert_no_value(mirai_torch_module_define("\n# two\n\na = Linear(1, 2)\n\nb = None(3)\n", FORWARD), "line 6");
}

static void test_script_hostile__assignments_to_attributes(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "    self.a.weight = x\n    return x\n",
        "    m = self.a\n    m.weight = x\n    return x\n",
        "    if x.numel() > 3:\n        self.a.weight = x\n    return x\n",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        char text[256];
        (void)snprintf(text, sizeof text, "def forward(self, x):\n%s", bodies[i]);
        assert_no_value(mirai_torch_module_new(mirai_torch_module_define("a = Linear(2, 2)", text), mirai_null()),
                        "assigns to an attribute \"weight\"");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_script_hostile__no_way_of_writing_hides_depth),
        cmocka_unit_test(test_script_hostile__strings_and_comments_are_free),
        cmocka_unit_test(test_script_hostile__results_that_cannot_be),
        cmocka_unit_test(test_script_hostile__functions_that_are_refused),
        cmocka_unit_test(test_script_hostile__numbers_whatever_the_locale),
        cmocka_unit_test(test_script_hostile__threads_have_a_bound),
        cmocka_unit_test(test_script_hostile__many_layers),
        cmocka_unit_test(test_script_hostile__assignments_to_attributes),
    };
    return cmocka_run_group_tests(tests, trip_setup, NULL);
}
