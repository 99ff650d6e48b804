/*
 * service: the one library thread of a host process. It makes the turns of all pools that nobody drives. It starts
 * with the first pool and ends with the last.
 *
 * Its own lock guards the table of pools; where both are held, a pool's lock was taken first.
 */
#ifndef MIRAI__SERVICE_H
#define MIRAI__SERVICE_H

#include "engine.h"

/* Whether the service thread sees that a pool is due for a turn. Guarded by the pool's lock. */
enum {
    MIRAI__SERVICE_ON,   /* at once */
    MIRAI__SERVICE_OFF,  /* not at all: somebody drives */
    MIRAI__SERVICE_LAZY  /* within two milliseconds; somebody may drive */
};

mirai_status mirai__service_add(mirai_pool *pool); /* no lock held */
/* After this the service thread does not touch the pool any more. No lock held; not on the service thread. */
void mirai__service_remove(mirai_pool *pool);
void mirai__service_park(mirai_pool *pool);   /* somebody else drives now; pool's lock held */
void mirai__service_unpark(mirai_pool *pool); /* nobody does; pool's lock held */

#endif
