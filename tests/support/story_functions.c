/*
 * story_functions: what daemons of the stories can be asked to do, good and bad (story.h). They run on a daemon's
 * main thread.
 */
#include "story.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

/* ---- good ------------------------------------------------------------------------------------ */

static mirai_value *echo(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    return mirai_value_ref(args);
}

static mirai_value *get_pid(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)args, (void)context;
    return mirai_int(getpid());
}

static mirai_value *task_id(mirai_job *job, const mirai_value *args, void *context)
{
    (void)args, (void)context;
    return mirai_int((int64_t)mirai_job_task_id(job));
}

static mirai_value *add(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    int64_t a, b;
    if (mirai_value_to_int(mirai_value_item(args, 0), &a) != MIRAI_OK) return NULL;
    if (mirai_value_to_int(mirai_value_item(args, 1), &b) != MIRAI_OK) return NULL;
    return mirai_int(a + b);
}

/* What a daemon remembers. */
static mirai_value *memory;
static int64_t calls;

static mirai_value *remember(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    mirai_value_release(memory);
    memory = mirai_value_ref(args);
    return mirai_null();
}

static mirai_value *recall(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)args, (void)context;
    return memory != NULL ? mirai_value_ref(memory) : mirai_null();
}

static mirai_value *tally(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)args, (void)context;
    return mirai_int(++calls);
}

static mirai_value *signals(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)args, (void)context;
    const char *path = "/proc/self/status";
    return mirai_dict_of("blocked", mirai_int((int64_t)story_status_mask(path, "SigBlk")), "ignored",
                         mirai_int((int64_t)story_status_mask(path, "SigIgn")), "caught",
                         mirai_int((int64_t)story_status_mask(path, "SigCgt")), "group", mirai_int(getpgrp()), "pid",
                         mirai_int(getpid()), MIRAI_END);
}

/* Descriptors that are open: a list of numbers. */
static mirai_value *descriptors(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)args, (void)context;
    mirai_value *items[256];
    size_t count = 0;
    for (int fd = 0; fd < 256; fd++)
        if (fcntl(fd, F_GETFD) >= 0) items[count++] = mirai_int(fd);
    return mirai_list(items, count);
}

/* Append a line to the file named by args. */
static mirai_value *touch(mirai_job *job, const mirai_value *args, void *context)
{
    (void)context;
    const char *path = mirai_value_string(args);
    int fd = path != NULL ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
    if (fd < 0) {
        (void)mirai_error_set(MIRAI_E_USER, "cannot open the file");
        return NULL;
    }
    int written = dprintf(fd, "%ld\n", (long)getpid());
    (void)close(fd);
    return mirai_bool(written > 0 && mirai_job_task_id(job) > 0);
}

/* ---- slow ------------------------------------------------------------------------------------ */

/* Sleep for args milliseconds, deaf to cancels. */
static mirai_value *nap(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    story_sleep_ms(mirai_value_int_or(args, 0));
    return mirai_int(getpid());
}

/* Until told to stop; a line in the file named by args when it begins, and one when it ends. */
static mirai_value *obey(mirai_job *job, const mirai_value *args, void *context)
{
    if (mirai_value_string(args) != NULL) mirai_value_release(touch(job, args, context));
    while (!mirai_job_cancelled(job)) story_sleep_ms(1);
    return mirai_value_string(args) != NULL ? touch(job, args, context) : mirai_null();
}

static _Atomic int told;

static void tell(void *user)
{
    atomic_store((_Atomic int *)user, 1);
}

/* As obey, told by on_cancel. */
static mirai_value *obey_call(mirai_job *job, const mirai_value *args, void *context)
{
    if (mirai_value_string(args) != NULL) mirai_value_release(touch(job, args, context));
    atomic_store(&told, 0);
    if (mirai_job_on_cancel(job, tell, &told) != MIRAI_OK) return NULL;
    while (atomic_load(&told) == 0) story_sleep_ms(1);
    if (mirai_job_on_cancel(job, NULL, NULL) != MIRAI_OK) return NULL;
    return mirai_value_string(args) != NULL ? touch(job, args, context) : mirai_null();
}

