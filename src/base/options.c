/*
 * options: see options.h. Any thread.
 */
#include "options.h"

#include <string.h>

#include "detail.h"

mirai_status mirai__options_read(void *into, size_t size, const void *from, const char *what)
{
    memset(into, 0, size);
    if (from != NULL) {
        size_t theirs;
        memcpy(&theirs, from, sizeof theirs);
        if (theirs < sizeof theirs || theirs > 65536)
            return mirai__fail(MIRAI_E_INVALID, "%s: struct_size is %zu; use the _INIT macro", what, theirs);
        const unsigned char *bytes = from;
        for (size_t i = size; i < theirs; i++)
            if (bytes[i] != 0)
                return mirai__fail(MIRAI_E_INVALID, "%s: a field is set that this library does not know", what);
        memcpy(into, from, theirs < size ? theirs : size);
    }
    memcpy(into, &size, sizeof size);
    return MIRAI_OK;
}
