/*
 * remote_private: what the files of remote share. The pool's lock is held in all of it.
 */
#ifndef MIRAI__REMOTE_PRIVATE_H
#define MIRAI__REMOTE_PRIVATE_H

#include "remote.h"

/* Read frames until there are no more. Returns why the link is of no more use; NULL when it goes on. */
const char *mirai__remote_receive(mirai_pool *pool, mirai__remote *remote);
/* Its connection has ended or broken. Most likely it is dying, and its death will say of what: it gets a moment. */
void mirai__remote_cut_off(mirai_pool *pool, mirai__remote *remote, const char *fault);
/* Drop its link. */
void mirai__remote_unlink(mirai_pool *pool, mirai__remote *remote);
/* It is dead, and nothing of it is on its way any more. */
void mirai__remote_bury(mirai_pool *pool, mirai__remote *remote);
void mirai__remote_free(mirai__remote *remote);
/* Remember why a daemon did not start: for whoever opens the pool. */
void mirai__remote_note_start(mirai_pool *pool, mirai_status status, const char *detail);

#endif
