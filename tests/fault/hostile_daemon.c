/*
 * hostile_daemon: see hostile_daemon.h. Frames are built here by hand, from src/wire/FORMAT.md.
 */
#include "hostile_daemon.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "hostile_ring.h"
#include "hostile_slab.h"

enum { HEADER = 64, HELLO = 128, KIND_HELLO = 1, KIND_JOB = 3, KIND_RESULT = 4, KIND_PONG = 7, KIND_LEAVE = 9,
       KIND_PROGRESS = 11, KIND_EMIT = 12, KIND_RELEASE = 16, KIND_FORGET = 17, LENT = 2 };

typedef struct header {
    int kind, version, flags;
    int32_t aux;
    uint32_t buffers;
    uint64_t task, attempt, incarnation, body, stored, buffer_size;
} header;

void hostile_noise(uint8_t *into, unsigned size, uint32_t seed)
{
    for (unsigned i = 0; i < size; i++) {
        seed = seed * 1664525U + 1013904223U;
        into[i] = (uint8_t)(seed >> 24);
    }
}

static void rest(void)
{
    struct timespec second = {.tv_sec = 1};
    for (;;) (void)nanosleep(&second, NULL);
}

/* ---- connections ----------------------------------------------------------------------------- */

int hostile_connect(const char *url)
{
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    struct sockaddr_in net = {.sin_family = AF_INET};
    struct sockaddr *address = (struct sockaddr *)&local;
    socklen_t size = sizeof local;
    int family = AF_UNIX, port = 0;
    if (strncmp(url, "ipc://", 6) == 0) {
        (void)snprintf(local.sun_path, sizeof local.sun_path, "%s", url + 6);
    } else if (strncmp(url, "abstract://", 11) == 0) {
        (void)snprintf(local.sun_path + 1, sizeof local.sun_path - 1, "%s", url + 11);
        size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(url + 11));
    } else if (sscanf(url, "tcp://127.0.0.1:%d", &port) == 1) {
        family = AF_INET;
        net.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        net.sin_port = htons((uint16_t)port);
        address = (struct sockaddr *)&net;
        size = sizeof net;
    } else {
        return -1;
    }
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    if (connect(fd, address, size) == 0) return fd;
    (void)close(fd);
    return -1;
}

static bool put(int fd, const void *data, size_t size)
{
    const uint8_t *at = data;
    if (hostile_ring_is_open(fd)) return hostile_ring_put(data, size);
    while (size > 0) {
        ssize_t done = send(fd, at, size, MSG_NOSIGNAL);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return false;
        at += done;
        size -= (size_t)done;
    }
    return true;
}

static bool get(int fd, void *data, size_t size)
{
    uint8_t *at = data;
    if (hostile_ring_is_open(fd)) return hostile_ring_get(data, size);
    while (size > 0) {
        ssize_t done = recv(fd, at, size, 0);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return false;
        at += done;
        size -= (size_t)done;
    }
    return true;
}

/* ---- frames ---------------------------------------------------------------------------------- */

static void store(uint8_t *at, uint64_t number, int size)
{
    for (int i = 0; i < size; i++) at[i] = (uint8_t)(number >> (8 * i));
}

static uint64_t load(const uint8_t *at, int size)
{
    uint64_t number = 0;
    for (int i = size - 1; i >= 0; i--) number = number << 8 | at[i];
    return number;
}

static bool put_header(int fd, const header *header)
{
    uint8_t bytes[HEADER] = {0x6d, 0x69, 0x72, 0xa1};
    bytes[4] = (uint8_t)(header->version != 0 ? header->version : 1);
    bytes[5] = (uint8_t)header->kind;
    bytes[6] = (uint8_t)header->flags;
    store(bytes + 8, (uint32_t)header->aux, 4);
    store(bytes + 12, header->buffers, 4);
    store(bytes + 16, header->task, 8);
    store(bytes + 24, header->attempt, 8);
    store(bytes + 32, header->incarnation, 8);
    store(bytes + 40, header->body, 8);
    store(bytes + 48, header->stored != 0 ? header->stored : header->body, 8);
    store(bytes + 56, header->buffer_size, 8);
    return put(fd, bytes, sizeof bytes);
}

static uint64_t number_of(const char *variable)
{
    const char *text = getenv(variable);
    return text != NULL ? strtoull(text, NULL, 10) : 0;
}

static int open_connection(uint8_t *token)
{
    const char *url = getenv("MIRAI_DAEMON_URL");
    if (url == NULL) {
        int fd = (int)number_of("MIRAI_DAEMON_FD");
        (void)hostile_ring_open(fd);
        return fd;
    }
    ssize_t got = read((int)number_of("MIRAI_TOKEN_FD"), token, 16);
    return got == 16 ? hostile_connect(url) : -1;
}

static bool say_hello(int fd, const uint8_t *token, size_t size)
{
    uint8_t record[HELLO] = {0};
    memcpy(record, token, 16);
    store(record + 16, 1, 4);
    store(record + 24, (uint64_t)getpid(), 8);
    store(record + 32, number_of("MIRAI_DAEMON_LAUNCH"), 8);
    (void)snprintf((char *)record + 64, 64, "liar");
    const header header = {.kind = KIND_HELLO, .body = HELLO};
    return put_header(fd, &header) && put(fd, record, size);
}

