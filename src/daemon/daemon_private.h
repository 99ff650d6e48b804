/*
 * daemon_private: the two threads of a daemon and what lies between them. The main thread (daemon.c) runs
 * jobs and sends their results. The control thread (control.c) receives what comes meanwhile, and sees
 * the host die.
 *
 * Where the link is in shared memory, the main thread receives while it has no job (idle.c), so that a job
 * wakes no other thread. Otherwise the control thread receives all frames.
 */
#ifndef MIRAI__DAEMON_PRIVATE_H
#define MIRAI__DAEMON_PRIVATE_H

#include <pthread.h>
#include <stdbool.h>

#include "job.h"
#include "lending.h"
#include "link.h"
#include "session.h"
#include "shares.h"
#include "settings.h"
#include "spin.h"
#include "states.h"

enum { MIRAI__EXIT_FAULT = 3 /* status of a daemon that had to leave by itself */ };

struct mirai_daemon {
    mirai__session session; /* main thread */
    mirai__shares shares;   /* has its own lock */
    mirai__link *link;      /* receiving: under `receiving`; sending: under `sending` */
    mirai__lending lending; /* constant while the control thread lives */
    mirai__claims *claims;  /* where jobs are claimed before they are begun; NULL: there is never more than one. Constant likewise */
    pthread_t control;
    int wake_fd;             /* readable: the control thread is to end */
    int host_fd;             /* readable: the host is dead; -1: not known to be a parent of ours */
    int watch_fd;            /* readable: one of these two is */
    int timer_fd;            /* readable: the control thread is to look after the job */
    bool host_unwatched;     /* it is our parent, but no pidfd is to be had (before Linux 5.3): look now and then */
    pthread_mutex_t receiving; /* the one below is taken under it */
    pthread_mutex_t sending; /* one frame is written at a time; neither of the others is taken under it */

    mirai__states states; /* main thread */
    int64_t started, idle_since; /* main thread; now_ms */
    int64_t jobs;                /* main thread: tasks that were run */
    uint32_t served;             /* main thread: with setups, to time one now and then */
    mirai__spin spin;            /* main thread */

    pthread_mutex_t lock; /* guards what follows, and on_cancel of the present job */
    pthread_cond_t changed;
    mirai_job *present;  /* from its frame until its end, or from the end of the one before */
    mirai__list ahead;   /* mirai_job: those that wait behind it, in order */
    uint32_t ahead_count;
    uint8_t next_slot;   /* of the next JOB frame */
    bool taken;          /* the main thread has it */
    bool dozes;          /* the main thread sleeps, or is about to, in mirai__link_doze() */
    uint64_t news;       /* how often something below or above has changed that it may wait for */
    uint64_t begun;      /* jobs that were accepted */
    uint64_t looked_at;  /* of these, when the control thread last looked */
    bool ticking;        /* timer_fd is set */
    mirai__segment *environ; /* owned: variables for the next job; NULL: none */
    bool welcomed;       /* the host has answered */
    mirai__settings settings; /* constant once welcomed */
    int32_t exit_code;   /* it has said that it leaves by itself, with this status; 0: not */
    int64_t leave_by;    /* and does not wait for an answer any longer than this */
    bool closing;        /* the host asked us to end after the present job */
    bool leaving;        /* the main thread is on its way out */
    bool stop;           /* the control thread is to end */
    mirai_status status; /* why nothing more can be done; MIRAI_OK: it can */
    char detail[1024];
};

/* Take channel, also on failure, and start the control thread on it. */
mirai_status mirai__control_start(mirai_daemon *daemon, mirai__channel *channel);
/* End the control thread; when this returns it is gone. Nothing when it was not started. */
void mirai__control_stop(mirai_daemon *daemon);
/* Either thread, under no lock: send a frame whole. Does not return when the host is gone, unless
 * we are leaving. */
mirai_status mirai__control_send(mirai_daemon *daemon, const mirai__frame *frame);
/* Main thread, under no lock: tell the host now of what is due to it, should no frame go there soon. */
void mirai__control_settle(mirai_daemon *daemon);
/* Main thread, lock held and dropped meanwhile: wait until there is news, or the deadline. Receives what has come, also
 * where the deadline has passed. */
void mirai__idle_wait(mirai_daemon *daemon, int64_t deadline);
/* Lock held: there is news for the main thread. */
void mirai__idle_tell(mirai_daemon *daemon);
/* Under `receiving`: deal with all frames that have come. MIRAI_OK; why no more can come. */
mirai_status mirai__control_receive(mirai_daemon *daemon, bool *any);
/* Main thread, under no lock: receiving gave this. Does not return when the host is gone, unless we are leaving. */
void mirai__control_lost(mirai_daemon *daemon, mirai_status status);
/* Lock held: the present job is out of the way; the next that waits is the present one. */
void mirai__control_next(mirai_daemon *daemon);
/* Lock held: put all jobs that nobody has taken into an empty list, to be freed. */
void mirai__control_drop(mirai_daemon *daemon, mirai__list *into);
/* Make the loop end with this status and the calling thread's detail text; the first one counts. Whether the main thread is
 * at a job: it does not see it before that has ended. */
bool mirai__control_fault(mirai_daemon *daemon, mirai_status status);

/* Read the environment; an inherited socket is watched from here on, an address is dialled only
 * when greeting. */
mirai_status mirai__daemon_new(mirai_daemon **out);
/* Say hello and wait for the welcome. */
mirai_status mirai__daemon_greet(mirai_daemon *daemon);
/* From here on the host's end of the connection is no reason to be killed at once. */
void mirai__daemon_leave(mirai_daemon *daemon);

#endif
