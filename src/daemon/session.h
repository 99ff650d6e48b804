/*
 * session: what this process is as a daemon: started as one (environment), entered its loop, or neither. The
 * environment is read, and cleaned, once: by the first who asks. Any thread.
 */
#ifndef MIRAI__SESSION_H
#define MIRAI__SESSION_H

#include <stdbool.h>
#include <miraicore/error.h>

bool mirai__session_is_daemon(void); /* this process was started as a daemon */
bool mirai__session_has_entered(void); /* and its handshake is done */

#endif
