/*
 * Claims: of who takes and who revokes exactly one succeeds, whoever is first, whatever the other writes into the words.
 * The other thread reports by an array; assertions are made on the test's own thread.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "channel_ends.h"
#include "claims.h"
#include "link.h"
#include "shared_ring.h"

static const uint64_t last_attempt = (UINT64_C(1) << 63) - 1;

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void test_claims__bad_arguments(void **state)
{
    (void)state;
    static mirai__claims claims;
    assert_true(mirai__claims_take(NULL, 3, 1)); /* no words: nothing is lent, all may be begun */
    assert_true(mirai__claims_take(NULL, 3, 1));

    assert_false(mirai__claims_take(&claims, 3, 7)); /* never offered */
    assert_false(mirai__claims_revoke(&claims, 3, 7));

    mirai__claims_offer(&claims, 3, 7);
    assert_false(mirai__claims_take(&claims, 3, 6)); /* another attempt */
    assert_false(mirai__claims_take(&claims, 3, 8));
    assert_false(mirai__claims_revoke(&claims, 3, 6));
    assert_false(mirai__claims_revoke(&claims, 3, 8));
    assert_false(mirai__claims_take(&claims, 2, 7)); /* another slot */
    assert_false(mirai__claims_revoke(&claims, 4, 7));

    assert_true(mirai__claims_take(&claims, 3, 7));
    assert_false(mirai__claims_take(&claims, 3, 7)); /* taken */
    assert_false(mirai__claims_revoke(&claims, 3, 7));

    mirai__claims_offer(&claims, 3, 9);
    assert_false(mirai__claims_take(&claims, 3, 7)); /* offered anew */
    assert_false(mirai__claims_revoke(&claims, 3, 7));
    assert_true(mirai__claims_revoke(&claims, 3, 9));
    assert_false(mirai__claims_revoke(&claims, 3, 9)); /* revoked */
    assert_false(mirai__claims_take(&claims, 3, 9));

    mirai__claims_offer(&claims, 3, 10);
    assert_false(mirai__claims_take(&claims, 3, 9)); /* revoked, and offered anew */
    assert_true(mirai__claims_take(&claims, 3, 10));
}

static void test_claims__slots_are_apart(void **state)
{
    (void)state;
    static mirai__claims claims;
    for (int slot = 0; slot < MIRAI__CLAIMS; slot++) mirai__claims_offer(&claims, (uint8_t)slot, last_attempt);
    for (int slot = 0; slot < MIRAI__CLAIMS; slot += 2)
        assert_true(mirai__claims_revoke(&claims, (uint8_t)slot, last_attempt));
    for (int slot = 0; slot < MIRAI__CLAIMS; slot++)
        assert_true(mirai__claims_take(&claims, (uint8_t)slot, last_attempt) == (slot % 2 == 1));
    for (int slot = 0; slot < MIRAI__CLAIMS; slot++)
        assert_false(mirai__claims_revoke(&claims, (uint8_t)slot, last_attempt));
}

/* ---- both at a time --------------------------------------------------------------------------- */

enum { ROUNDS = 128000, BATCH = 64 };

typedef struct race {
    mirai__claims claims;
    _Atomic uint64_t sent;   /* attempts that the daemon may see, in place of the ring */
    _Atomic uint64_t passed; /* attempts that it has done with */
    bool revoked[ROUNDS + 1]; /* host's */
    bool taken[ROUNDS + 1];   /* daemon's, until it is joined */
} race;

/* Actively, so that both are at it at once; but there may be one processor only. */
static void wait_for_count(const _Atomic uint64_t *count, uint64_t least)
{
    for (int looks = 1; atomic_load(count) < least; looks++)
        if (looks % 1024 == 0) (void)sched_yield();
}

/* Takes what it can, from the first to the last. */
static void *daemon_takes(void *argument)
{
    race *race = argument;
    for (uint64_t attempt = 1; attempt <= ROUNDS; attempt++) {
        wait_for_count(&race->sent, attempt);
        race->taken[attempt] = mirai__claims_take(&race->claims, (uint8_t)attempt, attempt);
        atomic_store(&race->passed, attempt);
    }
    return NULL;
}

/* Offers some, lets the daemon begin some of them, and wants all back, the last ones first, while the daemon goes on. Then
 * their slots are free, whether or not it has come by. */
static void host_revokes(race *race)
{
    uint64_t seed = 20261123;
    for (uint64_t first = 1; first <= ROUNDS; first += BATCH) {
        for (uint64_t attempt = first; attempt < first + BATCH; attempt++)
            mirai__claims_offer(&race->claims, (uint8_t)attempt, attempt);
        atomic_store(&race->sent, first + BATCH - 1);
        wait_for_count(&race->passed, first - 1 + next_random(&seed) % BATCH);
        for (uint64_t attempt = first + BATCH - 1; attempt >= first; attempt--)
            race->revoked[attempt] = mirai__claims_revoke(&race->claims, (uint8_t)attempt, attempt);
    }
}

_Static_assert(ROUNDS % BATCH == 0, "batches are whole");

/* Nothing is raced for on one and the same processor: where there are others, keep this thread to one of the allowed, and
 * `thread` to the rest. */
static void part(pthread_t thread, const cpu_set_t *allowed)
{
    size_t mine = 0;
    while (!CPU_ISSET(mine, allowed)) mine++;
    if (CPU_COUNT(allowed) == 1) return;
    cpu_set_t one, rest = *allowed;
    CPU_ZERO(&one);
    CPU_SET(mine, &one);
    CPU_CLR(mine, &rest);
    assert_int_equal(pthread_setaffinity_np(pthread_self(), sizeof one, &one), 0);
    assert_int_equal(pthread_setaffinity_np(thread, sizeof rest, &rest), 0);
}