static bool skip(int fd, uint64_t size)
{
    uint8_t waste[4096];
    while (size > 0) {
        size_t part = size < sizeof waste ? (size_t)size : sizeof waste;
        if (!get(fd, waste, part)) return false;
        size -= part;
    }
    return true;
}

/* Read one frame whole; its header. */
static bool get_frame(int fd, header *out)
{
    uint8_t bytes[HEADER];
    if (!get(fd, bytes, sizeof bytes)) return false;
    out->kind = bytes[5];
    out->buffers = (uint32_t)load(bytes + 12, 4);
    out->task = load(bytes + 16, 8);
    out->attempt = load(bytes + 24, 8);
    out->incarnation = load(bytes + 32, 8);
    return skip(fd, load(bytes + 48, 8) + 8 * (uint64_t)out->buffers + load(bytes + 56, 8));
}

/* ---- lies ------------------------------------------------------------------------------------ */

static void shout(int fd)
{
    uint8_t noise[65536];
    for (uint32_t seed = (uint32_t)getpid();; seed++) {
        hostile_noise(noise, sizeof noise, seed);
        if (!put(fd, noise, sizeof noise)) return;
    }
}

/* Before it has said who it is. False: there is no such mode. */
static bool lie_first(const char *mode, int fd, const uint8_t *token)
{
    uint8_t wrong[16] = {1};
    const header huge = {.kind = KIND_HELLO, .body = UINT64_C(1) << 40};
    const header newer = {.kind = KIND_HELLO, .version = 200, .body = HELLO};
    const header result = {.kind = KIND_RESULT, .body = 1};
    if (strcmp(mode, "silent") == 0)
        rest();
    else if (strcmp(mode, "noise") == 0)
        shout(fd);
    else if (strcmp(mode, "half") == 0)
        (void)say_hello(fd, token, HELLO / 2);
    else if (strcmp(mode, "half_and_end") == 0)
        (void)(say_hello(fd, token, HELLO / 2) && close(fd));
    else if (strcmp(mode, "wrong_token") == 0)
        (void)say_hello(fd, wrong, HELLO);
    else if (strcmp(mode, "huge_hello") == 0)
        (void)(put_header(fd, &huge) && (shout(fd), true));
    else if (strcmp(mode, "newer") == 0)
        (void)put_header(fd, &newer);
    else if (strcmp(mode, "result_first") == 0)
        (void)put_header(fd, &result);
    else
        return false;
    return true;
}

/* Progress and partial results that are none; true: there is such a mode. */
static bool say_wrongly(int fd, const char *mode, const header *job)
{
    /* [[reference to object 0, null]] with one object of the class "x", and [[0.5, "\xff"]] */
    static const uint8_t hooked[] = "\x83\x01\x81\x83\x61\x78\x00\x41\xf6\x82\xd9\xd1\xa2\x00\xf6";
    static const uint8_t no_text[] = "\x81\x82\xf9\x38\x00\x61\xff";
    static const struct {
        const char *mode;
        uint8_t kind, foreign;
        int count;
        const uint8_t *body;
        size_t size;
    } all[] = {
        {"progress_empty", KIND_PROGRESS, 0, 1, NULL, 0},
        {"progress_hooked", KIND_PROGRESS, 0, 1, hooked, sizeof hooked - 1},
        {"progress_no_text", KIND_PROGRESS, 0, 1, no_text, sizeof no_text - 1},
        {"progress_foreign", KIND_PROGRESS, 1, 100, no_text, sizeof no_text - 1},
        {"progress_flood", KIND_PROGRESS, 0, INT32_MAX, (const uint8_t *)"\x81\x82\xf9\x38\x00\xf6", 6},
        {"emit_empty", KIND_EMIT, 0, 1, NULL, 0},
        {"emit_foreign", KIND_EMIT, 1, 100, (const uint8_t *)"\x81\xf6", 2},
        {"emit_flood", KIND_EMIT, 0, INT32_MAX, (const uint8_t *)"\x81\xf6", 2},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (strcmp(mode, all[i].mode) != 0) continue;
        header said = {.kind = all[i].kind, .task = job->task, .incarnation = job->incarnation, .body = all[i].size};
        said.attempt = job->attempt + all[i].foreign;
        for (int n = 0; n < all[i].count; n++)
            if (!put_header(fd, &said) || !put(fd, all[i].body, all[i].size)) break;
        return true;
    }
    return false;
}

