/*
 * cell_functions: what the daemons of the tests of isolation do with cargo (cell.h). They run on a daemon's main thread.
 */
#include "cell.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- in daemons: args are [cargo, size, pattern] ---------------------------------------------- */

static size_t size_in(const mirai_value *args)
{
    return (size_t)mirai_value_int_or(mirai_value_item(args, 1), 0);
}

static uint64_t pattern_in(const mirai_value *args)
{
    return (uint64_t)mirai_value_int_or(mirai_value_item(args, 2), 0);
}

static int64_t difference(const mirai_value *args)
{
    return cargo_differs(mirai_value_item(args, 0), size_in(args), pattern_in(args));
}

/* Text of item `index` of the paths args[3]. */
static const char *path_in(const mirai_value *args, size_t index)
{
    return mirai_value_string(mirai_value_item(mirai_value_item(args, 3), index));
}

static mirai_value *differs(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    return mirai_int(difference(args));
}

static void tamper_with(const mirai_value *value, uint64_t pattern)
{
    size_t size = 0;
    const uint8_t *bytes = cargo_bytes(value, &size);
    if (bytes != NULL) (void)pattern_force(bytes, size, pattern);
}

/* Says what it got, and writes over it. */
static mirai_value *tamper(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    int64_t at = difference(args);
    tamper_with(mirai_value_item(args, 0), CELL_OTHER);
    return mirai_int(at);
}

/* The same by plain stores: it dies where that memory cannot be written. */
static mirai_value *tamper_plainly(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    size_t size = 0;
    volatile uint8_t *bytes = (volatile uint8_t *)(uintptr_t)cargo_bytes(mirai_value_item(args, 0), &size);
    int64_t at = difference(args);
    for (size_t i = 0; bytes != NULL && i < size; i += 512) bytes[i] = (uint8_t)~bytes[i];
    return mirai_int(at);
}

/* The first attempt writes over what it got, and dies. */
static mirai_value *tamper_and_die(mirai_job *job, const mirai_value *args, void *context)
{
    (void)context;
    int64_t at = difference(args);
    if (at != -1 || mirai_job_attempt(job) > 1) return mirai_int(at);
    tamper_with(mirai_value_item(args, 0), CELL_OTHER);
    (void)raise(SIGKILL);
    return NULL;
}

/* As `differs` of the constants of a map. */
static mirai_value *constant_differs(mirai_job *job, const mirai_value *args, void *context)
{
    return differs(job, mirai_value_item(args, 1), context);
}

static mirai_value *remembered;

static mirai_value *remember_all(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    mirai_value_release(remembered);
    remembered = mirai_value_ref(args);
    return mirai_null();
}

static mirai_value *remembered_differs(mirai_job *job, const mirai_value *args, void *context)
{
    (void)args;
    return differs(job, remembered, context);
}

/* Writes over what everywhere has left here. */
static mirai_value *remembered_tamper(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)args, (void)context;
    tamper_with(mirai_value_item(remembered, 0), CELL_OTHER);
    return mirai_null();
}

/* ---- in daemons: cargo that is kept ----------------------------------------------------------- */

static cargo kept;

/* Args are [kind, size, pattern]. Gives cargo, and keeps it. */
static mirai_value *give(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    cargo_kind kind = (cargo_kind)mirai_value_int_or(mirai_value_item(args, 0), 0);
    cargo_drop(&kept);
    if (!cargo_make(&kept, kind, NULL, size_in(args), pattern_in(args))) return NULL;
    return cargo_value(&kept);
}

static uint8_t *given; /* what was given away: nobody's but the host's */

/* As `give`, but of memory born where the host can read it, and keeps no more than its address. */
static mirai_value *give_away(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    cargo mine;
    if (!cargo_make(&mine, CARGO_POOL, NULL, size_in(args), pattern_in(args))) return NULL;
    given = mine.bytes;
    return cargo_give(&mine);
}

