/*
 * mishap_places: where a daemon's user code is let go wrong (mishap.h). On a daemon's main thread, but for the sending
 * of a large result, which is held up on whatever thread does it.
 */
#include "mishap.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char args_class[] = "mishap.args", result_class[] = "mishap.result";

static char armed[16]; /* the way of what goes wrong later */

static const char *arm(const mirai_value *args)
{
    const char *way = mirai_value_string(args);
    (void)snprintf(armed, sizeof armed, "%s", way != NULL ? way : "");
    return armed;
}

static mirai_value *who(void)
{
    return mirai_int(getpid());
}

/* ---- run, decode, encode --------------------------------------------------------------------- */

static mirai_value *run(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    return mishap_status(arm(args)) == MIRAI_OK ? who() : NULL;
}

static mirai_value *name(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)args, (void)context;
    return who();
}

static mirai_value *after(mirai_job *job, const mirai_value *args, void *context)
{
    mishap_relieve();
    return name(job, args, context);
}

static void release(void *object, void *context)
{
    (void)context;
    free(object);
}

static mirai_value *refer(const char *class_name, const char *way)
{
    char *copy = strdup(way);
    return copy != NULL ? mirai_reference(class_name, copy, release, NULL) : NULL;
}

static mirai_value *encode(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    return refer(result_class, arm(args));
}

/* Of arguments the host serializes and the daemon unserializes, of results the other way round: where `context` says
 * so, a daemon goes wrong. */
static mirai_value *serialize(mirai_message *message, void *object, void *context)
{
    (void)message;
    if (context == result_class && mirai_on_daemon() && mishap_status(object) != MIRAI_OK) return NULL;
    return mirai_string(object);
}

static mirai_status unserialize(mirai_message *message, const mirai_value *data, void **object, void *context)
{
    (void)message;
    const char *way = mirai_value_string(data);
    if (way == NULL) return mirai_error_set(MIRAI_E_TYPE, "a mishap needs a way");
    if (context == args_class && mirai_on_daemon()) MIRAI_TRY(mishap_status(way));
    *object = strdup(way);
    return *object != NULL ? MIRAI_OK : MIRAI_E_NOMEM;
}

mirai_value *mishap_args(const char *function, const char *way)
{
    if (strcmp(function, "mishap.decode") != 0) return mirai_string(way);
    char *copy = strdup(way);
    return copy != NULL ? mirai_reference(args_class, copy, release, NULL) : NULL;
}

/* ---- send ------------------------------------------------------------------------------------ */

/*
 * Where the kernel is handed the bytes, that is held up when it has taken ENOUGH. Where they are copied into shared
 * memory, the copying is when it comes upon a page that may not be read, further on.
 */
enum { ENOUGH = 1 << 20, TRAP_AT = MISHAP_LARGE / 2, TRAP_SIZE = 1 << 16 };

static _Atomic size_t sent;
static _Atomic int holds; /* 1: to be held up */
static sem_t reached, done;
static char *bytes;

/* On a thread of its own, as another of the program's may. */
static void *go_wrong(void *context)
{
    (void)context;
    while (sem_wait(&reached) != 0) continue;
    (void)mishap(armed);
    (void)sem_post(&done);
    return NULL;
}

static bool hold(void)
{
    if (atomic_exchange(&holds, 0) == 0) return false;
    (void)sem_post(&reached);
    while (sem_wait(&done) != 0) continue; /* for ever, but after ways that come back */
    (void)mprotect(bytes + TRAP_AT, TRAP_SIZE, PROT_READ);
    return true;
}

static void on_trap(int number)
{
    if (!hold()) (void)signal(number, SIG_DFL); /* it happens again */
}

/* In the place of the C library's, for all of this process. */
__attribute__((visibility("default"))) ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    long size = syscall(SYS_sendmsg, fd, message, flags);
    if (size <= 0 || atomic_load(&holds) == 0) return size;
    if (atomic_fetch_add(&sent, (size_t)size) + (size_t)size >= ENOUGH) (void)hold();
    return size;
}

static void unmap(void *object, void *context)
{
    (void)context;
    (void)munmap(object, MISHAP_LARGE);
}

