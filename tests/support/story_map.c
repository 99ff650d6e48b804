/*
 * story_map: helpers for the stories of maps (story_map.h). On the test's thread.
 */
#include "story_map.h"

#include <stdlib.h>

mirai_value *story_range(int64_t count)
{
    mirai_value **items = calloc((size_t)count + 1, sizeof *items);
    for (int64_t i = 0; i < count; i++) items[i] = mirai_int(i);
    mirai_value *list = mirai_list(items, (size_t)count);
    free(items);
    return list;
}

mirai_value *story_count_to(size_t index, void *user)
{
    return index < *(size_t *)user ? mirai_int((int64_t)index) : NULL;
}

mirai_map *story_map(mirai_pool *pool, const char *function, mirai_value *elements, const mirai_map_options *options)
{
    mirai_map *map = NULL;
    story_assert_ok(mirai_map_start(pool, &map, function, elements, options));
    assert_non_null(map);
    return map;
}

mirai_value *story_collect(mirai_map *map)
{
    mirai_value *all = NULL;
    story_assert_ok(mirai_map_collect(map, STORY_PATIENCE, &all));
    assert_non_null(all);
    mirai_map_release(map);
    return all;
}

static uint32_t seed = 12345;

size_t story_any(size_t below)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % below;
}

mirai_map_options story_map_options(void)
{
    mirai_map_options options = MIRAI_MAP_OPTIONS_INIT;
    options.chunk = story_any(3) == 0 ? 0 : 1 + story_any(40);
    options.window = story_any(3) == 0 ? 0 : 1 + story_any(6);
    options.unordered = (int32_t)story_any(2);
    return options;
}
