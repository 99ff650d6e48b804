/*
 * array_print: arrays as people read them: a header with dtype and shape, then the numbers in
 * brackets, aligned at the decimal point. Large arrays show a few items at both ends of each
 * dimension, with dots between them.
 *
 * The numbers that are shown are walked twice: first to measure the columns, then to write.
 * Fractions are rounded to six significant digits, unless the array has one element only.
 *
 * Runs on the thread that prints; no lock.
 */
#include <string.h>

#include "number_text.h"
#include "value_text.h"

#define COUNT_MAX 1000 /* elements shown in full */
#define LINES_FULL 40  /* and lines, about */
#define ROWS_MAX 60    /* rows of an abridged array */
#define DIGITS 6
#define DIGITS_ALL 17

typedef struct grid {
    const mirai__array_node *array;
    mirai_text *text;   /* NULL: only measure */
    int64_t edge;       /* items shown at either end of a dimension; 0: all */
    size_t left, right; /* widths of the widest number, before and from the point on */
    size_t rows;        /* that may still be shown */
    size_t column;      /* in the row at hand */
    int digits;
} grid;

/* ---- how much to show ------------------------------------------------------------------------ */

static size_t rows_shown(const mirai__array_node *array, int64_t edge)
{
    size_t rows = 1;
    for (int32_t i = 0; i < array->rank - 1 && rows <= ROWS_MAX; i++) {
        int64_t size = array->shape[i];
        rows *= (size_t)(size > 2 * edge ? 2 * edge + 1 : size);
    }
    return rows;
}

/* Items at either end of each dimension; 0: everything. */
static int64_t choose_edge(const mirai__array_node *array)
{
    if (array->rank == 0) return 0;
    size_t row = (size_t)array->shape[array->rank - 1];
    size_t lines = array->count / row * (1 + row * 8 / MIRAI__TEXT_WIDTH);
    if (array->count <= COUNT_MAX && lines <= LINES_FULL) return 0;
    int64_t edge = 3;
    while (edge > 1 && rows_shown(array, edge) > ROWS_MAX) edge--;
    return edge;
}

/* ---- measuring and writing ------------------------------------------------------------------- */

static void put(grid *grid, const char *data)
{
    if (grid->text) mirai__text_puts(grid->text, data);
}

static void pad(grid *grid, size_t spaces)
{
    if (grid->text) mirai__text_pad(grid->text, spaces);
}

static void show_number(grid *grid, const uint8_t *at)
{
    char number[2 * MIRAI__NUMBER_TEXT_MAX];
    mirai_dtype dtype = grid->array->dtype;
    size_t size = mirai__element_text(number, dtype, at, grid->digits);
    size_t left = size;
    if (mirai__dtype_part(dtype) == dtype) left = strcspn(number, ".e");
    size_t right = size - left;
    if (!grid->text) {
        if (left > grid->left) grid->left = left;
        if (right > grid->right) grid->right = right;
        return;
    }
    if (left < grid->left) pad(grid, grid->left - left);
    put(grid, number);
    if (right < grid->right) pad(grid, grid->right - right);
}

/* A new line below the brackets that are open; an empty line between blocks of more than one row.
 */
static void break_line(grid *grid, int32_t open, int32_t below)
{
    put(grid, below > 1 ? "\n\n" : "\n");
    pad(grid, (size_t)open);
}

static void show_row(grid *grid, const uint8_t *at)
{
    const mirai__array_node *array = grid->array;
    int32_t last = array->rank - 1;
    int64_t size = array->shape[last], item = (int64_t)mirai_dtype_size(array->dtype);
    size_t width = grid->left + grid->right + 2;
    grid->column = (size_t)array->rank;
    for (int64_t i = 0; i < size; i++) {
        if (i) put(grid, ",");
        if (i && grid->column + width > MIRAI__TEXT_WIDTH) {
            break_line(grid, array->rank, 1);
            grid->column = (size_t)array->rank;
        } else if (i) {
            put(grid, " ");
        }
        grid->column += width;
        if (grid->edge && i == grid->edge && size > 2 * grid->edge) {
            put(grid, "...");
            i = size - grid->edge - 1;
            continue;
        }
        show_number(grid, at + i * array->shape[array->rank + last] * item);
    }
    grid->rows--;
}

/* Recursion is as deep as the array has dimensions. */
static void show(grid *grid, int32_t dimension, const uint8_t *at)
{
    const mirai__array_node *array = grid->array;
    if (dimension == array->rank) {
        show_number(grid, at);
        return;
    }
    put(grid, "[");
    if (dimension == array->rank - 1) {
        show_row(grid, at);
        put(grid, "]");
        return;
    }
    int64_t size = array->shape[dimension], item = (int64_t)mirai_dtype_size(array->dtype);
    for (int64_t i = 0; i < size; i++) {
        if (i) put(grid, ",");
        if (i) break_line(grid, dimension + 1, array->rank - 1 - dimension);
        bool is_middle = grid->edge && i == grid->edge && size > 2 * grid->edge;
        if (is_middle || grid->rows == 0) put(grid, "...");
        if (grid->rows == 0) break;
        if (is_middle)
            i = size - grid->edge - 1;
        else
            show(grid, dimension + 1, at + i * array->shape[array->rank + dimension] * item);
    }
    put(grid, "]");
}

static void put_header(mirai_text *text, const mirai__array_node *array)
{
    mirai__text_printf(text, "array %s [", mirai_dtype_text(array->dtype));
    for (int32_t i = 0; i < array->rank; i++)
        mirai__text_printf(text, "%s%lld", i ? " x " : "", (long long)array->shape[i]);
    mirai__text_puts(text, "]");
}

/* One short row stands beside the header. */
static bool is_short(const grid *grid)
{
    const mirai__array_node *array = grid->array;
    if (array->rank == 0) return true;
    size_t shown = array->count;
    if (grid->edge && shown > 2 * (size_t)grid->edge) shown = 2 * (size_t)grid->edge + 1;
    return array->rank == 1 && shown * (grid->left + grid->right + 2) <= MIRAI__TEXT_WIDTH - 20;
}

void mirai__text_print_array(mirai_text *text, const mirai__array_node *array)
{
    put_header(text, array);
    if (array->count == 0) return;
    grid grid = {.array = array, .edge = choose_edge(array), .rows = ROWS_MAX + LINES_FULL};
    grid.digits = array->count == 1 ? DIGITS_ALL : DIGITS;
    show(&grid, 0, array->origin);
    grid.text = text;
    grid.rows = ROWS_MAX + LINES_FULL;
    if (is_short(&grid)) {
        grid.left = grid.right = 0;
        mirai__text_puts(text, ": ");
        show(&grid, 0, array->origin);
        return;
    }
    text->indent += 2;
    mirai__text_puts(text, "\n");
    show(&grid, 0, array->origin);
    text->indent -= 2;
}
