/*
 * channel_ends: both ends of a channel in one process, by each maker, and moving bytes through one end with a
 * guard against hanging. The opening asserts, so it is for the test's own thread; the rest is for any.
 */
#ifndef CHANNEL_ENDS_H
#define CHANNEL_ENDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "channel.h"

typedef enum channel_maker { BY_PAIR, BY_RING, BY_IPC, BY_ABSTRACT, BY_TCP, MAKERS } channel_maker;

/* A guard, not a measure: nothing in these tests takes that long. */
enum { GUARD_MS = 30000 };

typedef struct channel_ends {
    mirai__channel *a, *b;
} channel_ends;

/* Makers whose daemon's end is an inherited descriptor; the others have a URL. */
bool is_inherited(channel_maker maker);
mirai_status make_inherited(channel_maker maker, mirai__channel **host, int *daemon_fd);
/* A URL for this maker that no other test uses; port 0 for tcp. */
void fresh_url(channel_maker maker, char *url, size_t size);
/* A listener at a fresh URL. */
mirai__listener *fresh_listener(channel_maker maker);
/* Waits for a peer. */
mirai__channel *accept_one(mirai__listener *listener);
channel_ends ends_open(channel_maker maker);
void ends_close(channel_ends *ends);

/* False when the event does not come. */
bool wait_for(const mirai__channel *channel, short event);
/* False at an end, an error, or when it hangs. */
bool write_all(mirai__channel *channel, const void *data, size_t size);
bool read_all(mirai__channel *channel, void *into, size_t size);
/* Bytes that depend on the place and on `seed`. */
void fill_pattern(uint8_t *data, size_t size, unsigned seed);
bool is_pattern(const uint8_t *data, size_t size, unsigned seed);

size_t count_descriptors(void);
/* NNG closes on a thread of its own: true once there are no more than `most`, false when that does not come. */
bool descriptors_fall_to(size_t most);

#endif
