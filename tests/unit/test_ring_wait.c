/*
 * Waiting on a ring without polls: what a reader is owed while it sleeps, dozes, is busy or looks by itself, and that no
 * wake-up is lost between a reader that dozes, one that stands in for it, and a writer.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <unistd.h>

#include <cmocka.h>

#include "channel_ends.h"
#include "shared_ring.h"
#include "spin.h"

enum { PATIENCE_MS = 120000, ROUNDS = 20000 };

static const mirai__memory_ops *memory_of(const mirai__channel *channel)
{
    assert_non_null(channel->memory);
    return channel->memory;
}

static bool is_readable(const mirai__channel *channel)
{
    struct pollfd watched = {.fd = channel->fd, .events = POLLIN};
    return poll(&watched, 1, 0) == 1;
}

static bool write_byte(mirai__channel *channel, bool patient)
{
    static const char byte = 'x';
    struct iovec vector = {.iov_base = (void *)(uintptr_t)&byte, .iov_len = 1};
    channel->patient = patient;
    return channel->ops->write(channel, &vector, 1) == 1;
}

/* How many bytes there were. */
static size_t drain(mirai__channel *channel)
{
    char bytes[64];
    size_t total = 0;
    ssize_t got;
    while ((got = channel->ops->read(channel, bytes, sizeof bytes)) > 0) total += (size_t)got;
    assert_int_equal(got, -EAGAIN);
    return total;
}

static void test_ring_wait__only_rings_can(void **state)
{
    (void)state;
    channel_ends pair = ends_open(BY_PAIR), rings = ends_open(BY_RING);
    assert_null(pair.a->memory);
    assert_null(pair.b->memory);
    assert_non_null(rings.a->memory);
    assert_non_null(rings.b->memory);
    ends_close(&pair);
    ends_close(&rings);
}

static void test_ring_wait__looking_takes_nothing_away(void **state)
{
    (void)state;
    channel_ends ends = ends_open(BY_RING);
    const mirai__memory_ops *memory = memory_of(ends.b);
    assert_false(memory->look(ends.b));
    assert_true(write_byte(ends.a, false));
    assert_true(memory->look(ends.b));
    assert_true(memory->look(ends.b));
    assert_int_equal(drain(ends.b), 1);
    assert_false(memory->look(ends.b));
    ends.b->ops->shutdown(ends.b);
    assert_true(memory->look(ends.b)); /* the end, too, is something to read */
    ends_close(&ends);
}

static void test_ring_wait__no_bell_for_who_looks(void **state)
{
    (void)state;
    channel_ends ends = ends_open(BY_RING);
    for (int i = 0; i < 3; i++) {
        memory_of(ends.b)->hush(ends.b);
        assert_true(write_byte(ends.a, false));
        assert_false(is_readable(ends.b));
        assert_int_equal(drain(ends.b), 1); /* and it sleeps */
        assert_true(write_byte(ends.a, false));
        assert_true(is_readable(ends.b));
        assert_int_equal(drain(ends.b), 1);
        assert_false(is_readable(ends.b)); /* the bell is taken away */
    }
    ends_close(&ends);
}

static void test_ring_wait__the_patient_do_not_disturb(void **state)
{
    (void)state;
    channel_ends ends = ends_open(BY_RING);
    assert_true(write_byte(ends.a, true)); /* one who does not attend is called for anything */
    assert_true(is_readable(ends.b));
    assert_int_equal(drain(ends.b), 1);
    memory_of(ends.b)->attend(ends.b);
    memory_of(ends.b)->hush(ends.b);
    assert_int_equal(drain(ends.b), 0);
    assert_true(write_byte(ends.a, true));
    assert_false(is_readable(ends.b));
    assert_true(write_byte(ends.a, false));
    assert_true(is_readable(ends.b));
    assert_int_equal(drain(ends.b), 2);
    assert_false(is_readable(ends.b));
    ends_close(&ends);
}

static void test_ring_wait__parks_only_over_an_empty_ring(void **state)
{
    (void)state;
    channel_ends ends = ends_open(BY_RING);
    const mirai__memory_ops *memory = memory_of(ends.b);
    assert_true(write_byte(ends.a, false));
    assert_false(memory->park(ends.b));
    assert_int_equal(drain(ends.b), 1);
    assert_true(memory->park(ends.b));
    assert_true(write_byte(ends.a, true));
    assert_false(is_readable(ends.b)); /* it is woken, not rung for */
    memory->doze(ends.b, -1);          /* and so does not sleep */
    assert_int_equal(drain(ends.b), 1);
    assert_true(memory->park(ends.b));
    memory->rouse(ends.b);
    memory->doze(ends.b, -1);
    assert_true(memory->park(ends.b));
    memory->doze(ends.b, 1); /* its time passes */
    ends_close(&ends);
}

