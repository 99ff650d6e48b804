/*
 * fault: lets a test make the n-th fallible operation fail, once or from then on, to walk every error path.
 * Counters are atomic and process-wide. Costs one relaxed load when disarmed.
 */
#ifndef MIRAI__FAULT_H
#define MIRAI__FAULT_H

#include <stdbool.h>
#include <stdint.h>

/* Arm: operation number n from now (1 is the next) fails; with `sticky` all after it as well. 0 disarms. */
void mirai__fault_arm(int64_t n, bool sticky);
/* How many operations have been asked about since the last arming. */
int64_t mirai__fault_count(void);
/* Asked at each fault point: true means "fail now". */
bool mirai__fault(void);

#endif
