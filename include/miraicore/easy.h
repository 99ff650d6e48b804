/**
 * @file easy.h
 * For small programs: leave main() with a message when a call fails. In a host the library itself
 * prints nothing but a map's progress bar, when asked.
 */
#ifndef MIRAICORE_EASY_H
#define MIRAICORE_EASY_H

#include <stdio.h>

#include <miraicore/error.h>

/** In main(): if the call failed, print status and detail on stderr and return 1. */
#define MIRAI_EXIT_IF(expression)                                                                  \
    do {                                                                                           \
        mirai_status mirai_exit_status_ = (expression);                                            \
        if (mirai_exit_status_ != MIRAI_OK) {                                                      \
            (void)fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__,                           \
                          mirai_status_text(mirai_exit_status_), mirai_error_detail());            \
            return 1;                                                                              \
        }                                                                                          \
    } while (0)

#endif
