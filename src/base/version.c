/*
 * version: what this build of the library is, for programs that were compiled with another one.
 * Constant; any thread.
 */
#include <miraicore/version.h>

#define TEXT_OF(number) #number
#define TEXT(major, minor, patch) TEXT_OF(major) "." TEXT_OF(minor) "." TEXT_OF(patch)

int32_t mirai_version(void)
{
    return MIRAI_VERSION_NUMBER;
}

const char *mirai_version_text(void)
{
    return TEXT(MIRAI_VERSION_MAJOR, MIRAI_VERSION_MINOR, MIRAI_VERSION_PATCH);
}

int32_t mirai_wire_version(void)
{
    return 1;
}