static mirai_value *send_large(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    pthread_t thread;
    void *zeros = mmap(NULL, MISHAP_LARGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (zeros == MAP_FAILED) return NULL;
    bytes = zeros;
    mirai_buffer *buffer = mirai_buffer_adopt(zeros, MISHAP_LARGE, unmap, zeros, NULL);
    struct sigaction action = {.sa_handler = on_trap};
    bool ready = sem_init(&reached, 0, 0) == 0 && sem_init(&done, 0, 0) == 0 &&
                 sigaction(SIGSEGV, &action, NULL) == 0 && mprotect(bytes + TRAP_AT, TRAP_SIZE, PROT_NONE) == 0;
    if (strcmp(arm(args), "hang") != 0) /* that is for whoever sends */
        ready = ready && pthread_create(&thread, NULL, go_wrong, NULL) == 0 && pthread_detach(thread) == 0;
    if (!ready) {
        mirai_buffer_release(buffer);
        return NULL;
    }
    atomic_store(&sent, 0);
    atomic_store(&holds, 1);
    return mirai_bytes_buffer(buffer);
}

/* ---- idle ------------------------------------------------------------------------------------ */

static char mark[200];

static void on_signal(int number)
{
    (void)number;
    int interrupted = errno;
    int fd = open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    ssize_t written = write(fd, "x", 1);
    (void)written;
    (void)close(fd);
    (void)mishap(armed); /* the main thread waits: it holds nothing */
    errno = interrupted;
}

static mirai_value *idle(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    struct sigaction action = {.sa_handler = on_signal};
    const char *folder = getenv("MISHAP_FOLDER");
    (void)snprintf(mark, sizeof mark, "%s/idle.%s", folder != NULL ? folder : ".", arm(args));
    return sigaction(SIGUSR1, &action, NULL) == 0 ? who() : NULL;
}

/* ---- the way out ----------------------------------------------------------------------------- */

static void on_exit_of_process(void)
{
    (void)mishap(armed);
}

static mirai_value *at_exit(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    (void)arm(args);
    return atexit(on_exit_of_process) == 0 ? who() : NULL;
}

static void on_state_released(void *state)
{
    (void)mishap(state);
}

static mirai_value *keep_state(mirai_job *job, const mirai_value *args, void *context)
{
    (void)context;
    (void)arm(args);
    return mirai_job_set_state(job, "mishap", armed, on_state_released) == MIRAI_OK ? who() : NULL;
}

/* ---- load ------------------------------------------------------------------------------------ */

static mirai_value *set_module(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    return setenv("MISHAP_MODULE", arm(args), 1) == 0 ? who() : NULL;
}

/* The first who takes a file goes its way, and one at a time. */
static mirai_status take_from_folder(void)
{
    static const char *const ways[] = {"segv", "abort", "kill", "stop", "exit", "hang", "memory", "closed"};
    const char *folder = getenv("MISHAP_FOLDER");
    for (size_t i = 0; folder != NULL && i < sizeof ways / sizeof *ways; i++) {
        char path[200];
        (void)snprintf(path, sizeof path, "%s/%s", folder, ways[i]);
        if (unlink(path) == 0) return mishap_status(ways[i]);
    }
    return MIRAI_OK;
}

static mirai_status register_hooks(const char *class_name)
{
    mirai_refhook hook = MIRAI_REFHOOK_INIT;
    hook.context = (void *)class_name; /* only compared */
    hook.serialize = serialize;
    hook.unserialize = unserialize;
    hook.release = release;
    return mirai_refhook_register(class_name, &hook);
}

mirai_status mishap_setup(void)
{
    static const struct {
        const char *name;
        mirai_fn function;
    } table[] = {
        {"mishap.run", run},         {"mishap.decode", name},       {"mishap.encode", encode},
        {"mishap.send", send_large}, {"mishap.idle", idle},         {"mishap.exit", at_exit},
        {"mishap.state", keep_state}, {"mishap.module", set_module}, {"mishap.after", after},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        MIRAI_TRY(mirai_function_register(table[i].name, table[i].function, NULL));
    MIRAI_TRY(register_hooks(args_class));
    MIRAI_TRY(register_hooks(result_class));
    const char *way = getenv("MISHAP_SETUP");
    if (!mirai_on_daemon()) return MIRAI_OK;
    if (way != NULL) MIRAI_TRY(mishap_status(way));
    return take_from_folder();
}
