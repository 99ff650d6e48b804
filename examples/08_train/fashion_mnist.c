/*
 * Reads IDX files packed by gzip: a big-endian header (type, number of dimensions, sizes), then
 * bytes.
 */
#include "fashion_mnist.h"

#include <miraicore/torch.h>

#include <stdlib.h>

enum { MAX_ITEMS = 100000, PIXELS = 28 * 28 };

static uint32_t big_endian(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* All bytes of a file after its header; *items is how many items of item_bytes there are. */
static mirai_status read_idx(const char *part, const char *kind, size_t item_bytes, uint8_t **bytes,
                             int64_t *items)
{
    char command[200];
    uint8_t header[16];
    const size_t header_bytes = item_bytes == 1 ? 8 : 16;
    (void)snprintf(command, sizeof command, "gzip -dc " FASHION_MNIST_FOLDER "/%s-%s-ubyte.gz",
                   part, kind);
    FILE *pipe = popen(command, "r");
    if (pipe == NULL) return mirai_error_set(MIRAI_E_SYSTEM, "cannot start gzip");

    uint8_t *all = NULL;
    uint32_t count = 0;
    if (fread(header, 1, header_bytes, pipe) == header_bytes) count = big_endian(header + 4);
    if (count > 0 && count <= MAX_ITEMS) all = malloc(count * item_bytes);
    size_t got = all != NULL ? fread(all, item_bytes, count, pipe) : 0;
    if (pclose(pipe) != 0 || count == 0 || got != count) {
        free(all);
        return mirai_error_set(MIRAI_E_USER, "this failed: %s; is dataset-fashion-mnist installed?",
                               command);
    }
    *bytes = all;
    *items = count;
    return MIRAI_OK;
}

mirai_status fashion_mnist_read(const char *part, mirai_value **images, mirai_value **labels)
{
    uint8_t *bytes;
    int64_t shape[3] = {0, 28, 28};
    MIRAI_TRY(read_idx(part, "images-idx3", PIXELS, &bytes, &shape[0]));
    *images = mirai_torch_tensor(MIRAI_DTYPE_UINT8, 3, shape, bytes);
    free(bytes);

    /* torch wants classes as int64. */
    int64_t count;
    MIRAI_TRY(read_idx(part, "labels-idx1", 1, &bytes, &count));
    *labels = mirai_torch_zeros(MIRAI_DTYPE_INT64, 1, &count);
    int64_t *classes = mirai_torch_data(*labels);
    for (int64_t i = 0; classes != NULL && i < count; i++) classes[i] = bytes[i];
    free(bytes);
    return *images != NULL && classes != NULL ? MIRAI_OK : MIRAI_E_NOMEM;
}
