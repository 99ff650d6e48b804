/*
 * spawn: starting a local daemon process and watching it die.
 *
 * A daemon gets its own process group, default signal dispositions, an empty signal mask, /dev/null as standard
 * input, and no descriptor but 0 to 2, the socket or token, and nothing else. Spawned by posix_spawn (no copy of
 * the host's memory), from any thread, under no lock. Death is seen on a pidfd, and tolerates a host that reaps all
 * its children (the exit status is then unknown).
 */
#ifndef MIRAI__SPAWN_H
#define MIRAI__SPAWN_H

#include <stdbool.h>
#include <sys/types.h>
#include "hello.h"
#include <miraicore/launch.h>
#include <miraicore/pool.h>

typedef struct mirai__spawn {
    const char *const *command; /* argv, ended by NULL; NULL: mirai__program() */
    int32_t output;             /* MIRAI_OUTPUT_* */
    int socket;                 /* daemon's end of a pair, or -1; borrowed */
    const char *url;            /* when there is no socket */
    const uint8_t *token;       /* MIRAI__TOKEN_SIZE bytes, with url */
    const mirai_daemon_options *options; /* complete; borrowed; NULL: defaults */
    uint64_t launch;            /* which launch this is: MIRAI_DAEMON_LAUNCH in the environment */
    int32_t depth;              /* MIRAI_DAEMON_DEPTH; 0: not said */
} mirai__spawn;

/* How a process ended. */
typedef struct mirai__death {
    bool known;      /* false: somebody else reaped it */
    int exit_status; /* -1 when a signal ended it */
    int signal;      /* 0 when it exited */
} mirai__death;

typedef struct mirai__process {
    pid_t pid;
    int pidfd;     /* readable when dead */
    int output_fd; /* non-blocking; what it writes on stderr; -1 when inherited */
    int stdout_fd; /* the same of stdout; -1 where it is not captured */
    bool reaped;
    bool is_gone;   /* somebody else reaped it before it could be watched */
    bool by_thread; /* pidfd is an eventfd, written by a thread that waits */
} mirai__process;

/* E_NOENT: the command does not exist (found before or by the spawn); E_PERMISSION, E_NOFILES, E_NOMEM, E_SYSTEM. */
mirai_status mirai__spawn_process(const mirai__spawn *spawn, mirai__process *out);
/* Send a signal to the group that it leads, or if it leads none to it alone; harmless when it is dead. */
void mirai__process_kill(const mirai__process *process, int signal);
/* MIRAI_OK when it is dead (reaped by this, after what is left of its group was killed), E_AGAIN when not. */
mirai_status mirai__process_reap(mirai__process *process, mirai__death *out);
void mirai__process_close(mirai__process *process); /* closes descriptors */
/* Kill, wait for the end, reap, close. */
void mirai__process_stop(mirai__process *process, mirai__death *out);
/* "killed by signal 9 (SIGKILL)", "exited with status 3", "exited, but the host program reaped it": into out. */
void mirai__death_text(const mirai__death *death, char *out, size_t size);
const char *mirai__signal_name(int signal); /* "SIGKILL"; NULL when unknown */

/* ---- the last lines that a process wrote ---- */

#define MIRAI__TAIL_SIZE 4096
typedef struct mirai__tail {
    char *data; /* ring of MIRAI__TAIL_SIZE, allocated with the first byte */
    size_t end; /* total bytes seen */
} mirai__tail;

void mirai__tail_add(mirai__tail *tail, const char *data, size_t size);
/* Read what is there without blocking; false at the end of the stream. */
bool mirai__tail_read(mirai__tail *tail, int fd);
/* The last whole lines as owned text, bytes that are no UTF-8 replaced; NULL when there are none or no memory. */
char *mirai__tail_text(const mirai__tail *tail);
void mirai__tail_fini(mirai__tail *tail);

/* ---- which program ---- */

/* Program that is started when no command is given (launch.h); owned. *is_self: it is this program. */
mirai_status mirai__program(char **out, bool *is_self);
/* Said by mirai_main(): this program may be re-executed as a daemon. */
void mirai__program_is_self(int argc, char **argv);
/* Command line of that re-execution; borrowed, for ever; NULL before mirai_main() has said so. */
const char *const *mirai__program_arguments(void);
/* Folder of the file that this code is in: the library, or the program that it is linked into. */
bool mirai__library_folder(char *out, size_t size);
/* Build id of this program (GNU note, else a hash of path, size and time of change); zeros when unknown. */
void mirai__program_build_id(uint8_t out[MIRAI__BUILD_ID_SIZE]);

#endif
