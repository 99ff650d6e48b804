/*
 * bell: who wakes whom when bytes go through a ring in shared memory (src/transport/shared_ring.c, channel_ring.c), one
 * direction at a time, for Spin. Each atomic operation there is one step here, so that all their orders are looked at.
 *
 * Without -DTO_HOST: from the host to a daemon, of which two threads read (src/daemon/idle.c, control.c): the main thread
 * while it has no job, dozing on the word itself, and the control thread when a bell calls it. A job ends only when its
 * cancel has come, a short one at once: if either does not reach the daemon, Spin finds that nobody can go on.
 * With -DTO_HOST: from a daemon to the host, where one thread at a time reads, which waits for bells or looks by itself
 * for a while (src/dispatch/vigil.c).
 *
 * -DMUTANT=1 to 6 breaks one rule each; Spin must find that too.
 */
#ifndef MUTANT
#define MUTANT 0
#endif
#define ROUNDS 2 /* jobs, or results */
#define ROOM 3   /* what the socket takes is limited: beyond it a bell is lost, but then there are others */

mtype = { AWAKE, BELL, DOZE, BUSY }; /* MIRAI__RING_* */
mtype = { JOB, SHORT, CANCEL, RESULT };

mtype word = BELL;          /* what the reader wants; readers sleep at first */
chan ring = [4] of { mtype }; /* what was published and not yet read */
byte bells;                 /* that lie in the socket */
bool dozing;                /* a thread sleeps on the word */
byte in_vain;               /* calls by the descriptor, of late, that came to nothing */

/* Of the reader: guarded by `receiving`. */
bool wants_bell = true, rung, fed;

/* ---- the writer ------------------------------------------------------------------------------ */

inline ring_bell()
{
    atomic { if :: bells < ROOM -> bells++ :: else fi; in_vain = 0 }
}

inline publish(frame, patient)
{
#if MUTANT == 1
    owed = word; /* looks who sleeps before it publishes */
    ring!frame;
#else
    ring!frame;
    owed = word;
#endif
    if
    :: owed == AWAKE || (owed == BUSY && patient)
    :: else ->
        atomic { owed = word; word = AWAKE }
        if
        :: owed == DOZE -> dozing = false
        :: owed == BELL || owed == BUSY -> ring_bell()
        :: else
        fi
    fi
}

/* ---- the reader's side of a channel ---------------------------------------------------------- */

inline renounce()
{
    atomic { was = word; word = AWAKE }
    if :: was == AWAKE && wants_bell -> rung = true :: else fi;
    wants_bell = false
}

/* `found`: there is something after all. */
inline sleep_as(how)
{
    if :: word != how -> word = how :: else fi;
#if MUTANT == 2
    found = false /* does not look again */
#else
    found = nempty(ring)
#endif
}

inline take_bells()
{
    atomic { if :: bells > 0 -> bells = 0; rung = false; in_vain = 0 :: else fi }
}

/* The ring was found empty. */
inline fall_asleep(how)
{
    if :: wants_bell && word == AWAKE -> rung = true :: else fi;
#if MUTANT == 3
    if :: rung -> take_bells() :: else fi; /* trusts what it knows of bells */
    rung = false;
#else
    if :: rung || !fed -> take_bells() :: else fi;
#endif
    fed = false;
    wants_bell = true;
    sleep_as(how);
    if :: found -> renounce() :: else fi
}

/* A poll has said that bells are there: not again and again for nothing. */
inline called()
{
    in_vain++;
    assert(in_vain < 4)
}

#ifndef TO_HOST
/* ---- from host to daemon --------------------------------------------------------------------- */

bool receiving, lock;        /* mutexes */
bool present, cancelled, dozes;
byte news, results;

inline acquire(mutex) { atomic { !mutex -> mutex = true } }
inline release(mutex) { mutex = false }

