/*
 * story_map: what the stories of maps share: elements, options at random, and starting and collecting with a generous
 * deadline. Assertions run on the calling thread, which must be the test's.
 */
#ifndef STORY_MAP_H
#define STORY_MAP_H

#include "story.h"

mirai_value *story_range(int64_t count);              /* a list of 0, 1, ..., count - 1 */
mirai_value *story_count_to(size_t index, void *user); /* a source of as many as the size_t at user says */
mirai_map *story_map(mirai_pool *pool, const char *function, mirai_value *elements, const mirai_map_options *options);
mirai_value *story_collect(mirai_map *map);           /* and releases the map */
size_t story_any(size_t below);                       /* the same sequence in each run */
mirai_map_options story_map_options(void);            /* chunk, window and order at random */

#endif
