/*
 * standalone: runs a fuzz target over all files of the folders given: how a corpus is replayed
 * without libFuzzer, as an ordinary test.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 1 << 22 };

static int run_file(const char *folder, const char *name)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (!file) return 0;
    uint8_t *data = malloc(INPUT_MAX);
    size_t size = data ? fread(data, 1, INPUT_MAX, file) : 0;
    (void)fclose(file);
    uint8_t *exact = malloc(size ? size : 1); /* so that a sanitizer sees a read beyond the end */
    for (size_t i = 0; exact && i < size; i++) exact[i] = data[i];
    free(data);
    if (exact) (void)LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    return 1;
}

static int run_folder(const char *folder)
{
    DIR *directory = opendir(folder);
    if (!directory) return 0;
    int count = 0;
    const struct dirent *entry;
    while ((entry = readdir(directory))) {
        if (entry->d_name[0] != '.') count += run_file(folder, entry->d_name);
    }
    (void)closedir(directory);
    return count;
}

int main(int argc, char **argv)
{
    int count = 0;
    for (int i = 1; i < argc; i++) count += run_folder(argv[i]);
    (void)printf("%d inputs\n", count);
    return count > 0 ? 0 : 1;
}
