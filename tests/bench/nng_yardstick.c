/*
 * nng_yardstick: a round trip of eight bytes over an NNG byte stream, through the channels that the
 * library itself puts over them, between two processes bound as the measured pair is.
 */
#include "bench.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "channel.h"
#include "clock.h"

static void write_all(mirai__channel *channel, uint64_t number)
{
    uint8_t bytes[sizeof number];
    memcpy(bytes, &number, sizeof number);
    for (size_t done = 0; done < sizeof bytes;) {
        struct iovec vector = {bytes + done, sizeof bytes - done};
        ssize_t put = channel->ops->write(channel, &vector, 1);
        struct pollfd one = {.fd = channel->fd, .events = channel->ops->writable(channel)};
        if (put == -EAGAIN) {
            bench_true(poll(&one, 1, -1) >= 0 || errno == EINTR);
            continue;
        }
        bench_true(put > 0);
        done += (size_t)put;
    }
}

static uint64_t read_all(mirai__channel *channel)
{
    uint64_t number;
    uint8_t bytes[sizeof number];
    for (size_t done = 0; done < sizeof bytes;) {
        ssize_t got = channel->ops->read(channel, bytes + done, sizeof bytes - done);
        struct pollfd one = {.fd = channel->fd, .events = POLLIN};
        if (got == -EAGAIN) {
            bench_true(poll(&one, 1, -1) >= 0 || errno == EINTR);
            continue;
        }
        bench_true(got > 0);
        done += (size_t)got;
    }
    memcpy(&number, bytes, sizeof number);
    return number;
}

static _Noreturn void answer(int start, const char *url, size_t count)
{
    char go;
    mirai__channel *channel;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    bench_true(read(start, &go, 1) == 1);
    bench_ok(mirai__dial(url, mirai__deadline(10000), &channel));
    for (size_t i = 0; i < count; i++) write_all(channel, read_all(channel));
    _exit(0);
}

static mirai__channel *accept_one(mirai__listener *listener)
{
    for (;;) {
        mirai__channel *channel;
        mirai_status status = mirai__listener_accept(listener, &channel);
        if (status == MIRAI_OK) return channel;
        bench_true(status == MIRAI_E_AGAIN);
        struct pollfd bell = {.fd = mirai__listener_fd(listener), .events = POLLIN};
        bench_true(poll(&bell, 1, 10000) == 1);
    }
}

int main(int argc, char **argv)
{
    bench_start(argc, argv);
    size_t count = bench_count(3000), warm = count / 10;
    int64_t *times = bench_times(count);
    char url[64];
    int start[2];
    (void)snprintf(url, sizeof url, "abstract://mirai-bench-%ld", (long)getpid());
    bench_true(pipe(start) == 0);
    pid_t peer = fork(); /* before NNG has any thread */
    bench_true(peer >= 0);
    bench_pin(peer == 0 ? BENCH_DAEMON_CPU : BENCH_HOST_CPU);
    if (peer == 0) answer(start[0], url, warm + count);

    mirai__listener *listener;
    bench_ok(mirai__listen(url, &listener));
    bench_true(write(start[1], "", 1) == 1);
    mirai__channel *channel = accept_one(listener);
    for (size_t i = 0; i < warm + count; i++) {
        int64_t began = bench_now_ns();
        write_all(channel, i);
        bench_true(read_all(channel) == i);
        if (i >= warm) times[i - warm] = bench_now_ns() - began;
    }
    int status = 1;
    bench_true(waitpid(peer, &status, 0) == peer && status == 0);
    channel->ops->free(channel);
    mirai__listener_free(listener);
    bench_say("nng_stream_pingpong_us", bench_median_us(times, count), "us", NULL);
    free(times);
    return 0;
}
