/*
 * matrix_cells: the crash matrix: what each way of going wrong leads to at each place (matrix_cells.h). Constant.
 */
#include "matrix_cells.h"

#include <stddef.h>

enum { YES = 1, NO = 0, EITHER = -1 };

#define VALUE MIRAI_OUTCOME_VALUE
#define LOST MIRAI_OUTCOME_LOST
#define FAILED MIRAI_OUTCOME_FAILED
#define LATE MIRAI_OUTCOME_TIMEDOUT

const matrix_cell matrix_cells[] = {
    /* place, way, how it ends (or else), of which words, whether the daemon is another afterwards. One without descriptors is
     * gone by its own hand ("its connection to the host is gone") or by its host's ("it closed its connection"). */
    {"open", "segv", {MIRAI_E_START, MIRAI_E_START}, "SIGSEGV", YES},
    {"open", "abort", {MIRAI_E_START, MIRAI_E_START}, "SIGABRT", YES},
    {"open", "kill", {MIRAI_E_START, MIRAI_E_START}, "SIGKILL", YES},
    {"open", "stop", {MIRAI_E_START, MIRAI_E_START}, "not ready in time", YES},
    {"open", "exit", {MIRAI_E_START, MIRAI_E_START}, "status 0", YES},
    {"open", "hang", {MIRAI_E_START, MIRAI_E_START}, "not ready in time", YES},
    {"open", "memory", {MIRAI_E_START, MIRAI_E_START}, "no memory for a mishap", YES},
    {"open", "closed", {MIRAI_E_START, MIRAI_OK}, "connection", EITHER},

    {"mishap.load", "segv", {MIRAI_E_START, MIRAI_E_START}, "SIGSEGV", YES},
    {"mishap.load", "abort", {MIRAI_E_START, MIRAI_E_START}, "SIGABRT", YES},
    {"mishap.load", "kill", {MIRAI_E_START, MIRAI_E_START}, "SIGKILL", YES},
    {"mishap.load", "stop", {MIRAI_E_START, MIRAI_E_START}, "has not answered for", YES},
    {"mishap.load", "exit", {MIRAI_E_START, MIRAI_E_START}, "status 0", YES},
    {"mishap.load", "hang", {MIRAI_E_TIMEDOUT, MIRAI_E_TIMEDOUT}, "", YES},
    {"mishap.load", "memory", {MIRAI_E_USER, MIRAI_E_NOMEM}, "no memory for a mishap", NO},
    {"mishap.load", "closed", {MIRAI_E_START, MIRAI_OK}, "connection", EITHER},

    {"mishap.init", "segv", {MIRAI_E_START, MIRAI_E_START}, "SIGSEGV", YES},
    {"mishap.init", "abort", {MIRAI_E_START, MIRAI_E_START}, "SIGABRT", YES},
    {"mishap.init", "kill", {MIRAI_E_START, MIRAI_E_START}, "SIGKILL", YES},
    {"mishap.init", "stop", {MIRAI_E_START, MIRAI_E_START}, "has not answered for", YES},
    {"mishap.init", "exit", {MIRAI_E_START, MIRAI_E_START}, "status 0", YES},
    {"mishap.init", "hang", {MIRAI_E_TIMEDOUT, MIRAI_E_TIMEDOUT}, "", YES},
    {"mishap.init", "memory", {MIRAI_E_USER, MIRAI_E_USER}, "no memory for a mishap", NO},
    {"mishap.init", "closed", {MIRAI_E_START, MIRAI_OK}, "connection", EITHER},

    {"mishap.decode", "segv", {LOST, LOST}, "SIGSEGV", YES},
    {"mishap.decode", "abort", {LOST, LOST}, "SIGABRT", YES},
    {"mishap.decode", "kill", {LOST, LOST}, "SIGKILL", YES},
    {"mishap.decode", "stop", {LOST, LOST}, "has not answered for", YES},
    {"mishap.decode", "exit", {LOST, LOST}, "status 0", YES},
    {"mishap.decode", "hang", {LATE, LATE}, "while it ran", YES},
    {"mishap.decode", "memory", {FAILED, FAILED}, "no memory for a mishap", NO},
    {"mishap.decode", "closed", {LOST, VALUE}, "connection", EITHER},

    {"mishap.run", "segv", {LOST, LOST}, "SIGSEGV", YES},
    {"mishap.run", "abort", {LOST, LOST}, "SIGABRT", YES},
    {"mishap.run", "kill", {LOST, LOST}, "SIGKILL", YES},
    {"mishap.run", "stop", {LOST, LOST}, "has not answered for", YES},
    {"mishap.run", "exit", {LOST, LOST}, "status 0", YES},
    {"mishap.run", "hang", {LATE, LATE}, "while it ran", YES},
    {"mishap.run", "memory", {FAILED, FAILED}, "no memory for a mishap", NO},
    {"mishap.run", "closed", {LOST, VALUE}, "connection", EITHER},

    {"mishap.encode", "segv", {LOST, LOST}, "SIGSEGV", YES},
    {"mishap.encode", "abort", {LOST, LOST}, "SIGABRT", YES},
    {"mishap.encode", "kill", {LOST, LOST}, "SIGKILL", YES},
    {"mishap.encode", "stop", {LOST, LOST}, "has not answered for", YES},
    {"mishap.encode", "exit", {LOST, LOST}, "status 0", YES},
    {"mishap.encode", "hang", {LATE, LATE}, "while it ran", YES},
    {"mishap.encode", "memory", {FAILED, FAILED}, "no memory for a mishap", NO},
    {"mishap.encode", "closed", {LOST, VALUE}, "connection", EITHER},

    {"mishap.send", "segv", {LOST, LOST}, "SIGSEGV", YES},
    {"mishap.send", "abort", {LOST, LOST}, "SIGABRT", YES},
    {"mishap.send", "kill", {LOST, LOST}, "SIGKILL", YES},
    {"mishap.send", "stop", {LOST, LOST}, "has not answered for", YES},
    {"mishap.send", "exit", {LOST, LOST}, "status 0", YES},
    {"mishap.send", "hang", {LATE, LATE}, "while it ran", YES},
    {"mishap.send", "memory", {VALUE, VALUE}, "", NO},
    {"mishap.send", "closed", {LOST, LOST}, "connection", EITHER},

    {"mishap.idle", "segv", {VALUE, VALUE}, "", YES},
    {"mishap.idle", "abort", {VALUE, VALUE}, "", YES},
    {"mishap.idle", "kill", {VALUE, VALUE}, "", YES},
    {"mishap.idle", "stop", {VALUE, LOST}, "has not answered for", YES}, /* over rings it is known not to have begun it */
    {"mishap.idle", "exit", {VALUE, VALUE}, "", YES},
    {"mishap.idle", "hang", {LATE, LATE}, "", YES},
    {"mishap.idle", "memory", {VALUE, VALUE}, "", NO},
    {"mishap.idle", "closed", {LOST, VALUE}, "connection", EITHER},

    {"mishap.exit", "segv", {MIRAI_OK, MIRAI_OK}, "", YES},
    {"mishap.exit", "abort", {MIRAI_OK, MIRAI_OK}, "", YES},
    {"mishap.exit", "kill", {MIRAI_OK, MIRAI_OK}, "", YES},
    {"mishap.exit", "stop", {MIRAI_OK, MIRAI_OK}, "", YES},
    {"mishap.exit", "exit", {MIRAI_OK, MIRAI_OK}, "", YES},
    {"mishap.exit", "hang", {MIRAI_OK, MIRAI_OK}, "", YES},
    {"mishap.exit", "memory", {MIRAI_OK, MIRAI_OK}, "", YES},
    {"mishap.exit", "closed", {MIRAI_OK, MIRAI_OK}, "", EITHER},

};

const size_t matrix_count = sizeof matrix_cells / sizeof *matrix_cells;
