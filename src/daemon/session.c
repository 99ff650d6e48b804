/*
 * session: reads what the launcher left for this process. Two atomics hold the answers that any
 * thread may ask for; taking is for the main thread.
 */
#include "session.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "confines.h"
#include "detail.h"
#include <miraicore/daemon.h>

static const char *const variables[] = {"MIRAI_DAEMON_FD",   "MIRAI_DAEMON_URL",
                                        "MIRAI_TOKEN_FD",    "MIRAI_DAEMON_LAUNCH",
                                        "MIRAI_DAEMON_SELF", "MIRAI_DAEMON_HOST",
                                        "MIRAI_DAEMON_DEPTH",
                                        MIRAI__CONFINES_VARIABLE};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool is_daemon; /* written in `once` */
static int32_t depth;  /* likewise */
static _Atomic bool taken, entered;

static void look(void)
{
    is_daemon = getenv("MIRAI_DAEMON_FD") != NULL || getenv("MIRAI_DAEMON_URL") != NULL;
    if (!is_daemon) return;
    const char *text = getenv("MIRAI_DAEMON_DEPTH");
    long number = text == NULL ? 1 : strtol(text, NULL, 10);
    depth = number >= 1 && number <= MIRAI__DEPTH_MAX ? (int32_t)number : MIRAI__DEPTH_MAX;
}

int32_t mirai__session_depth(void)
{
    (void)pthread_once(&once, look);
    return depth;
}

bool mirai__session_is_daemon(void)
{
    (void)pthread_once(&once, look);
    return is_daemon;
}

int32_t mirai_on_daemon(void)
{
    return mirai__session_is_daemon();
}

bool mirai__session_has_entered(void)
{
    return atomic_load(&entered);
}

void mirai__session_enter(void)
{
    atomic_store(&entered, true);
}

/* A descriptor named in the environment, which from now on is kept from what jobs start. */
static mirai_status read_fd(const char *name, int *out)
{
    const char *text = getenv(name);
    char *end;
    errno = 0;
    long number = text == NULL ? -1 : strtol(text, &end, 10);
    if (text == NULL || errno != 0 || end == text || *end != '\0' || number < 0 ||
        number > INT32_MAX)
        return mirai__fail(MIRAI_E_INVALID, "%s in the environment is no descriptor: \"%s\"", name,
                           text == NULL ? "" : text);
    if (fcntl((int)number, F_SETFD, FD_CLOEXEC) != 0)
        return mirai__fail(MIRAI_E_INVALID,
                           "%s in the environment names descriptor %ld, which is not open", name,
                           number);
    *out = (int)number;
    return MIRAI_OK;
}

static mirai_status read_socket(mirai__session *out)
{
    int fd;
    struct stat status;
    MIRAI_TRY(read_fd("MIRAI_DAEMON_FD", &fd));
    if (fstat(fd, &status) != 0 || !S_ISSOCK(status.st_mode))
        return mirai__fail(MIRAI_E_INVALID,
                           "MIRAI_DAEMON_FD in the environment names descriptor %d, "
                           "which is no socket",
                           fd);
    out->socket = fd;
    return MIRAI_OK;
}

static mirai_status read_token(uint8_t *token)
{
    int fd;
    MIRAI_TRY(read_fd("MIRAI_TOKEN_FD", &fd));
    size_t have = 0;
    while (have < MIRAI__TOKEN_SIZE) {
        ssize_t size = read(fd, token + have, MIRAI__TOKEN_SIZE - have);
        if (size < 0 && errno == EINTR) continue;
        if (size <= 0) break;
        have += (size_t)size;
    }
    (void)close(fd);
    if (have == MIRAI__TOKEN_SIZE) return MIRAI_OK;
    return mirai__fail(MIRAI_E_INVALID, "the token ends after %zu of %d bytes", have,
                       MIRAI__TOKEN_SIZE);
}

static mirai_status read_all(mirai__session *out)
{
    const char *launch = getenv("MIRAI_DAEMON_LAUNCH"), *url = getenv("MIRAI_DAEMON_URL");
    out->launch = launch == NULL ? 0 : strtoull(launch, NULL, 10);
    const char *host = getenv("MIRAI_DAEMON_HOST");
    out->host = host == NULL ? 0 : (int32_t)strtol(host, NULL, 10);
    out->is_self = getenv("MIRAI_DAEMON_SELF") != NULL;
    MIRAI_TRY(mirai__confines_apply(getenv(MIRAI__CONFINES_VARIABLE)));
    if (getenv("MIRAI_DAEMON_FD") != NULL) return read_socket(out);
    MIRAI_TRY(read_token(out->token));
    out->url = mirai__strdup(url);
    return out->url == NULL ? MIRAI_E_NOMEM : MIRAI_OK;
}

mirai_status mirai__session_take(mirai__session *out)
{
    *out = (mirai__session){.socket = -1};
    if (!mirai__session_is_daemon())
        return mirai__fail(MIRAI_E_STATE, "this process was not started as a daemon");
    if (atomic_exchange(&taken, true))
        return mirai__fail(MIRAI_E_STATE, "this process is open as a daemon already, or was");
    mirai_status status = read_all(out);
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) (void)unsetenv(variables[i]);
    return status;
}
