/*
 * capture: running a process to its end, feeding its standard input and keeping what it writes.
 */
#ifndef MIRAI__CAPTURE_H
#define MIRAI__CAPTURE_H

#include "bytes.h"
#include "child.h"

enum { MIRAI__CAPTURE_ENDED = 1, MIRAI__CAPTURE_TIMED_OUT = 2, MIRAI__CAPTURE_WOKEN = 3 };

typedef struct mirai__capture {
    /* given */
    mirai__child child; /* its files and its group are filled in here */
    const uint8_t *input;
    size_t input_size; /* 0: standard input is empty */
    size_t limit;      /* bytes kept of each output; what follows is read and dropped */
    int64_t deadline;  /* clock.h */
    int wake_fd;       /* readable: stop; -1: none */
    /* found */
    mirai__bytes output[2]; /* standard output and error; owned by the caller */
    bool truncated;
    mirai__death death;
} mirai__capture;

/* Returns when the process has ended and its outputs are at their end, or when it had to be
 * stopped. Either way what is left of its group is killed; nothing waits for what has left the
 * group. When this process ends first, however it does, the group is killed too (guard.h). *how is
 * one of MIRAI__CAPTURE_*. */
mirai_status mirai__capture_run(mirai__capture *capture, int *how);

#endif
