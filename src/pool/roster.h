/*
 * roster: what is known of a pool's daemons at one moment.
 */
#ifndef MIRAI__ROSTER_H
#define MIRAI__ROSTER_H

#include "engine.h"

typedef struct mirai__roster mirai__roster;

mirai__roster *mirai__roster_read(const mirai_pool *pool);   /* lock held; NULL: no memory */
mirai_value *mirai__roster_tell(mirai__roster *roster);      /* takes it; lock not held; owned; NULL: no memory */

#endif