static void test_claims__exactly_one_of_both_succeeds(void **state)
{
    (void)state;
    static race race;
    cpu_set_t allowed;
    pthread_t thread;
    assert_int_equal(sched_getaffinity(0, sizeof allowed, &allowed), 0);
    assert_int_equal(pthread_create(&thread, NULL, daemon_takes, &race), 0);
    part(thread, &allowed);
    host_revokes(&race);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(pthread_setaffinity_np(pthread_self(), sizeof allowed, &allowed), 0);
    for (int attempt = 1; attempt <= ROUNDS; attempt++)
        if (race.taken[attempt] == race.revoked[attempt])
            fail_msg("attempt %d was %s", attempt, race.taken[attempt] ? "taken and revoked" : "lost");
}

/* ---- hostile words ---------------------------------------------------------------------------- */

/* With any word, each side succeeds only with what was offered, and leaves all else as it is. */
static void assert_is_harmless(mirai__claims *claims, uint8_t slot, uint64_t attempt, uint64_t word)
{
    mirai__claims before;
    atomic_store(&claims->words[slot], word);
    memcpy(&before, claims, sizeof before);
    bool offered = word == 2 * attempt;
    assert_true(mirai__claims_revoke(claims, slot, attempt) == offered);
    assert_true(atomic_load(&claims->words[slot]) == (offered ? 0 : word));
    atomic_store(&claims->words[slot], word);
    assert_memory_equal(claims, &before, sizeof before);
    assert_true(mirai__claims_take(claims, slot, attempt) == offered);
    assert_true(atomic_load(&claims->words[slot]) == (offered ? word + 1 : word));
    atomic_store(&claims->words[slot], word);
    assert_memory_equal(claims, &before, sizeof before);
    mirai__claims_offer(claims, slot, attempt); /* whatever it was: the next offer stands */
    assert_true(mirai__claims_take(claims, slot, attempt));
}

static void test_claims__survive_any_word(void **state)
{
    (void)state;
    static mirai__claims claims;
    static const uint64_t attempts[] = {1, 2, 1000, UINT64_C(1) << 62};
    uint64_t seed = 20261123;
    for (int slot = 0; slot < MIRAI__CLAIMS; slot++) atomic_store(&claims.words[slot], next_random(&seed));
    for (size_t i = 0; i <= sizeof attempts / sizeof *attempts; i++) {
        uint64_t attempt = i < sizeof attempts / sizeof *attempts ? attempts[i] : last_attempt;
        const uint64_t words[] = {0, 1, 2, 3, attempt, 2 * attempt - 2, 2 * attempt - 1, 2 * attempt, 2 * attempt + 1,
                                  2 * attempt + 2, UINT64_MAX, UINT64_C(1) << 63, (2 * attempt) ^ (UINT64_C(1) << 63)};
        for (size_t k = 0; k < sizeof words / sizeof *words; k++)
            assert_is_harmless(&claims, (uint8_t)(255 * k), attempt, words[k]);
        for (int k = 0; k < 1000; k++) assert_is_harmless(&claims, (uint8_t)k, attempt, next_random(&seed));
    }
}

/* ---- where they lie --------------------------------------------------------------------------- */

static void test_claims__lie_in_the_memory_of_both_sides(void **state)
{
    (void)state;
    mirai__rings host, daemon;
    int fd;
    assert_int_equal(mirai__rings_create(&host, &fd), MIRAI_OK);
    assert_int_equal(mirai__rings_attach(&daemon, fd), MIRAI_OK);
    (void)close(fd);
    mirai__claims *ours = mirai__rings_claims(&host), *theirs = mirai__rings_claims(&daemon);
    assert_ptr_not_equal(ours, theirs);
    assert_int_equal((uint8_t *)ours - (uint8_t *)host.base, 1152); /* FORMAT.md */
    for (int slot = 0; slot < MIRAI__CLAIMS; slot++) assert_int_equal(atomic_load(&theirs->words[slot]), 0);
    mirai__claims_offer(ours, 255, 5);
    assert_true(mirai__claims_take(theirs, 255, 5));
    assert_false(mirai__claims_revoke(ours, 255, 5));
    mirai__claims_offer(ours, 0, 6);
    assert_true(mirai__claims_revoke(ours, 0, 6));
    assert_false(mirai__claims_take(theirs, 0, 6));
    mirai__rings_close(&host);
    mirai__rings_close(&daemon);
}

static void test_claims__are_there_only_where_memory_is_shared(void **state)
{
    (void)state;
    for (channel_maker maker = BY_PAIR; maker < MAKERS; maker++) {
        channel_ends ends = ends_open(maker);
        mirai__link *host = mirai__link_new(ends.a, &mirai__limits_local);
        mirai__link *daemon = mirai__link_new(ends.b, &mirai__limits_local);
        assert_non_null(host);
        assert_non_null(daemon);
        mirai__claims *ours = mirai__link_claims(host), *theirs = mirai__link_claims(daemon);
        assert_true((ours != NULL) == (maker == BY_RING));
        assert_true((theirs != NULL) == (maker == BY_RING));
        mirai__link_free(host);
        if (theirs != NULL) assert_false(mirai__claims_take(theirs, 9, 1)); /* as long as one's own link */
        mirai__link_free(daemon);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_claims__bad_arguments),
        cmocka_unit_test(test_claims__slots_are_apart),
        cmocka_unit_test(test_claims__exactly_one_of_both_succeeds),
        cmocka_unit_test(test_claims__survive_any_word),
        cmocka_unit_test(test_claims__lie_in_the_memory_of_both_sides),
        cmocka_unit_test(test_claims__are_there_only_where_memory_is_shared),
    };
    return cmocka_run_group_tests_name("claims", tests, NULL, NULL);
}
