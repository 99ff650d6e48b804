/*
 * A host for one daemon, in the test process: it speaks frames to a real child, which is this
 * program started again.
 */
#ifndef DAEMON_HOST_H
#define DAEMON_HOST_H

#include "hello.h"
#include "link.h"
#include "message.h"
#include "spawn.h"

typedef struct host {
    mirai__link *link;
    mirai__process process;
    mirai__hello hello;
    mirai__tail tail;
    uint64_t attempt; /* of the last job that was sent */
} host;

/* Start a daemon and read its greeting. `mode` is put into its environment as TEST_MODE. */
void host_start(host *host, const char *mode);
/* The same, by a listener at `url`. */
void host_start_at(host *host, const char *mode, const char *url);
void host_send(host *host, uint8_t kind, int32_t aux, uint64_t attempt,
               mirai__segment *segment); /* takes segment */
void host_welcome(host *host);
/* Send a job with the next attempt; takes args. */
void host_job(host *host, const char *function, mirai_value *args);
/* Next frame: must come, and be of this kind. Owned. */
mirai__frame host_receive(host *host, uint8_t kind);
/* Next frame, which must be the result of the last job. Owned; *outcome may be NULL. */
mirai_value *host_result(host *host, mirai_outcome *outcome);
/* Send a job and give its result. */
mirai_value *host_run(host *host, const char *function, mirai_value *args);
/* Wait for its death; gives its last words, owned, or NULL. Frees all. */
char *host_await_death(host *host, mirai__death *death);
/* CLOSE, and an orderly end. */
void host_close(host *host);
/* A segment of a value; takes value. */
mirai__segment *host_segment(mirai_value *value);

#endif
