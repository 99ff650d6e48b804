/*
 * number_text: numbers as people read them: the shortest decimal text that gives the same number
 * when it is read back as the same type, whatever the locale.
 */
#ifndef MIRAI__NUMBER_TEXT_H
#define MIRAI__NUMBER_TEXT_H

#include "element.h"

#define MIRAI__NUMBER_TEXT_MAX 80

/*
 * Writes at most MIRAI__NUMBER_TEXT_MAX bytes, NUL included; returns the length. `digits`: so many
 * significant digits at most, except those before the point; 17 or more: as many as it takes.
 */
size_t mirai__number_text(char *out, mirai_dtype dtype, double number, int digits);
size_t mirai__element_text(char *out, mirai_dtype dtype, const uint8_t *at, int digits);

#endif
