/*
 * story_linked: a program that is linked with a library which is not found when it is run (story_no_module.c).
 * Its one thread never gets to main().
 */
extern int story_no_module;

int main(void)
{
    return story_no_module;
}
