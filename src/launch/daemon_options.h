/*
 * daemon_options: what a kind of daemons is started with: checked, and owned in one block.
 */
#ifndef MIRAI__DAEMON_OPTIONS_H
#define MIRAI__DAEMON_OPTIONS_H

#include <miraicore/pool.h>

/* A complete copy (struct_size is ours) that borrows nothing from `from`; NULL gives the defaults.
 * E_INVALID, with a detail that names the field; E_NOMEM. */
mirai_status mirai__daemon_options_copy(const mirai_daemon_options *from, mirai_daemon_options **out);
void mirai__daemon_options_free(mirai_daemon_options *options); /* NULL is allowed */

#endif
