/*
 * claim: who gets a job that was sent ahead to a busy daemon (src/transport/claims.h, "Of lent tasks" in
 * src/task/scheduler.h), for Spin: one host and one daemon, who both number the JOB frames. Each atomic operation on a word
 * is one step here, and so is publishing a frame, so that all their orders are looked at.
 *
 * The host sends any of its jobs at any time, again and again, up to ATTEMPTS times in all; has any that is not out run
 * elsewhere; wants any back that is not its present one; and reads results when it likes. A word is offered anew as soon
 * as the host does not ask after the attempt that had it, also while the old frame still lies in the ring.
 *
 * -DMUTANT=1 to 8 breaks one rule each; Spin must find that too.
 */
#ifndef MUTANT
#define MUTANT 0
#endif
#ifndef SLOTS
#define SLOTS 2 /* fewer than attempts: they come round */
#endif
#define JOBS 4
#define ATTEMPTS 7 /* numbered from 1 */

#if MUTANT == 5
#define OFFERED(attempt) 2 /* whoever it is offered to */
#else
#define OFFERED(attempt) (2 * (attempt))
#endif

mtype = { OUT, REVOKED, OVER };

byte words[SLOTS];
chan frames = [ATTEMPTS] of { byte };  /* JOB: the attempt */
chan results = [ATTEMPTS] of { byte }; /* RESULT: likewise */

/* What happened to whom. */
byte job_of[ATTEMPTS + 1];
bool begun[ATTEMPTS + 1]; /* here */
bool told[ATTEMPTS + 1];  /* the host, that it will not be */
byte runs[JOBS];          /* here or elsewhere */

/* ---- the daemon ------------------------------------------------------------------------------ */

inline take(slot)
{
#if MUTANT == 1
    taken = true /* begins whatever comes */
#elif MUTANT == 2
    taken = (words[slot] == OFFERED(attempt)); /* looks, and then writes */
    if :: taken -> words[slot] = OFFERED(attempt) + 1 :: else fi
#else
    atomic {
        taken = (words[slot] == OFFERED(attempt));
        if :: taken -> words[slot] = OFFERED(attempt) + 1 :: else fi
    }
#endif
}

inline begin()
{
    d_step {
        assert(!begun[attempt] && !told[attempt]);
        begun[attempt] = true;
        assert(runs[job_of[attempt]] == 0);
        runs[job_of[attempt]]++
    }
}

active proctype daemon()
{
    byte attempt, number;
    bool taken;
#if MUTANT == 4
    byte last;
#endif
end_idle:
    do
    :: frames?attempt ->
        take(number % SLOTS);
#if MUTANT == 8
        if :: taken -> number++ :: else fi; /* numbers what it begins, not what it reads */
#else
        number++;
#endif
        if
        :: taken ->
#if MUTANT == 4
            if :: last != 0 -> results!last :: else fi; /* not before it has claimed the next */
            begin();
            last = attempt
#else
            begin();
            results!attempt
#endif
        :: else
        fi
#if MUTANT == 4
    :: empty(frames) && last != 0 -> results!last; last = 0
#endif
    od
}

/* ---- the host -------------------------------------------------------------------------------- */

mtype state[ATTEMPTS + 1]; /* 0: not sent */
bool away[JOBS];           /* it is out, or over */
byte sent, over;           /* attempts; jobs */
byte present;              /* the attempt whose result comes next; 0: none */

/* The first of those that are out. */
inline promote()
{
    present = 1;
    do
    :: present <= sent && state[present] != OUT -> present++
    :: present <= sent && state[present] == OUT -> break
    :: present > sent -> present = 0; break
    od
}

/* Whether the host asks after no attempt that has the next slot. */
inline look_for_room()
{
    d_step {
        room = true;
        other = 1;
        do
        :: other <= sent ->
#if MUTANT != 7
            if :: state[other] == OUT && (other - 1) % SLOTS == sent % SLOTS -> room = false :: else fi;
#endif
            other++
        :: other > sent -> break
        od;
        other = 0
    }
}

inline send()
{
    d_step {
        away[job] = true;
        sent++;
        job_of[sent] = job;
        state[sent] = OUT;
        if :: present == 0 -> present = sent :: else fi
    }
#if MUTANT == 6
    frames!sent;
    words[(sent - 1) % SLOTS] = OFFERED(sent)
#else
    words[(sent - 1) % SLOTS] = OFFERED(sent);
    frames!sent
#endif
}

inline run_elsewhere()
{
    d_step {
        away[job] = true;
        over++;
        assert(runs[job] == 0);
        runs[job]++
    }
}

#define UNSENT(number) !away[number] -> job = number

inline pick_job()
{
    if :: UNSENT(0) :: UNSENT(1) :: UNSENT(2) :: UNSENT(3) fi
}

inline read_result()
{
    d_step {
        results?attempt;
        assert(attempt == present && begun[attempt]);
        state[attempt] = OVER;
        promote();
        over++
    }
}

#define LENT(number) state[number] == OUT && present != number -> wanted = number

inline pick_wanted()
{
    if :: LENT(2) :: LENT(3) :: LENT(4) :: LENT(5) :: LENT(6) :: LENT(7) fi
}

inline revoke(slot)
{
#if MUTANT == 3
    revoked = (words[slot] == OFFERED(wanted)); /* looks, and then writes */
    if :: revoked -> words[slot] = 0 :: else fi
#else
    atomic {
        revoked = (words[slot] == OFFERED(wanted));
        if :: revoked -> words[slot] = 0 :: else fi
    }
#endif
}

/* It is the daemon's if it could not be revoked: and the results of those before it have come. */
inline want_back()
{
    revoke((wanted - 1) % SLOTS);
    if
    :: revoked ->
        d_step {
            assert(!begun[wanted]);
            told[wanted] = true;
            state[wanted] = REVOKED;
            away[job_of[wanted]] = false
        }
    :: !revoked ->
        do
        :: nempty(results) -> read_result()
        :: empty(results) -> break
        od;
        assert(wanted == present || state[wanted] == OVER)
    fi;
    wanted = 0;
    revoked = false
}

active proctype host()
{
    byte attempt, wanted, job, other;
    bool room, revoked;
    do
    :: over == JOBS -> break
    :: over < JOBS ->
        job = 0;
        if
        :: nempty(results) -> read_result()
        :: pick_wanted(); want_back()
        :: pick_job();
            if
            :: run_elsewhere()
            :: sent < ATTEMPTS ->
                look_for_room();
                if :: room -> send() :: else fi
            fi
        fi
    od;
    assert(empty(results));
    assert(runs[0] == 1 && runs[1] == 1 && runs[2] == 1 && runs[3] == 1)
}
