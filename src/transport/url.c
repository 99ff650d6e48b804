/*
 * url: see url.h. Any thread; no lock.
 */
#include "url.h"

#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "alloc.h"
#include "detail.h"

/* A socket's path ends with a NUL, an abstract name begins with one. */
#define NAME_MAX_SIZE (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)

static mirai_status check_name(const char *text, const char *name)
{
    size_t size = strlen(name);
    if (size == 0) return mirai__fail(MIRAI_E_ADDRESS, "%s: a name is missing", text);
    if (size > NAME_MAX_SIZE)
        return mirai__fail(MIRAI_E_ADDRESS, "%s: a name of %zu bytes, the system takes up to %zu",
                           text, size, NAME_MAX_SIZE);
    return MIRAI_OK;
}

/* HOST:PORT, [IPv6]:PORT or :PORT, and nothing after it. */
static mirai_status check_host(const char *text, const char *rest)
{
    const char *colon = strrchr(rest, ':');
    if (colon == NULL || colon[1] == '\0')
        return mirai__fail(MIRAI_E_ADDRESS, "%s: a port is missing", text);
    size_t digits = strspn(colon + 1, "0123456789");
    if (colon[1 + digits] != '\0' || digits > 5 || strtol(colon + 1, NULL, 10) > 65535)
        return mirai__fail(MIRAI_E_ADDRESS, "%s: \"%s\" is no port", text, colon + 1);
    size_t host = (size_t)(colon - rest);
    bool bracketed = host >= 2 && rest[0] == '[' && colon[-1] == ']';
    if (strcspn(rest, bracketed ? "/?#@ " : "/?#@[] ") < host ||
        (!bracketed && memchr(rest, ':', host) != NULL))
        return mirai__fail(MIRAI_E_ADDRESS, "%s: \"%.*s\" is no host name (IPv6 goes in brackets)",
                           text, (int)host, rest);
    return MIRAI_OK;
}

/* NNG decodes %XX in abstract names; ours are taken as they are. */
static char *escape(const char *scheme, const char *name)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";
    static const char hex[] = "0123456789ABCDEF";
    size_t scheme_size = strlen(scheme), size = strlen(name);
    char *escaped = mirai__alloc(scheme_size + 3 * size + 1);
    if (escaped == NULL) return NULL;
    memcpy(escaped, scheme, scheme_size);
    char *to = escaped + scheme_size;
    for (; *name != '\0'; name++) {
        unsigned byte = (unsigned char)*name;
        if (strchr(plain, *name) != NULL) {
            *to++ = *name;
        } else {
            *to++ = '%';
            *to++ = hex[byte >> 4];
            *to++ = hex[byte & 15];
        }
    }
    *to = '\0';
    return escaped;
}

mirai_status mirai__url_parse(const char *text, mirai__url *url)
{
    static const struct {
        const char *prefix;
        mirai__url_kind kind;
    } schemes[] = {
        {"ipc://", MIRAI__URL_IPC},
        {"abstract://", MIRAI__URL_ABSTRACT},
        {"tcp://", MIRAI__URL_TCP},
    };
    if (text == NULL) return mirai__fail(MIRAI_E_INVALID, "the address is NULL");
    *url = (mirai__url){0};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t size = strlen(schemes[i].prefix);
        if (strncmp(text, schemes[i].prefix, size) != 0) continue;
        url->kind = schemes[i].kind;
        url->rest = text + size;
        MIRAI_TRY(url->kind == MIRAI__URL_TCP ? check_host(text, url->rest)
                                              : check_name(text, url->rest));
        url->nng = url->kind == MIRAI__URL_ABSTRACT ? escape(schemes[i].prefix, url->rest)
                                                    : mirai__strdup(text);
        return url->nng == NULL ? MIRAI_E_NOMEM : MIRAI_OK;
    }
    return mirai__fail(MIRAI_E_ADDRESS, "\"%s\" does not begin with ipc://, abstract:// or tcp://",
                       text);
}

void mirai__url_fini(mirai__url *url)
{
    mirai__free(url->nng);
    url->nng = NULL;
}

char *mirai__url_with_port(const char *text, int port)
{
    const char *colon = strrchr(text, ':');
    return mirai__format("%.*s:%d", (int)(colon - text), text, port);
}
