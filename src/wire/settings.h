/*
 * settings: what a host tells a daemon in its WELCOME (FORMAT.md section 2.6).
 */
#ifndef MIRAI__SETTINGS_H
#define MIRAI__SETTINGS_H

#include "segment.h"

typedef struct mirai__settings {
    int64_t idle_ms, wall_ms, max_jobs; /* 0: none */
    int32_t cleanup;                    /* MIRAI_CLEANUP_* */
} mirai__settings;

/* A body for the WELCOME. E_NOMEM. */
mirai_status mirai__settings_encode(const mirai__settings *settings, mirai__segment **out);
/* Borrows segment; NULL: there are none. What is not known is passed over. E_DECODE, E_NOMEM. */
mirai_status mirai__settings_decode(mirai__segment *segment, mirai__settings *out);

#endif
