/*
 * url: the addresses that listen and dial take. Checked here, so that every version of NNG is given
 * only what all of them read alike. Any thread.
 */
#ifndef MIRAI__URL_H
#define MIRAI__URL_H

#include <stdbool.h>
#include <miraicore/error.h>

typedef enum mirai__url_kind {
    MIRAI__URL_IPC,
    MIRAI__URL_ABSTRACT,
    MIRAI__URL_TCP
} mirai__url_kind;

typedef struct mirai__url {
    mirai__url_kind kind;
    const char *rest; /* path, name or HOST:PORT; inside the text that was parsed */
    char *nng;        /* the same address as NNG spells it; owned */
} mirai__url;

/* E_INVALID for NULL; E_ADDRESS; E_NOMEM. Borrows text for as long as url lives. */
mirai_status mirai__url_parse(const char *text, mirai__url *url);
void mirai__url_fini(mirai__url *url);
/* text with another port; NULL: no memory. */
char *mirai__url_with_port(const char *text, int port);

#endif
