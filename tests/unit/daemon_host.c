/*
 * The host's side of the tests of a daemon. Everything that goes wrong here fails the test.
 */
#include "daemon_host.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "alloc.h"
#include "clock.h"

static void spawn(host *host, const char *mode, mirai__spawn *spawn)
{
    *host = (struct host){.link = host->link};
    assert_int_equal(setenv("TEST_MODE", mode, 1), 0);
    spawn->launch = 42;
    assert_int_equal(mirai__spawn_process(spawn, &host->process), MIRAI_OK);
    (void)unsetenv("TEST_MODE");
}

void host_start(host *host, const char *mode)
{
    mirai__channel *channel;
    int fd;
    assert_int_equal(mirai__channel_pair(&channel, &fd), MIRAI_OK);
    host->link = mirai__link_new(channel, &mirai__limits_local);
    assert_non_null(host->link);
    mirai__spawn how = {.socket = fd};
    spawn(host, mode, &how);
    (void)close(fd);
}

void host_start_at(host *host, const char *mode, const char *url)
{
    const uint8_t token[MIRAI__TOKEN_SIZE] = "0123456789abcde";
    mirai__listener *listener;
    mirai__channel *channel;
    mirai_status status;
    assert_int_equal(mirai__listen(url, &listener), MIRAI_OK);
    host->link = NULL;
    mirai__spawn how = {.socket = -1, .url = mirai__listener_url(listener), .token = token};
    spawn(host, mode, &how);
    struct pollfd ready = {.fd = mirai__listener_fd(listener), .events = POLLIN};
    while ((status = mirai__listener_accept(listener, &channel)) == MIRAI_E_AGAIN)
        (void)poll(&ready, 1, -1);
    assert_int_equal(status, MIRAI_OK);
    host->link = mirai__link_new(channel, &mirai__limits_local);
    assert_non_null(host->link);
    mirai__listener_free(listener);
}

mirai__segment *host_segment(mirai_value *value)
{
    mirai__segment *segment;
    assert_non_null(value);
    assert_int_equal(mirai__encode(value, NULL, 0, &segment), MIRAI_OK);
    mirai_value_release(value);
    return segment;
}

void host_send(host *host, uint8_t kind, int32_t aux, uint64_t attempt, mirai__segment *segment)
{
    mirai__frame frame = {.kind = kind,
                          .aux = aux,
                          .task = 1000 + attempt,
                          .attempt = attempt,
                          .incarnation = 9,
                          .segment = segment};
    assert_int_equal(mirai__link_send_all(host->link, &frame, MIRAI__NEVER), MIRAI_OK);
    mirai__frame_fini(&frame);
}

mirai__frame host_receive(host *host, uint8_t kind)
{
    mirai__frame frame;
    mirai_status status;
    while ((status = mirai__link_receive(host->link, &frame)) == MIRAI_E_AGAIN)
        assert_int_equal(mirai__link_wait(host->link, false, -1, MIRAI__NEVER), MIRAI_OK);
    assert_int_equal(status, MIRAI_OK);
    assert_int_equal(frame.kind, kind);
    return frame;
}

void host_welcome(host *host)
{
    mirai__frame frame = host_receive(host, MIRAI__FRAME_HELLO);
    assert_int_equal(mirai__hello_read(&frame, NULL, &host->hello), MIRAI_OK);
    mirai__frame_fini(&frame);
    host_send(host, MIRAI__FRAME_WELCOME, 0, 0, host_segment(mirai_dict(NULL, NULL, 0)));
}

void host_job(host *host, const char *function, mirai_value *args)
{
    host->attempt++;
    host_send(host, MIRAI__FRAME_JOB, 0, host->attempt,
              host_segment(
                  mirai_list_of(mirai_string(function), args, mirai_string("label"), MIRAI_END)));
}

mirai_value *host_result(host *host, mirai_outcome *outcome)
{
    mirai__frame frame = host_receive(host, MIRAI__FRAME_RESULT);
    mirai_value *value = NULL;
    assert_int_equal(frame.attempt, host->attempt);
    assert_int_equal(frame.task, 1000 + host->attempt);
    assert_int_equal(frame.incarnation, 9);
    assert_int_equal(mirai__decode(frame.segment, NULL, &mirai__limits_local, &value), MIRAI_OK);
    assert_int_equal(frame.aux,
                     mirai_value_is_error(value) ? MIRAI_OUTCOME_FAILED : MIRAI_OUTCOME_VALUE);
    if (outcome != NULL) *outcome = frame.aux;
    mirai__frame_fini(&frame);
    return value;
}

mirai_value *host_run(host *host, const char *function, mirai_value *args)
{
    host_job(host, function, args);
    return host_result(host, NULL);
}

char *host_await_death(host *host, mirai__death *death)
{
    mirai_status status;
    struct pollfd ready = {.fd = host->process.pidfd, .events = POLLIN};
    while ((status = mirai__process_reap(&host->process, death)) == MIRAI_E_AGAIN)
        (void)poll(&ready, 1, -1);
    assert_int_equal(status, MIRAI_OK);
    (void)mirai__tail_read(&host->tail, host->process.output_fd);
    char *text = mirai__tail_text(&host->tail);
    mirai__tail_fini(&host->tail);
    mirai__process_close(&host->process);
    mirai__link_free(host->link);
    host->link = NULL;
    return text;
}

void host_close(host *host)
{
    mirai__death death;
    host_send(host, MIRAI__FRAME_CLOSE, 0, 0, NULL);
    char *text = host_await_death(host, &death);
    if (text != NULL) fail_msg("it said: %s", text);
    assert_true(death.known);
    assert_int_equal(death.signal, 0);
    assert_int_equal(death.exit_status, 0);
}
