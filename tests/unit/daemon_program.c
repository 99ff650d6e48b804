/*
 * The daemon's side of test_daemon: functions that fail in every way, and a loop that pulls jobs.
 */
#include "daemon_program.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "session.h"
#include <miraicore/refhook.h>

static mirai_value *gives_null(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job;
    (void)args;
    (void)context;
    return NULL;
}

static mirai_value *gives_error(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job;
    (void)args;
    (void)context;
    return mirai_error("io_error", 17, "disk on fire");
}

static mirai_value *asks(mirai_job *job, const mirai_value *args, void *context)
{
    (void)args;
    (void)context;
    mirai__session session;
    return mirai_list_of(
        mirai_string(mirai_job_function(job)), mirai_int((int64_t)mirai_job_task_id(job)),
        mirai_bool(mirai_on_daemon()), mirai_bool(mirai__session_has_entered()),
        mirai_int(mirai__session_take(&session)),
        mirai_int(mirai_job_reply(job, mirai_null())), /* refused: it is not pulled */
        mirai_value_ref(mirai_job_args(job)), MIRAI_END);
}

static mirai_value *gives_unsendable(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job;
    (void)args;
    static int object;
    (void)context;
    return mirai_reference("unknown_class", &object, NULL, NULL);
}

/* Starts a process that would outlive us. */
static mirai_value *starts_grandchild(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job;
    (void)args;
    (void)context;
    pid_t pid = fork();
    if (pid == 0) {
        (void)execlp("sleep", "sleep", "1000", (char *)NULL);
        _exit(127);
    }
    return mirai_int(pid);
}

static mirai_value *runs_for_ever(mirai_job *job, const mirai_value *args, void *context)
{
    (void)args;
    (void)context;
    while (mirai_job_cancelled(job) < 2) (void)pause();
    return NULL;
}

static int status_of(pid_t pid)
{
    int how = 0;
    while (waitpid(pid, &how, 0) < 0 && errno == EINTR) continue;
    return WIFEXITED(how) ? WEXITSTATUS(how) : -WTERMSIG(how);
}

/* In the child too; the parent gives its exit status. */
static mirai_value *returns_twice(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job;
    (void)args;
    (void)context;
    pid_t pid = fork();
    if (pid != 0) return mirai_int(status_of(pid));
    (void)alarm(60);
    return mirai_string("of the child");
}

/* What a cancel hits. `present` is the job that runs now, 0 between jobs. */
static _Atomic uint64_t present;
static _Atomic int64_t strays;

typedef struct target {
    uint64_t task;
    _Atomic int hits;
} target;

static void hit(void *user)
{
    target *target = user;
    if (present != target->task) strays++;
    target->hits++;
}

/* Waits `args` turns for a cancel; gives [hits, cancelled]. Leaves its on_cancel for the library to
 * take away. */
static mirai_value *is_target(mirai_job *job, const mirai_value *args, void *context)
{
    (void)context;
    target target = {.task = mirai_job_task_id(job)};
    int64_t turns = mirai_value_int_or(args, 0);
    present = target.task;
    if (mirai_job_on_cancel(job, hit, &target) != MIRAI_OK) return NULL;
    for (int64_t i = 0; target.hits == 0 && (turns < 0 || i < turns); i++) (void)sched_yield();
    int cancelled = mirai_job_cancelled(job);
    int hits = target.hits;
    if (mirai_job_on_cancel(job, NULL, NULL) != MIRAI_OK) return NULL;
    hits = target.hits;
    present = 0;
    cancelled = mirai_job_cancelled(job) || cancelled;
    return mirai_list_of(mirai_int(hits), mirai_int(cancelled), MIRAI_END);
}

static mirai_value *counts_strays(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job;
    (void)args;
    (void)context;
    return mirai_int(strays);
}

/* A class whose objects cannot be made here. */
static mirai_status refuses(mirai_message *message, const mirai_value *data, void **object,
                            void *context)
{
    (void)message;
    (void)data;
    (void)object;
    (void)context;
    return mirai_error_set(MIRAI_E_USER, "no such object on this side");
}

static mirai_value *serializes(mirai_message *message, void *object, void *context)
{
    (void)message;
    (void)object;
    (void)context;
    return mirai_null();
}

