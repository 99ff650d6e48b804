/*
 * torch_version: the versions of libtorch, built against and running.
 * Any thread; no state.
 */
#include "torch_version.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool read_version(const char *text, unsigned *major, unsigned *minor)
{
    return sscanf(text, "%9u.%9u", major, minor) == 2;
}

mirai_status mirai__torch_version_check(const char *built, const char *config)
{
    static const char key[] = "TORCH_VERSION=";
    unsigned major = 0, minor = 0, running_major = 0, running_minor = 0;
    if (!read_version(built, &major, &minor))
        return mirai_error_set(MIRAI_E_VERSION, "\"%s\" is no version of libtorch", built);
    const char *at = strstr(config, key);
    if (!at) return MIRAI_OK; /* it does not say; its shared object's name was matched by the loader */
    const char *running = at + sizeof key - 1;
    int length = (int)strcspn(running, ", \n");
    if (!read_version(running, &running_major, &running_minor))
        return mirai_error_set(MIRAI_E_VERSION, "this process has a libtorch of unknown version \"%.*s\"",
                               length, running);
    if (major == running_major && minor == running_minor) return MIRAI_OK;
    return mirai_error_set(MIRAI_E_VERSION,
                           "libmiraicore_torch was built against libtorch %s, but this process has libtorch "
                           "%.*s: build it again, or put libtorch %u.%u first on the library path",
                           built, length, running, major, minor);
}
