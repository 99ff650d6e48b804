/* Debian's dataset-fashion-mnist: 70,000 pictures of clothes, 28 by 28 grey pixels, in ten classes.
 */
#ifndef FASHION_MNIST_H
#define FASHION_MNIST_H

#include <miraicore.h>

#define FASHION_MNIST_FOLDER "/usr/share/datasets/fashion-mnist"

/* `part` is "train" or "t10k". *images becomes a tensor uint8 [n, 28, 28], *labels one int64 [n];
   both are owned by the caller. */
mirai_status fashion_mnist_read(const char *part, mirai_value **images, mirai_value **labels);

#endif
