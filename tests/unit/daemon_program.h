/*
 * What test_daemon does when it was started as a daemon.
 */
#ifndef DAEMON_PROGRAM_H
#define DAEMON_PROGRAM_H

#include <stdbool.h>
#include <miraicore/daemon.h>

/* Register the functions; TEST_MODE in the environment may make it fail or hang. */
mirai_status daemon_setup(void);
/* Be a daemon that pulls; the exit status. `idle`: the host sends nothing until told to by a line
 * on stderr. */
int daemon_pull(bool idle);

#endif
