/*
 * story_no_module: a shared object that exports no module. Loaded nowhere.
 */
extern int story_no_module;
int story_no_module;
