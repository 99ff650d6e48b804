/*
 * entry: mirai_main(), by which a program becomes its own daemon. Main thread, before others are
 * started. Here and in control.c, in daemons only, the library writes on stderr and ends the process:
 * a daemon's last words are kept by its host as the cause of its death.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon_private.h"
#include "detail.h"
#include "functions.h"
#include "spawn.h"

static _Noreturn void leave(mirai_daemon *daemon, const char *where, mirai_status status)
{
    bool is_copy = mirai__forked(); /* setup, or a function, returned in the child too */
    if (daemon != NULL && !is_copy) {
        mirai__daemon_leave(daemon);
        mirai__states_fini(&daemon->states);
    }
    if (status == MIRAI_OK) exit(daemon->exit_code);
    (void)fprintf(stderr, "miraicore: %s leaves: %s: %s: %s\n",
                  is_copy ? "a forked child of a daemon" : "a daemon", where,
                  mirai_status_text(status), mirai_error_detail());
    if (is_copy) _exit(MIRAI__EXIT_FAULT); /* exit handlers are its parent's */
    exit(MIRAI__EXIT_FAULT);
}

static _Noreturn void run(mirai_status (*setup)(void))
{
    mirai_daemon *daemon = NULL;
    mirai_status status = mirai__daemon_new(&daemon);
    if (status != MIRAI_OK) leave(NULL, "start", status);
    if (setup != NULL) status = setup();
    if (status != MIRAI_OK) leave(daemon, "setup", status);
    status = mirai__builtins_register();
    if (status == MIRAI_OK) status = mirai__daemon_greet(daemon);
    if (status != MIRAI_OK) leave(daemon, "greeting", status);
    leave(daemon, "serving", mirai_daemon_run(daemon));
}

mirai_status mirai_main(int argc, char **argv, mirai_status (*setup)(void))
{
    MIRAI_TRY(mirai__enter());
    if (argv == NULL || argc < 0)
        return mirai__fail(MIRAI_E_INVALID, "argc and argv are not those of main()");
    mirai__program_is_self(argc, argv);
    if (mirai__session_is_daemon()) run(setup);
    return setup == NULL ? MIRAI_OK : setup();
}
