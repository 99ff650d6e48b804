/*
 * One function for many elements. mirai_map_start() cuts them into tasks by itself; the results come back in
 * order, one by one, all at once, or joined to one array.
 */
#include <miraicore.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { COUNT = 100000 };

/* In a daemon, once for each element. One that fails harms no other. */
static mirai_value *root(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job;
    (void)context;
    double x = mirai_value_float_or(args, 0);
    if (x < 0) return mirai_error("math_error", MIRAI_E_USER, "%g has no square root", x);
    return mirai_float(sqrt(x));
}

static mirai_status setup(void)
{
    return mirai_function_register("root", root, NULL);
}

/* The elements need not exist before they are asked for. */
static mirai_value *countdown(size_t index, void *user)
{
    const int *from = user;
    return (int)index < 2 * *from ? mirai_float(*from - (double)index) : NULL;
}

static mirai_status map_array(mirai_pool *pool)
{
    const int64_t count = COUNT;
    double *numbers = calloc(COUNT, sizeof *numbers);
    for (int i = 0; numbers != NULL && i < COUNT; i++) numbers[i] = (double)i * i;
    mirai_value *array = mirai_array(MIRAI_DTYPE_FLOAT64, 1, &count, numbers), *roots;
    free(numbers);

    mirai_map *map;
    mirai_map_options options = MIRAI_MAP_OPTIONS_INIT;
    options.over = MIRAI_MAP_ROWS;
    options.flatten = 1;
    options.progress = 1;
    MIRAI_TRY(mirai_map_start(pool, &map, "root", array, &options));
    mirai_status status = mirai_map_collect(map, MIRAI_FOREVER, &roots);
    mirai_map_release(map);
    MIRAI_TRY(status);
    (void)mirai_value_print(roots, stdout);
    mirai_value_release(roots);
    return MIRAI_OK;
}

static mirai_status map_generator(mirai_pool *pool)
{
    int from = 3;
    size_t index;
    mirai_map *map;
    mirai_value *one;
    mirai_map_options options = MIRAI_MAP_OPTIONS_INIT;
    options.over = MIRAI_MAP_GENERATOR;
    options.source = countdown;
    options.user = &from;
    MIRAI_TRY(mirai_map_start(pool, &map, "root", NULL, &options));
    while (mirai_map_next(map, &index, &one, MIRAI_FOREVER) == MIRAI_OK) {
        if (mirai_value_is_error(one))
            printf("element %zu: %s\n", index, mirai_value_error_message(one));
        else
            printf("element %zu: %.4f\n", index, mirai_value_float_or(one, 0));
        mirai_value_release(one);
    }
    mirai_map_release(map);
    return MIRAI_OK;
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, setup));
    mirai_pool *pool;
    MIRAI_EXIT_IF(mirai_pool_open(&pool, "map", 2, NULL));
    MIRAI_EXIT_IF(map_array(pool));
    MIRAI_EXIT_IF(map_generator(pool));
    MIRAI_EXIT_IF(mirai_pool_close(pool, MIRAI_DRAIN, 5000));
    return 0;
}
