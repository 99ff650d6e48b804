/*
 * surroundings: environment variables and working directory of this process around one job: changed
 * for it, and put back after it. Main thread.
 */
#ifndef MIRAI__SURROUNDINGS_H
#define MIRAI__SURROUNDINGS_H

#include <stdbool.h>
#include <miraicore/pool.h>

typedef struct mirai__surroundings {
    char **environment; /* all as it was, owned; NULL: not kept */
    char **overridden;  /* what was set for the job, as it was: "NAME=value" or "NAME"; owned */
    bool kept_directory;
    int directory; /* as it was, if that was kept */
} mirai__surroundings;

/* Remember what the MIRAI_CLEANUP_* bits say. What was remembered when it fails is there to be
 * restored. E_NOMEM, E_NOFILES, E_SYSTEM. */
mirai_status mirai__surroundings_keep(mirai__surroundings *out, int32_t cleanup);
/* Set the variables of a dict: strings, or null to remove one. E_DECODE, E_NOMEM. */
mirai_status mirai__surroundings_set(mirai__surroundings *surroundings, const mirai_value *variables);
void mirai__surroundings_restore(mirai__surroundings *surroundings);

#endif
