/**
 * @file launch.h
 * How daemons are started: what a launcher of your own needs to know.
 *
 * A local daemon is started with these in its environment; a program becomes that daemon by calling
 * mirai_main() or mirai_daemon_open() (daemon.h).
 *   MIRAI_DAEMON_FD   number of an inherited, connected socket to the host, or
 *   MIRAI_DAEMON_URL  address at which the host listens (ipc://, abstract://, tcp://), and
 *   MIRAI_TOKEN_FD    number of an inherited descriptor from which the token for that address is read.
 * and may be with these:
 *   MIRAI_DAEMON_LAUNCH  a number that the daemon gives back in its greeting
 *   MIRAI_DAEMON_SELF    when it is the host's own program: both must then be of one build
 *   MIRAI_DAEMON_HOST    process number of the host, if that is the daemon's parent
 *   MIRAI_DAEMON_DEPTH   1; 2 for a daemon of a daemon (mirai_pool_options.nested), and so on up to 4
 *   MIRAI_DAEMON_LIMITS  what the daemon puts on itself before it runs any code of the program's:
 *                        "cpus=0-3,6;memory=1073741824;cpu=60;nice=5;", each part optional: processors,
 *                        bytes of address space, seconds of CPU time, what is added to the niceness
 * They are removed from the environment as soon as they have been read.
 */
#ifndef MIRAICORE_LAUNCH_H
#define MIRAICORE_LAUNCH_H

#include <miraicore/error.h>

MIRAI_BEGIN_DECLS

/**
 * The program that a pool would start as a daemon when its options name none: this program itself
 * after mirai_main(), else miraicored, looked for in MIRAICORED (a path, from the environment), beside
 * this library, in ../bin from there, and in PATH.
 * @param[out] out  owned, release with mirai_text_free().
 * @return MIRAI_OK; MIRAI_E_INVALID; MIRAI_E_NOENT; MIRAI_E_NOMEM.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_launch_program(char **out);

MIRAI_END_DECLS
#endif
