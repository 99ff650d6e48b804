/*
 * session: what this process is as a daemon: started as one (environment), entered its loop, or
 * neither. Anyone may ask on any thread; the environment is cleaned only by mirai__session_take(),
 * since changing it is for the main thread alone.
 */
#ifndef MIRAI__SESSION_H
#define MIRAI__SESSION_H

#include <stdbool.h>
#include <stdint.h>
#include "hello.h"

/* What the environment said; see <miraicore/launch.h>. */
typedef struct mirai__session {
    int socket;                       /* owned by the taker; -1: there is an address instead */
    char *url;                        /* owned by the taker */
    uint8_t token[MIRAI__TOKEN_SIZE]; /* zeros without an address */
    uint64_t launch;                  /* MIRAI_DAEMON_LAUNCH */
    int32_t host; /* MIRAI_DAEMON_HOST: process of a host on this machine; 0: unknown */
    bool is_self; /* MIRAI_DAEMON_SELF: the host started its own program */
} mirai__session;

/* Daemons may start daemons of their own, down to this depth. */
#define MIRAI__DEPTH_MAX 4

bool mirai__session_is_daemon(void);   /* this process was started as a daemon */
bool mirai__session_has_entered(void); /* and its handshake is done */
int32_t mirai__session_depth(void);    /* 0: no daemon; 1: a daemon of one that is none; and so on */
void mirai__session_enter(void);       /* said when it is */
/* Read the environment, clean it, and put on this process the limits that it names; once. E_STATE when this is no daemon, or it was taken before;
 * E_INVALID when what is there makes no sense; E_NOMEM. */
mirai_status mirai__session_take(mirai__session *out);

#endif
