/*
 * mishap: the ways to go wrong (mishap.h).
 */
#include "mishap.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = 1 }; /* their allocators end a process that has no memory */
#else
enum { SANITIZED = 0 };
#endif

/* With the default action, since sanitizers have handlers. */
static void die_of(int number)
{
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

/* Endless, but leaves the processor to the other tests. */
static void hang(void)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    for (;;) (void)nanosleep(&pause, NULL);
}

static void set_space(rlim_t bytes)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) != 0) return;
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    (void)setrlimit(RLIMIT_AS, &limit);
}

void mishap_relieve(void)
{
    set_space(RLIM_INFINITY);
}

/* It shares the process, and a limit would end it. */
static bool in_valgrind(void)
{
    const char *preload = getenv("LD_PRELOAD");
    return preload != NULL && (strstr(preload, "valgrind") != NULL || strstr(preload, "vgpreload") != NULL);
}

/* Whether an allocation fails now that the process may not grow. */
static bool is_out_of_memory(void)
{
    if (in_valgrind()) return true;
    if (SANITIZED) /* no limit even for a moment: another thread may allocate in it */
        return mmap(NULL, SIZE_MAX / 4, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED;
    set_space(1 << 20); /* it has more already */
    void *volatile block = malloc(MISHAP_LARGE);
    free(block);
    return block == NULL;
}

/* By the bare call: that other threads use them is what is meant. */
static void close_all(void)
{
    for (int fd = 3; fd < 1024; fd++) (void)syscall(SYS_close, fd);
}

bool mishap(const char *way)
{
    if (strcmp(way, "segv") == 0) die_of(SIGSEGV);
    if (strcmp(way, "abort") == 0) die_of(SIGABRT);
    if (strcmp(way, "kill") == 0) (void)raise(SIGKILL);
    if (strcmp(way, "stop") == 0) (void)raise(SIGSTOP);
    if (strcmp(way, "exit") == 0) exit(0);
    if (strcmp(way, "hang") == 0) hang();
    if (strcmp(way, "closed") == 0) close_all();
    return strcmp(way, "memory") != 0 || !is_out_of_memory();
}

mirai_status mishap_status(const char *way)
{
    return mishap(way) ? MIRAI_OK : mirai_error_set(MIRAI_E_NOMEM, "no memory for a mishap");
}
