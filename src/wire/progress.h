/*
 * progress: the body of a PROGRESS frame: how far a job is (FORMAT.md section 2.5).
 */
#ifndef MIRAI__PROGRESS_H
#define MIRAI__PROGRESS_H

#include "segment.h"

#define MIRAI__PROGRESS_TEXT_MOST 1024

/* text may be NULL. E_NOMEM. */
mirai_status mirai__progress_write(double fraction, const char *text, mirai__segment **out);
/* What a daemon has sent: read by hand, so that no hook can be made to run. Borrows segment, which may
 * be NULL; *text is owned, or NULL. E_PROTOCOL, E_NOMEM. */
mirai_status mirai__progress_read(const mirai__segment *segment, double *fraction, char **text);

#endif
