/*
 * scribbler: a daemon of the library's that has gone mad: a thread of it finds all memory that it shares with others, in
 * /proc/self/maps, and writes random numbers into it, over and over, while the daemon goes on as far as it can.
 */
#ifndef SCRIBBLER_H
#define SCRIBBLER_H

#include <miraicore.h>

/* Registers "scribble": args are [where, seed, times]. Where: "words" (the first page of each mapping), "bytes" (all but
 * that) or "all". Times: -1: until the end; 0: never. It returns once the thread has written for the first time, and says
 * how many mappings there are. */
mirai_status scribbler_register(void);

#endif
