/*
 * miraicored: the daemon of host programs that are not their own. It brings no functions but the
 * built-in ones; others come with modules.
 */
#include <stdio.h>
#include <string.h>

#include <miraicore/daemon.h>
#include <miraicore/easy.h>

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, NULL)); /* in a daemon this never returns */

    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        (void)printf("miraicored %s (wire format %d)\n", mirai_version_text(),
                     (int)mirai_wire_version());
        return 0;
    }
    FILE *stream = argc == 2 && strcmp(argv[1], "--help") == 0 ? stdout : stderr;
    (void)fprintf(
        stream,
        "usage: miraicored [--version | --help]\n"
        "It is started by programs that use libmiraicore, which tell it by its environment\n"
        "where to find them. It is of no use when started by hand.\n");
    return stream == stdout ? 0 : 2;
}