/* Lock held. */
inline tell()
{
    news++;
    if
    :: dozes ->
        atomic { if :: word == DOZE -> word = AWAKE :: else fi }
        dozing = false
    :: else
    fi
}

inline handle()
{
    acquire(lock);
    if
    :: frame == JOB || frame == SHORT -> assert(!present); present = true; cancelled = (frame == SHORT)
    :: frame == CANCEL -> assert(present); cancelled = true
    fi;
    tell();
    release(lock)
}

/* All that is there, and then fall asleep. Mutex `receiving` held. */
inline receive()
{
    any = false;
    found = true;
    do
    :: !found -> break
    :: found ->
        if
        :: ring?frame -> fed = true; in_vain = 0; any = true; handle()
        :: empty(ring) -> fall_asleep(BUSY)
        fi
    od
}

inline park()
{
    renounce();
    sleep_as(DOZE);
    parked = !found
}

proctype host()
{
    mtype owed;
    byte round = 0;
    do
    :: round < ROUNDS ->
        if
        :: publish(JOB, true); publish(CANCEL, false)
        :: publish(SHORT, true)
        fi;
        round++;
        results == round /* one job at a time */
    :: else -> break
    od
}

proctype control()
{
    mtype frame, was;
    bool any, found;
end_idle:
    do
    :: bells > 0 ->
        called();
        acquire(receiving);
        receive();
        release(receiving);
#if MUTANT != 4
        acquire(lock);
        if :: dozes -> tell() :: else fi;
        release(lock)
#endif
    od
}

proctype main_thread()
{
    mtype frame, was;
    bool any, found, parked;
    byte seen;
    do
    :: results == ROUNDS -> break
    :: results < ROUNDS ->
        acquire(lock);
        if
        :: present ->
            release(lock);
            cancelled; /* the job */
            acquire(lock);
            present = false;
            release(lock);
            results++
        :: else ->
            seen = news;
            release(lock);
            acquire(receiving);
            parked = false;
            do
            :: parked -> break
            :: !parked ->
                any = false;
                if
                :: nempty(ring) -> receive()
                :: empty(ring)
                fi;
#if MUTANT == 6
                if :: !any -> park() :: else fi;
                break /* goes to a job that has come, though a bell was not asked for */
#else
                acquire(lock);
                if
                :: any || news != seen -> release(lock); break
                :: else -> release(lock); park()
                fi
#endif
            od;
            release(receiving);
            acquire(lock);
            if
#if MUTANT == 5
            :: parked ->
#else
            :: parked && news == seen ->
#endif
                dozes = true;
                release(lock);
#if MUTANT == 5
                dozing = true; /* whatever the word says */
#else
                atomic { if :: word == DOZE -> dozing = true :: else fi }
#endif
                !dozing;
                acquire(lock);
                dozes = false;
                release(lock)
            :: else -> release(lock)
            fi
        fi
    od
}

init { atomic { run host(); run control(); run main_thread() } }

#else
/* ---- from daemon to host ----------------------------------------------------------------------- */

byte got;

proctype daemon()
{
    mtype owed;
    byte sent = 0;
    do
    :: sent < ROUNDS + 2 ->
        sent++;
        publish(RESULT, false)
    :: else -> break
    od
}

inline receive()
{
    found = true;
    do
    :: !found -> break
    :: found ->
        if
        :: ring?frame -> fed = true; in_vain = 0; got++
        :: empty(ring) -> fall_asleep(BELL)
        fi
    od
}

proctype reader()
{
    mtype frame, was;
    bool found;
    do
    :: got < ROUNDS + 2 -> /* a vigil: looks for a while, and reads what there is, if anything */
        renounce();
        if
        :: nempty(ring)
        :: true
        fi;
        receive()
    :: true ->
end_asleep:
        bells > 0;
        called();
        receive()
    od
}

/* Where nobody can go on, all has come. */
active proctype watch()
{
    timeout;
    assert(got == ROUNDS + 2)
}

init { atomic { run daemon(); run reader() } }
#endif
