/*
 * passing: descriptors that travel over a socket of this machine, each lot with one byte. Whoever sends and whoever
 * receives has the socket to itself; no lock.
 */
#ifndef MIRAI__PASSING_H
#define MIRAI__PASSING_H

#include <stddef.h>
#include <sys/types.h>

#include "channel.h"

enum { MIRAI__PASSED_MOST = 256 };

/* Descriptors that came and that nobody has taken, in a circle. All zeros: none. */
typedef struct mirai__passed {
    int count, first;
    int fds[MIRAI__PASSED_MOST]; /* owned */
} mirai__passed;

void mirai__passed_fini(mirai__passed *passed); /* closes them */
/* 0; -EAGAIN; other -errno. Up to MIRAI__PASS_MOST of them; borrowed. */
int mirai__pass(int socket, char byte, const int *fds, int count);
/* Receive up to `size` bytes without blocking, and what descriptors are with them. What recv() gives, or -errno
 * (-EAGAIN: there is nothing). Descriptors for which there is no room are closed. */
ssize_t mirai__passed_receive(mirai__passed *passed, int socket, void *bytes, size_t size);
int mirai__passed_take(mirai__passed *passed); /* the first; -1: there is none */

#endif
