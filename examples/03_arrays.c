/*
 * Arrays: numbers in rows and columns, there and back without being turned into text or lists.
 */
#include <miraicore.h>

enum { ROWS = 1000, COLUMNS = 4 };

/* The mean of each column of a float64 matrix. */
static mirai_value *column_means(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job;
    (void)context;
    if (mirai_value_dtype(args) != MIRAI_DTYPE_FLOAT64 || mirai_value_rank(args) != 2)
        return mirai_error("bad_argument", MIRAI_E_USER, "column_means needs a float64 matrix");

    /* An array may be a view of other memory, with gaps or turned round; strides (counted in
       elements) say where its elements lie. Who does not care asks for mirai_value_copy_elements().
     */
    const int64_t *shape = mirai_value_shape(args);
    const int64_t *strides = mirai_value_strides(args);
    const double *first = mirai_value_data(args);
    double means[COLUMNS] = {0};
    if (shape[0] < 1 || shape[1] > COLUMNS)
        return mirai_error("bad_argument", MIRAI_E_USER, "a matrix of that shape is not for me");
    for (int64_t column = 0; column < shape[1]; column++) {
        for (int64_t row = 0; row < shape[0]; row++)
            means[column] += first[row * strides[0] + column * strides[1]];
        means[column] /= (double)shape[0];
    }
    return mirai_array(MIRAI_DTYPE_FLOAT64, 1, &shape[1], means);
}

static mirai_status setup(void)
{
    return mirai_function_register("column_means", column_means, NULL);
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, setup));
    mirai_pool *pool;
    MIRAI_EXIT_IF(mirai_pool_open(&pool, "arrays", 1, NULL));

    /* A buffer is open for writing until it becomes part of a value; from then on it is frozen.
       Memory of your own goes in without a copy by mirai_buffer_adopt(). */
    mirai_buffer *buffer = mirai_buffer_new(pool, sizeof(double) * ROWS * COLUMNS);
    void *bytes;
    MIRAI_EXIT_IF(mirai_buffer_writable(&buffer, &bytes));
    double *numbers = bytes;
    for (int i = 0; i < ROWS * COLUMNS; i++) numbers[i] = i;

    /* Two arrays over the one buffer: the matrix, and its last hundred rows from bottom to top. In
       one message a buffer travels once, however many arrays show it. */
    const int64_t shape[2] = {ROWS, COLUMNS}, tail_shape[2] = {100, COLUMNS};
    const int64_t upwards[2] = {-COLUMNS, 1};
    const size_t last_row = sizeof(double) * (ROWS - 1) * COLUMNS;
    mirai_value *tail = mirai_array_buffer(MIRAI_DTYPE_FLOAT64, 2, tail_shape, upwards, last_row,
                                           mirai_buffer_ref(buffer));
    mirai_value *matrix = mirai_array_buffer(MIRAI_DTYPE_FLOAT64, 2, shape, NULL, 0, buffer);
    (void)mirai_value_print(matrix, stdout);

    mirai_task *tasks[2];
    MIRAI_EXIT_IF(mirai_pool_submit(pool, &tasks[0], "column_means", matrix, NULL));
    MIRAI_EXIT_IF(mirai_pool_submit(pool, &tasks[1], "column_means", tail, NULL));
    for (int i = 0; i < 2; i++) {
        const mirai_value *means;
        MIRAI_EXIT_IF(mirai_task_wait(tasks[i], MIRAI_FOREVER));
        MIRAI_EXIT_IF(mirai_task_result(tasks[i], &means));
        printf("means of %s: ", i == 0 ? "all rows" : "the last hundred");
        (void)mirai_value_print(means, stdout);
        mirai_task_release(tasks[i]);
    }
    MIRAI_EXIT_IF(mirai_pool_close(pool, MIRAI_DRAIN, 5000));
    return 0;
}