/* Fails if it sees a cancel, which was meant for another. Takes args milliseconds. */
static mirai_value *undisturbed(mirai_job *job, const mirai_value *args, void *context)
{
    (void)context;
    atomic_store(&told, 0);
    if (mirai_job_on_cancel(job, tell, &told) != MIRAI_OK) return NULL;
    story_sleep_ms(mirai_value_int_or(args, 0));
    bool seen = mirai_job_cancelled(job) || atomic_load(&told) != 0;
    return mirai_bool(seen);
}

/*
 * For ever, whatever anybody says. In short sleeps under valgrind: it queues a SIGSEGV that another process sends
 * while code runs, and looks there only once in 100,000 blocks of code.
 */
static mirai_value *spin(mirai_job *job, const mirai_value *args, void *context)
{
    if (mirai_value_string(args) != NULL) mirai_value_release(touch(job, args, context));
    const int64_t nap = story_in_valgrind() ? 1 : 1000;
    while (mirai_on_daemon()) story_sleep_ms(nap);
    return NULL;
}

/* Starts a process that ignores what it can, writes its number to the file named by args, then spins. */
static mirai_value *breed(mirai_job *job, const mirai_value *args, void *context)
{
    const char *path = mirai_value_string(args);
    pid_t child = fork();
    if (child != 0) return spin(job, mirai_null(), context);
    for (int signal_number = 1; signal_number < 32; signal_number++) (void)signal(signal_number, SIG_IGN);
    int fd = path != NULL ? open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) : -1;
    (void)dprintf(fd, "%ld\n", (long)getpid());
    for (;;) story_sleep_ms(1000);
}

/* ---- bad ------------------------------------------------------------------------------------- */

static mirai_value *fail_text(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    const char *text = mirai_value_string(args);
    if (text != NULL) (void)mirai_error_set(MIRAI_E_USER, "%s", text);
    return NULL;
}

static mirai_value *fail_value(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    mirai_value *classes =
        mirai_list_of(mirai_string("disk_full"), mirai_string("io_error"), mirai_string("error"), MIRAI_END);
    return mirai_error_of(mirai_dict_of("class", classes, "code", mirai_int(28), "message",
                                        mirai_string("no space left on the moon"), "device", mirai_string("/dev/moon"),
                                        "given", mirai_value_ref(args), MIRAI_END));
}

/* By the bare call, so that ThreadSanitizer does not report the race with the threads that use them: it is meant. */
static void close_all(void)
{
    for (int fd = 0; fd < 1024; fd++) (void)syscall(SYS_close, fd);
}

/* Dies as args says. */
static mirai_value *crash(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    const char *how = mirai_value_string(args);
    if (how == NULL) return NULL;
    (void)fprintf(stderr, "about to die by %s\n", how);
    (void)fflush(stderr);
    if (strcmp(how, "exit0") == 0) exit(0);
    if (strcmp(how, "exit3") == 0) exit(3);
    if (strcmp(how, "_exit3") == 0) _exit(3);
    if (strcmp(how, "close") == 0) {
        close_all();
        for (;;) story_sleep_ms(1000);
    }
    int number = strcmp(how, "segv") == 0 ? SIGSEGV : strcmp(how, "abort") == 0 ? SIGABRT : SIGKILL;
    (void)signal(number, SIG_DFL);
    (void)raise(number);
    return mirai_null();
}

/* Dies, but only where the file named by args does not exist, which it makes. */
static mirai_value *crash_once(mirai_job *job, const mirai_value *args, void *context)
{
    const char *path = mirai_value_string(args);
    if (path != NULL && access(path, F_OK) == 0) return mirai_null();
    mirai_value_release(touch(job, args, context));
    (void)raise(SIGKILL);
    return NULL;
}

mirai_status story_setup(void)
{
    static const struct {
        const char *name;
        mirai_fn function;
    } table[] = {
        {"echo", echo},           {"pid", get_pid},   {"task_id", task_id},       {"add", add},
        {"remember", remember},   {"recall", recall}, {"tally", tally},           {"signals", signals},
        {"touch", touch},         {"nap", nap},       {"obey", obey},             {"obey_call", obey_call},
        {"descriptors", descriptors}, {"undisturbed", undisturbed}, {"spin", spin}, {"breed", breed},
        {"fail_text", fail_text}, {"fail_value", fail_value}, {"crash", crash},   {"crash_once", crash_once},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        MIRAI_TRY(mirai_function_register(table[i].name, table[i].function, NULL));
    return MIRAI_OK;
}
