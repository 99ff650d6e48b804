/*
 * holdings: what a process holds that a send could leave behind, here and in a daemon. Assertions run on the test's thread.
 */
#ifndef HOLDINGS_H
#define HOLDINGS_H

#include "story.h"

typedef struct holdings {
    int64_t descriptors, mappings, threads, rss_kib;
} holdings;

/* In the setup of the program, on both sides. Large blocks come from the system and go back to it from then on: what the C
 * library would keep is not looked at. */
mirai_status holdings_setup(void);
/* Of this process, without what the C library keeps for later. */
holdings holdings_here(void);
/* Of a daemon of the pool. */
holdings holdings_there(mirai_pool *pool);
/* Tell both, and assert that the later is not more, but for what a busy machine makes of it: mappings come and go with the
 * arenas and caches of the C library; and where more sends overlap than before, another slab or two are kept warm from
 * then on: a descriptor, a mapping, and as many pages as the largest send has. What is lost in each hundredth send is
 * more. Memory and mappings are not looked at under sanitizers and valgrind. */
void holdings_compare(const char *who, const holdings *before, const holdings *after, size_t largest);
/* Until this process has no more descriptors than that allows. */
bool holdings_until(const holdings *before);

#endif
