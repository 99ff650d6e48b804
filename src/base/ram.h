/*
 * ram: how much memory this process may count on: that of the machine, or what its control group allows.
 * Looked up once; any thread.
 */
#ifndef MIRAI__RAM_H
#define MIRAI__RAM_H

#include <stdint.h>

uint64_t mirai__ram_bytes(void);

#endif