/* Args as for `give`: writes over what was given away, where it is still there. */
static mirai_value *spoil_given(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    if (cargo_is_lent(given)) (void)pattern_force(given, size_in(args), pattern_in(args));
    return mirai_null();
}

/* Gives back the cargo that it got, and keeps it. */
static mirai_value *give_back(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    cargo_drop(&kept);
    kept.value = mirai_value_ref(mirai_value_item(args, 0));
    return cargo_value(&kept);
}

/* Args is a pattern. Writes over the cargo that is kept. */
static mirai_value *spoil(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    tamper_with(kept.value, (uint64_t)mirai_value_int_or(args, 0));
    return mirai_null();
}

/* Where the cargo that is kept differs; args as for `give`. */
static mirai_value *kept_differs(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    return mirai_int(cargo_differs(kept.value, size_in(args), pattern_in(args)));
}

/* Emits [cargo] thrice, out of one memory that it writes anew each time. */
static mirai_value *emit_thrice(mirai_job *job, const mirai_value *args, void *context)
{
    (void)give(job, args, context);
    mirai_value_release(kept.value); /* of the two owners that give() has left */
    for (uint64_t i = 0; i < 3; i++) {
        tamper_with(kept.value, pattern_in(args) + i);
        if (mirai_job_emit(job, cargo_value(&kept)) != MIRAI_OK) return NULL;
    }
    tamper_with(kept.value, CELL_OTHER);
    return mirai_null();
}

static struct vandal {
    char wait[256], done[256];
} vandal;

static void *vandalise(void *context)
{
    if (story_until_file(vandal.wait)) tamper_with(kept.value, CELL_OTHER);
    cell_touch(vandal.done);
    return context;
}

/* As `give`; args have [begin, done] besides: once the first file is there, a thread writes over the cargo, and then
 * makes the second. */
static mirai_value *give_and_vandalise(mirai_job *job, const mirai_value *args, void *context)
{
    pthread_t thread;
    (void)snprintf(vandal.wait, sizeof vandal.wait, "%s", path_in(args, 0));
    (void)snprintf(vandal.done, sizeof vandal.done, "%s", path_in(args, 1));
    mirai_value *value = give(job, args, context);
    if (pthread_create(&thread, NULL, vandalise, NULL) == 0) (void)pthread_detach(thread);
    return value;
}

/* Until the file named by args is there. */
static mirai_value *hold(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    return mirai_bool(story_until_file(mirai_value_string(args)));
}

/* ---- in daemons: slow readers ------------------------------------------------------------------ */

/* Args have [begun, end, verdict] besides: reads its cargo again and again, deaf to all, from when it has made the first
 * file until the second is there; then it writes into the third where it ever was wrong. */
static mirai_value *study(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    int64_t at = difference(args);
    cell_touch(path_in(args, 0));
    while (at == -1 && story_file_size(path_in(args, 1)) == 0) {
        at = difference(args);
        story_sleep_ms(1); /* what is spoilt stays so; the others need the processor */
    }
    if (at == -1) at = difference(args);
    cell_write(path_in(args, 2), at);
    return mirai_int(at);
}

mirai_status cell_setup(void)
{
    static const struct {
        const char *name;
        mirai_fn function;
    } table[] = {
        {"differs", differs}, {"study", study}, {"tamper", tamper}, {"tamper_plainly", tamper_plainly}, {"tamper_and_die", tamper_and_die}, {"hold", hold},
        {"constant_differs", constant_differs}, {"remember_all", remember_all}, {"give", give},
        {"remembered_differs", remembered_differs}, {"remembered_tamper", remembered_tamper}, {"give_back", give_back}, {"spoil", spoil},
        {"kept_differs", kept_differs}, {"give_away", give_away}, {"spoil_given", spoil_given}, {"emit_thrice", emit_thrice}, {"give_and_vandalise", give_and_vandalise},
    };
    MIRAI_TRY(story_setup());
    MIRAI_TRY(cargo_register());
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        MIRAI_TRY(mirai_function_register(table[i].name, table[i].function, NULL));
    return MIRAI_OK;
}
