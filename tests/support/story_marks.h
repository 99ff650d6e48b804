/*
 * story_marks: how often tasks have run, whatever became of their results: numbers in memory that all processes of a
 * test share. The function "mark" counts its argument up, and gives it back.
 */
#ifndef STORY_MARKS_H
#define STORY_MARKS_H

#include "story.h"

/* In the setup of the program, on both sides: there are so many numbers, from 0. */
mirai_status story_marks_setup(int count);
/* Set-up and tear-down of a group of tests; the latter removes the test's files. */
int story_marks_make(void **state);
int story_marks_drop(void **state);

int story_mark(int number);
void story_mark_clear(int number);
/* In a daemon: count a number up; how often it was counted before. -1: there is no such number. */
int story_mark_up(int number);

#endif
