/*
 * The library that needs_missing does not find.
 */
int missing_library_answer(void);

int missing_library_answer(void)
{
    return 0;
}
