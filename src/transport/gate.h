/*
 * gate: a descriptor whose readiness to read and to write is set by hand, one apart from the other,
 * for a channel that has no socket of its own to show. Readable is off and writable is on at first.
 *
 * It is one end of a socket pair: a byte sent from the far end makes it readable; stuffing its send
 * buffer takes its writability away until the far end empties it. An eventfd or a pipe can not be
 * neither readable nor writable, which is what a channel with a blocked write and nothing to read
 * is. Guarded by its owner's lock; poll needs none.
 */
#ifndef MIRAI__GATE_H
#define MIRAI__GATE_H

#include <stdbool.h>
#include <miraicore/error.h>

typedef struct mirai__gate {
    int fd; /* to be polled, and nothing else */
    int far;
    bool readable, writable;
} mirai__gate;

mirai_status mirai__gate_init(mirai__gate *gate);
void mirai__gate_fini(mirai__gate *gate);
/* Both cost nothing when the gate is so already. */
void mirai__gate_set_readable(mirai__gate *gate, bool readable);
void mirai__gate_set_writable(mirai__gate *gate, bool writable);

#endif
