/*
 * holdings: see holdings.h. On the test's thread, and in daemons.
 */
#include "holdings.h"

#include <malloc.h>
#include <stdio.h>

enum { SLACK_DESCRIPTORS = 2, SLACK_MAPPINGS = 12, SLACK_KIB = 8192 };

static int64_t count_mappings(void)
{
    int64_t lines = 0;
    FILE *file = fopen("/proc/self/maps", "re");
    for (int byte = 0; file != NULL && (byte = fgetc(file)) != EOF;) lines += byte == '\n';
    if (file != NULL) (void)fclose(file);
    return lines;
}

holdings holdings_here(void)
{
    (void)malloc_trim(0);
    return (holdings){(int64_t)story_descriptors(), count_mappings(), (int64_t)story_threads(), story_rss_kib()};
}

static mirai_value *tell(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)args, (void)context;
    holdings now = holdings_here();
    return mirai_list_of(mirai_int(now.descriptors), mirai_int(now.mappings), mirai_int(now.threads),
                         mirai_int(now.rss_kib), MIRAI_END);
}

mirai_status holdings_setup(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, 65536);
    return mirai_function_register("holdings", tell, NULL);
}

holdings holdings_there(mirai_pool *pool)
{
    mirai_task *task = story_submit(pool, "holdings", mirai_null());
    const mirai_value *list = story_expect(task, MIRAI_OUTCOME_VALUE);
    int64_t numbers[4];
    for (size_t i = 0; i < 4; i++) numbers[i] = mirai_value_int_or(mirai_value_item(list, i), -1);
    mirai_task_release(task);
    return (holdings){numbers[0], numbers[1], numbers[2], numbers[3]};
}

bool holdings_until(const holdings *before)
{
    return story_until_descriptors((size_t)before->descriptors + SLACK_DESCRIPTORS) &&
           story_until_threads((size_t)before->threads);
}

void holdings_compare(const char *who, const holdings *before, const holdings *after, size_t largest)
{
    (void)printf("%s: %lld -> %lld descriptors, %lld -> %lld mappings, %lld -> %lld threads, %lld -> %lld KiB\n", who,
                 (long long)before->descriptors, (long long)after->descriptors, (long long)before->mappings,
                 (long long)after->mappings, (long long)before->threads, (long long)after->threads,
                 (long long)before->rss_kib, (long long)after->rss_kib);
    assert_true(after->descriptors - before->descriptors <= SLACK_DESCRIPTORS);
    assert_true(after->threads <= before->threads);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    if (story_in_valgrind()) return;
    assert_true(after->mappings - before->mappings <= SLACK_MAPPINGS);
    assert_true(after->rss_kib - before->rss_kib < SLACK_KIB + (int64_t)(SLACK_DESCRIPTORS * largest / 1024));
#else
    (void)largest;
#endif
}
