/*
 * value_text: the text that a value is printed into: lines, their indentation, and the limits that
 * keep what is printed short. value_text.c writes, value_print.c lays values out, array_print.c
 * lays arrays out.
 */
#ifndef MIRAI__VALUE_TEXT_H
#define MIRAI__VALUE_TEXT_H

#include "bytes.h"
#include "value_node.h"

struct mirai_text {
    mirai__bytes bytes;
    size_t indent;       /* of lines that are begun from now on */
    size_t lines;        /* ended so far */
    int depth;           /* of values inside of values */
    bool is_line_begun;  /* else the indentation is yet to be written */
    bool is_cut;         /* the limit of lines was reached, and this was said */
    mirai_status status; /* of the first write that failed; nothing is written after it */
};

/* A place to go back to. */
typedef struct mirai__text_mark {
    size_t size, lines;
    bool is_line_begun;
} mirai__text_mark;

/* About so many columns are used. */
#define MIRAI__TEXT_WIDTH 80

/* Newlines in what is put begin an indented line. */
void mirai__text_put(mirai_text *text, const char *data, size_t size);
void mirai__text_puts(mirai_text *text, const char *data);
void mirai__text_pad(mirai_text *text, size_t spaces);
void mirai__text_printf(mirai_text *text, const char *format, ...)
    __attribute__((__format__(__printf__, 2, 3)));
/* Control characters are escaped; quoted, so are quotes, backslashes and newlines. */
void mirai__text_put_plain(mirai_text *text, const char *data, size_t size);
void mirai__text_put_quoted(mirai_text *text, const char *data, size_t size);
mirai__text_mark mirai__text_get_mark(const mirai_text *text);
void mirai__text_go_back(mirai_text *text, mirai__text_mark mark);
/* Take newlines off the end, but nothing before the mark. */
void mirai__text_trim(mirai_text *text, mirai__text_mark mark);
/* True when no more lines are to be written. The first time, this is shown by a line of dots. */
bool mirai__text_is_full(mirai_text *text);

/* A value from the current place on; further lines at the current indentation. */
void mirai__text_print(mirai_text *text, const mirai_value *value);
void mirai__text_print_array(mirai_text *text, const mirai__array_node *array);

#endif
