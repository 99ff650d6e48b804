/*
 * A program that cannot start: the library that it is linked with is not where the loader looks.
 */
int missing_library_answer(void);

int main(void)
{
    return missing_library_answer();
}