static void test_ring_wait__tells_how_to_wait(void **state)
{
    (void)state;
    static const int ways[] = {MIRAI__SPIN_PAUSE, MIRAI__SPIN_YIELD, MIRAI__SPIN_NOT};
    channel_ends ends = ends_open(BY_RING);
    assert_int_equal(memory_of(ends.b)->active(ends.b), MIRAI__SPIN_NOT);
    for (size_t i = 0; i < 3; i++) {
        memory_of(ends.a)->set_active(ends.a, ways[i]);
        assert_int_equal(memory_of(ends.b)->active(ends.b), ways[i]);
    }
    memory_of(ends.a)->set_active(ends.a, 77); /* what a hostile peer may say */
    assert_int_equal(memory_of(ends.b)->active(ends.b), MIRAI__SPIN_NOT);
    ends_close(&ends);
}

/* ---- two readers of one ring, and a writer, as in a daemon ------------------------------------- */

typedef struct readers {
    mirai__channel *channel;
    pthread_mutex_t reading, lock;
    uint64_t news;    /* under lock */
    bool dozes, over; /* under lock */
    _Atomic size_t taken;
    size_t done;      /* the main thread's */
} readers;

static size_t take(readers *self)
{
    char byte;
    size_t total = 0;
    while (self->channel->ops->read(self->channel, &byte, 1) == 1) total++;
    atomic_fetch_add(&self->taken, total);
    return total;
}

/* Sleeps without the descriptor while there is nothing; answers each byte with one. */
static void *be_main(void *argument)
{
    readers *self = argument;
    const mirai__memory_ops *memory = self->channel->memory;
    for (bool over = false; !over;) {
        (void)pthread_mutex_lock(&self->lock);
        uint64_t seen = self->news;
        (void)pthread_mutex_unlock(&self->lock);
        (void)pthread_mutex_lock(&self->reading);
        size_t got = take(self);
        bool parked = got == 0 && memory->park(self->channel);
        (void)pthread_mutex_unlock(&self->reading);
        for (size_t all = atomic_load(&self->taken); self->done < all; self->done++)
            (void)write_byte(self->channel, false);
        (void)pthread_mutex_lock(&self->lock);
        over = self->over;
        self->dozes = parked && !over && self->news == seen && self->done == atomic_load(&self->taken);
        bool dozes = self->dozes;
        (void)pthread_mutex_unlock(&self->lock);
        if (dozes) memory->doze(self->channel, PATIENCE_MS);
        (void)pthread_mutex_lock(&self->lock);
        self->dozes = false;
        (void)pthread_mutex_unlock(&self->lock);
    }
    return NULL;
}

static void tell(readers *self, bool over)
{
    (void)pthread_mutex_lock(&self->lock);
    self->news++;
    if (over) self->over = true;
    if (self->dozes) self->channel->memory->rouse(self->channel);
    (void)pthread_mutex_unlock(&self->lock);
}

/* Reads whenever it likes, as one that a bell has called, and then rouses the other. */
static void *be_control(void *argument)
{
    readers *self = argument;
    for (bool over = false; !over;) {
        (void)pthread_mutex_lock(&self->reading);
        (void)take(self);
        (void)pthread_mutex_unlock(&self->reading);
        tell(self, false);
        struct pollfd watched = {.fd = self->channel->fd, .events = POLLIN};
        (void)poll(&watched, 1, 1);
        (void)pthread_mutex_lock(&self->lock);
        over = self->over;
        (void)pthread_mutex_unlock(&self->lock);
    }
    return NULL;
}

static void test_ring_wait__loses_no_wake_up_between_two_readers(void **state)
{
    (void)state;
    channel_ends ends = ends_open(BY_RING);
    readers both = {.channel = ends.b};
    (void)pthread_mutex_init(&both.reading, NULL);
    (void)pthread_mutex_init(&both.lock, NULL);
    ends.b->memory->attend(ends.b);
    pthread_t threads[2];
    assert_int_equal(pthread_create(&threads[0], NULL, be_main, &both), 0);
    assert_int_equal(pthread_create(&threads[1], NULL, be_control, &both), 0);
    size_t answered = 0;
    bool good = true;
    for (size_t sent = 0; sent < ROUNDS && good;) {
        size_t burst = 1 + sent % 3;
        for (size_t i = 0; i < burst; i++, sent++) good = good && write_byte(ends.a, sent % 5 != 0);
        char byte;
        for (size_t i = 0; i < burst && good; i++) good = read_all(ends.a, &byte, 1); /* gives up when it hangs */
        answered += burst;
    }
    tell(&both, true);
    for (int i = 0; i < 2; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_true(good);
    assert_int_equal(both.done, answered);
    (void)pthread_mutex_destroy(&both.reading);
    (void)pthread_mutex_destroy(&both.lock);
    ends_close(&ends);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ring_wait__only_rings_can),
        cmocka_unit_test(test_ring_wait__looking_takes_nothing_away),
        cmocka_unit_test(test_ring_wait__no_bell_for_who_looks),
        cmocka_unit_test(test_ring_wait__the_patient_do_not_disturb),
        cmocka_unit_test(test_ring_wait__parks_only_over_an_empty_ring),
        cmocka_unit_test(test_ring_wait__tells_how_to_wait),
        cmocka_unit_test(test_ring_wait__loses_no_wake_up_between_two_readers),
    };
    return cmocka_run_group_tests_name("ring_wait", tests, NULL, NULL);
}
