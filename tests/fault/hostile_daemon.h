/*
 * hostile_daemon: a process that a pool has started as its daemon, and that lies. It speaks raw bytes over what the
 * environment names, by its own hands: no call of the library. It runs on one thread until it is killed.
 */
#ifndef HOSTILE_DAEMON_H
#define HOSTILE_DAEMON_H

#include <stdint.h>

/* Behave as `mode` says; the exit status of the process. */
int hostile_daemon(const char *mode);
/* The same, but come back when the lies are told, where they end; 0 when they were. The connection stays open. */
int hostile_lie(const char *mode);
/* A connection to a listener's address (ipc, abstract, tcp): a descriptor, or -1. */
int hostile_connect(const char *url);
/* Bytes of no meaning, the same for the same seed. */
void hostile_noise(uint8_t *into, unsigned size, uint32_t seed);

#endif
