/*
 * confines: what a daemon puts on itself before it runs any code of the user's: processors, address
 * space, CPU time, niceness. They travel as one variable of its environment (<miraicore/launch.h>).
 */
#ifndef MIRAI__CONFINES_H
#define MIRAI__CONFINES_H

#include <miraicore/pool.h>

#define MIRAI__CONFINES_VARIABLE "MIRAI_DAEMON_LIMITS"

/* "MIRAI_DAEMON_LIMITS=..." for these options, owned; *out is NULL when there are none. E_NOMEM. */
mirai_status mirai__confines_entry(const mirai_daemon_options *options, char **out);
/* Put what such a variable's text says on this process: main thread. NULL: nothing. E_INVALID for a
 * text that makes no sense, and what the system says. */
mirai_status mirai__confines_apply(const char *text);

#endif