static void answer_wrongly(int fd, const char *mode)
{
    header job;
    uint8_t noise[256];
    while (get_frame(fd, &job)) {
        if (job.kind != KIND_JOB || say_wrongly(fd, mode, &job)) continue;
        header result = {.kind = KIND_RESULT, .task = job.task, .attempt = job.attempt, .incarnation = job.incarnation};
        if (strcmp(mode, "bad_body") == 0) {
            result.body = sizeof noise;
            hostile_noise(noise, sizeof noise, (uint32_t)job.attempt);
            noise[0] = 0xff;
            (void)(put_header(fd, &result) && put(fd, noise, sizeof noise));
        } else if (strcmp(mode, "bad_outcome") == 0) {
            result.body = 1;
            result.aux = 77;
            (void)(put_header(fd, &result) && put(fd, "\xf6", 1));
        } else if (strcmp(mode, "no_body") == 0) {
            (void)put_header(fd, &result);
        } else if (strcmp(mode, "leave_twice") == 0) {
            const header leave = {.kind = KIND_LEAVE};
            (void)(put_header(fd, &leave) && put_header(fd, &leave));
        } else { /* "stale": the attempt before */
            result.body = 1;
            result.attempt--;
            for (int i = 0; i < 100; i++) (void)(put_header(fd, &result) && put(fd, "\xf6", 1));
        }
    }
}

/* What is sent after the welcome where one header and one byte say it all. */
static const struct {
    const char *mode;
    header header;
} later[] = {
    {"huge_body", {.kind = KIND_RESULT, .task = 1, .attempt = 1, .body = UINT64_C(1) << 62}},
    {"large_body", {.kind = KIND_RESULT, .task = 1, .attempt = 1, .body = UINT64_C(1) << 30}}, /* never sent */
    {"job", {.kind = KIND_JOB, .task = 1, .attempt = 1, .body = 1}},
    {"leave", {.kind = KIND_LEAVE}},
    {"release", {.kind = KIND_RELEASE, .task = 1, .attempt = 1}},
    {"release_all", {.kind = KIND_RELEASE, .task = 1, .attempt = UINT64_MAX}},
    {"forget", {.kind = KIND_FORGET, .task = 1}},
};

/* A result that lies in memory of ours, or so we say: its slab, and where it is in there. */
static void lend(int fd, const char *mode)
{
    const header result = {.kind = KIND_RESULT, .flags = LENT, .task = 1, .attempt = 1, .body = 1,
                           .buffers = 1, .buffer_size = 4096};
    bool outside = strcmp(mode, "lent_outside") == 0;
    const uint64_t entry[4] = {4096, strcmp(mode, "lent_unknown") == 0 ? 9 : 1, outside ? 65536 - 64 : 0, 1};
    uint8_t bytes[sizeof entry];
    for (int i = 0; i < 4; i++) store(bytes + 8 * i, entry[i], 8);
    hostile_slab_pass(fd, mode);
    (void)(put_header(fd, &result) && put(fd, "\xf6", 1) && put(fd, bytes, sizeof bytes));
}

static void flood(int fd, const char *mode)
{
    header frame = {.kind = strcmp(mode, "pongs") == 0 ? KIND_PONG : KIND_RESULT};
    frame.body = frame.kind == KIND_RESULT;
    for (uint64_t i = 0; i < 100000; i++) {
        frame.attempt = frame.task = frame.kind == KIND_RESULT ? i : 0;
        if (!put_header(fd, &frame) || !put(fd, "\xf6", (size_t)frame.body)) break;
    }
}

/* After it was welcomed. */
static void lie_later(const char *mode, int fd, const uint8_t *token)
{
    for (size_t i = 0; i < sizeof later / sizeof *later; i++)
        if (strcmp(mode, later[i].mode) == 0) {
            (void)(put_header(fd, &later[i].header) && put(fd, "\xf6", later[i].header.body > 0));
            return;
        }
    if (hostile_ring_lie(mode)) return;
    if (strcmp(mode, "noise_later") == 0) {
        shout(fd);
    } else if (strcmp(mode, "large_buffers") == 0) {
        header frame = {.kind = KIND_RESULT, .task = 1, .attempt = 1, .body = 1};
        frame.buffers = 1024 * 1024;
        frame.buffer_size = UINT64_C(1) << 40;
        (void)(put_header(fd, &frame) && put(fd, "\xf6", 1) && (shout(fd), true));
    } else if (strncmp(mode, "lent", 4) == 0) {
        lend(fd, mode);
    } else if (strcmp(mode, "foreign") == 0 || strcmp(mode, "pongs") == 0) {
        flood(fd, mode);
    } else if (strcmp(mode, "hello_again") == 0) {
        (void)say_hello(fd, token, HELLO);
    } else if (strcmp(mode, "deaf") != 0) {
        answer_wrongly(fd, mode);
    }
}

int hostile_lie(const char *mode)
{
    uint8_t token[16] = {0};
    header welcome;
    (void)signal(SIGTERM, SIG_IGN);
    int fd = open_connection(token);
    if (fd < 0) return 4;
    if (!lie_first(mode, fd, token)) {
        if (!say_hello(fd, token, HELLO) || !get_frame(fd, &welcome)) return 5;
        lie_later(mode, fd, token);
    }
    return 0;
}

int hostile_daemon(const char *mode)
{
    int status = hostile_lie(mode);
    if (status == 0) rest();
    return status;
}