mirai_status daemon_setup(void)
{
    const char *mode = getenv("TEST_MODE");
    mirai_refhook hook = MIRAI_REFHOOK_INIT;
    hook.serialize = serializes;
    hook.unserialize = refuses;
    if (mode != NULL && strcmp(mode, "setup fails") == 0)
        return mirai_error_set(MIRAI_E_UNSUPPORTED, "no licence for this machine");
    if (mode != NULL && strcmp(mode, "setup hangs") == 0) (void)fprintf(stderr, "setup begins\n");
    while (mode != NULL && strcmp(mode, "setup hangs") == 0) (void)pause();
    MIRAI_TRY(mirai_refhook_register("fragile", &hook));
    MIRAI_TRY(mirai_function_register("gives.null", gives_null, NULL));
    MIRAI_TRY(mirai_function_register("gives.error", gives_error, NULL));
    MIRAI_TRY(mirai_function_register("gives.unsendable", gives_unsendable, NULL));
    MIRAI_TRY(mirai_function_register("asks", asks, NULL));
    MIRAI_TRY(mirai_function_register("starts.grandchild", starts_grandchild, NULL));
    MIRAI_TRY(mirai_function_register("returns.twice", returns_twice, NULL));
    MIRAI_TRY(mirai_function_register("runs.for_ever", runs_for_ever, NULL));
    MIRAI_TRY(mirai_function_register("is.target", is_target, NULL));
    return mirai_function_register("counts.strays", counts_strays, NULL);
}

/* ---- a daemon that pulls ---- */

/* How a child ends that closes its parent's daemon. */
static mirai_value *close_in_child(mirai_daemon *daemon, mirai_job *job)
{
    pid_t pid = fork();
    if (pid != 0) return mirai_int(status_of(pid));
    (void)alarm(60);
    int wrong = mirai_job_reply(job, mirai_null()) != MIRAI_E_FORKED;
    wrong |= mirai_daemon_next(daemon, &job, 0) != MIRAI_E_FORKED;
    mirai_daemon_close(daemon);
    _exit(wrong);
}

static mirai_status pull_jobs(mirai_daemon *daemon)
{
    mirai_job *job, *second;
    mirai_status status;
    while ((status = mirai_daemon_next(daemon, &job, MIRAI_FOREVER)) == MIRAI_OK) {
        if (mirai_daemon_next(daemon, &second, 0) != MIRAI_E_STATE) return MIRAI_E_STATE;
        const mirai_value *args = mirai_job_args(job);
        mirai_value *result = NULL;
        if (strcmp(mirai_job_function(job), "evaluate") == 0)
            result = mirai_int(mirai_value_int_or(args, 0) * 2);
        else if (strcmp(mirai_job_function(job), "fail") == 0)
            (void)mirai_error_set(MIRAI_E_USER, "evaluation failed");
        else if (strcmp(mirai_job_function(job), "unsendable") == 0)
            result = gives_unsendable(job, args, NULL);
        else if (strcmp(mirai_job_function(job), "close in child") == 0)
            result = close_in_child(daemon, job);
        else if (strcmp(mirai_job_function(job), "leave") == 0)
            return MIRAI_OK; /* without a reply */
        mirai_status replied = mirai_job_reply(job, result);
        if (replied != MIRAI_OK && replied != MIRAI_E_HOOK) return replied;
    }
    return status == MIRAI_E_CLOSED ? MIRAI_OK : status;
}

int daemon_pull(bool idle)
{
    mirai_daemon *daemon;
    mirai_job *job;
    mirai_status status = daemon_setup();
    if (status == MIRAI_OK) status = mirai_daemon_open(&daemon);
    if (status != MIRAI_OK) return 10;
    mirai_daemon *second;
    if (mirai_daemon_open(&second) != MIRAI_E_STATE || second != NULL) return 11;
    if (mirai_daemon_next(daemon, NULL, 0) != MIRAI_E_INVALID) return 12;
    if (mirai_daemon_next(daemon, &job, -2) != MIRAI_E_INVALID) return 13;
    if (idle && mirai_daemon_next(daemon, &job, 1) != MIRAI_E_TIMEDOUT) return 14;
    if (idle && mirai_daemon_next(daemon, &job, 0) != MIRAI_E_TIMEDOUT) return 15;
    if (idle) (void)fprintf(stderr, "idle\n");
    status = pull_jobs(daemon);
    mirai_daemon_close(daemon);
    return status == MIRAI_OK ? 0 : 16;
}
