/*
 * mishap: the ways in which a daemon's user code goes wrong (mishap.c), and the places in its life where they are let
 * happen (mishap_places.c). Of the daemon's side but for the names; everything runs on the thread that calls it.
 *
 * The ways: "segv", "abort", "kill", "stop", "exit", "hang", "memory", "closed".
 */
#ifndef MISHAP_H
#define MISHAP_H

#include <stdbool.h>

#include <miraicore.h>

/* ---- ways ---- */

/* Go wrong. It comes back from "memory" (false: an allocation has failed, and the limit stays), from "closed" and from
 * what is no way (true). */
bool mishap(const char *way);
/* As a function of the library's kind would: E_NOMEM, with a detail, where the way was "memory". */
mirai_status mishap_status(const char *way);
/* Have memory again. */
void mishap_relieve(void);

/* ---- places ---- */

/*
 * Registers what the tests call, on both sides; in a daemon it is a place too: for the way in MISHAP_SETUP in the
 * environment, and for each file named as a way in the folder of MISHAP_FOLDER, which is removed first.
 *
 * Functions; args is the way, and what comes back to its end gives the process number:
 *   mishap.run, mishap.decode, mishap.encode, mishap.send (64 MiB)
 *   mishap.idle    at the next SIGUSR1 (the way's file is then there), while nothing is to be done
 *   mishap.exit    in an exit handler
 *   mishap.state   in the release of what was kept in the daemon
 *   mishap.module  sets what the module does when it is loaded (mishap_module.c)
 *   mishap.after   mends the memory; the process number
 */
mirai_status mishap_setup(void);
/* Arguments for them: a reference for "mishap.decode", whose unserialize goes wrong; else the way itself. */
mirai_value *mishap_args(const char *function, const char *way);

enum { MISHAP_LARGE = 64 << 20 };

#endif
