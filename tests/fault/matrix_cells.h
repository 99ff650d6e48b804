/*
 * matrix_cells: a table of places in a daemon's life and ways to go wrong there (mishap.h). Constant.
 */
#ifndef MATRIX_CELLS_H
#define MATRIX_CELLS_H

#include <stddef.h>
#include <stdint.h>

#include <miraicore.h>

typedef struct matrix_cell {
    const char *place;
    const char *way;
    int32_t ends[2];   /* a status (of opening, loading, everywhere, closing) or an outcome; one of them */
    const char *words; /* in the detail or in the error's message */
    int replaced;      /* whether the daemon is another afterwards: 1, 0; -1: that depends on the transport */
} matrix_cell;

extern const matrix_cell matrix_cells[];
extern const size_t matrix_count;

#endif
