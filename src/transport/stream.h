/*
 * stream: a channel over an NNG byte stream. For listener.c and dial.c.
 */
#ifndef MIRAI__STREAM_H
#define MIRAI__STREAM_H

#include <nng/nng.h>

#include "channel.h"

/* Takes stream, on success only. */
mirai_status mirai__channel_stream(nng_stream *stream, mirai__channel **out);
/* For ipc and abstract: whether the process at the other end runs as our uid. */
bool mirai__stream_is_ours(nng_stream *stream);

#endif
