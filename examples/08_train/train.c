/*
 * Training, as it runs in a daemon: batches of pictures through the network, the loss backwards, a
 * step of the optimiser.
 */
#include "train.h"

#include "fashion_mnist.h"

#include <miraicore/torch.h>

enum { BATCH = 50, TEST_BATCH = 1000 };

/* What a daemon keeps between its tasks. */
static struct {
    mirai_value *train_images, *train_labels, *test_images, *test_labels;
} data;

/* Tensor computation is written in TorchScript, and is compiled in the daemon, once. */
static const char script[] =
    "def pictures(images, order, start: int, size: int):\n"
    "    picked = images.index_select(0, order.narrow(0, start, size))\n"
    "    return (picked / 255.0).unsqueeze(1)\n"
    "def loss(scores, labels, order, start: int, size: int):\n"
    "    picked = labels.index_select(0, order.narrow(0, start, size))\n"
    "    return torch.cross_entropy_loss(scores, picked)\n"
    "def hits(scores, labels, start: int, size: int) -> int:\n"
    "    return int((scores.argmax(1) == labels.narrow(0, start, size)).sum())\n"
    "def shuffled(count: int):\n"
    "    return torch.randperm(count)\n";

mirai_value *train_model(void)
{
    return mirai_torch_module_define("conv1 = Conv2d(1, 8, 5, stride=2)   # 28 x 28 to 12 x 12\n"
                                     "conv2 = Conv2d(8, 16, 3, stride=2)  # to 5 x 5\n"
                                     "score = Linear(16 * 5 * 5, 10)\n",
                                     "def forward(self, x):\n"
                                     "    x = torch.relu(self.conv1(x))\n"
                                     "    x = torch.relu(self.conv2(x))\n"
                                     "    return self.score(torch.flatten(x, 1))\n");
}

/* The network's scores for `size` pictures. `order` says which picture is at which place. */
static mirai_status scores_of(const mirai_value *net, const mirai_value *images,
                              const mirai_value *order, int64_t start, int64_t size,
                              mirai_value **scores)
{
    mirai_value *pictures;
    mirai_value *args = mirai_list_of(mirai_value_ref(images), mirai_value_ref(order),
                                      mirai_int(start), mirai_int(size), MIRAI_END);
    MIRAI_TRY(mirai_torch_script(script, "pictures", args, &pictures));
    return mirai_torch_module_forward(net, pictures, scores);
}

/* One batch. *loss becomes its loss before the step. */
static mirai_status train_batch(const mirai_value *net, const mirai_value *optimizer,
                                const mirai_value *order, int64_t start, double *loss)
{
    mirai_value *scores, *tensor;
    MIRAI_TRY(mirai_torch_optimizer_zero_grad(optimizer));
    MIRAI_TRY(scores_of(net, data.train_images, order, start, BATCH, &scores));
    mirai_value *args =
        mirai_list_of(scores, mirai_value_ref(data.train_labels), mirai_value_ref(order),
                      mirai_int(start), mirai_int(BATCH), MIRAI_END);
    MIRAI_TRY(mirai_torch_script(script, "loss", args, &tensor));
    mirai_status status = mirai_torch_item(tensor, loss);
    if (status == MIRAI_OK) status = mirai_torch_backward(tensor);
    if (status == MIRAI_OK) status = mirai_torch_optimizer_step(optimizer);
    mirai_value_release(tensor);
    return status;
}

/* One pass over the first `images` pictures of a shuffled order. *loss becomes the last batches'
 * mean. */
static mirai_status train_epoch(mirai_job *job, const mirai_value *net,
                                const mirai_value *optimizer, int64_t images, double *loss)
{
    mirai_value *order;
    int64_t all = mirai_torch_count(data.train_labels);
    if (images > all) images = all;
    MIRAI_TRY(
        mirai_torch_script(script, "shuffled", mirai_list_of(mirai_int(all), MIRAI_END), &order));
    mirai_status status = MIRAI_OK;
    double batch_loss = 0;
    *loss = 2.3; /* that of guessing */
    for (int64_t start = 0; start + BATCH <= images && status == MIRAI_OK; start += BATCH) {
        status = train_batch(net, optimizer, order, start, &batch_loss);
        *loss += (batch_loss - *loss) / 50;
        /* Whoever cancels the task, or closes the pool, does not want to wait for the end. */
        if (mirai_job_cancelled(job)) status = mirai_error_set(MIRAI_E_INTERRUPTED, "cancelled");
    }
    mirai_value_release(order);
    return status;
}

/* Share of the test pictures that the network puts into the right class. */
static mirai_status test(const mirai_value *net, double *accuracy)
{
    int64_t all = mirai_torch_count(data.test_labels), right = 0;
    mirai_value *order = mirai_torch_arange(MIRAI_DTYPE_INT64, 0, (double)all, 1);
    mirai_status status = order != NULL ? MIRAI_OK : MIRAI_E_NOMEM;
    for (int64_t start = 0; start + TEST_BATCH <= all && status == MIRAI_OK; start += TEST_BATCH) {
        mirai_value *scores, *hits;
        status = scores_of(net, data.test_images, order, start, TEST_BATCH, &scores);
        if (status != MIRAI_OK) break;
        mirai_value *args = mirai_list_of(scores, mirai_value_ref(data.test_labels),
                                          mirai_int(start), mirai_int(TEST_BATCH), MIRAI_END);
        status = mirai_torch_script(script, "hits", args, &hits);
        if (status != MIRAI_OK) break;
        right += mirai_value_int_or(hits, 0);
        mirai_value_release(hits);
    }
    mirai_value_release(order);
    *accuracy = (double)right / (double)all;
    return status;
}

static mirai_value *load_data(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job;
    (void)args;
    (void)context;
    if (data.test_images == NULL &&
        (fashion_mnist_read("train", &data.train_images, &data.train_labels) != MIRAI_OK ||
         fashion_mnist_read("t10k", &data.test_images, &data.test_labels) != MIRAI_OK))
        return NULL; /* fails with the detail text that the reader has set */
    return mirai_null();
}

static mirai_value *train(mirai_job *job, const mirai_value *args, void *context)
{
    (void)context;
    double loss = 0, accuracy = 0;
    (void)mirai_torch_manual_seed((uint64_t)mirai_value_int_or(mirai_value_get(args, "seed"), 1));
    mirai_value *net =
        mirai_torch_module_new(mirai_value_ref(mirai_value_get(args, "model")), mirai_null());
    mirai_value *params = NULL;
    if (net == NULL || mirai_torch_module_parameters(net, &params) != MIRAI_OK) {
        mirai_value_release(net);
        return NULL;
    }
    mirai_value *options =
        mirai_dict_of("lr", mirai_value_ref(mirai_value_get(args, "lr")), MIRAI_END);
    mirai_value *optimizer = mirai_torch_optimizer_new(
        mirai_value_string(mirai_value_get(args, "optimizer")), params, options);

    mirai_status status = optimizer != NULL ? MIRAI_OK : MIRAI_E_USER;
    int64_t images = mirai_value_int_or(mirai_value_get(args, "images"), 0);
    int64_t epochs = mirai_value_int_or(mirai_value_get(args, "epochs"), 1);
    for (int64_t epoch = 0; epoch < epochs && status == MIRAI_OK; epoch++)
        status = train_epoch(job, net, optimizer, images, &loss);
    if (status == MIRAI_OK) status = test(net, &accuracy);
    mirai_value_release(optimizer);
    if (status != MIRAI_OK) {
        mirai_value_release(net);
        return NULL;
    }
    return mirai_dict_of("loss", mirai_float(loss), "accuracy", mirai_float(accuracy), "net", net,
                         MIRAI_END);
}

mirai_status train_register(void)
{
    MIRAI_TRY(mirai_torch_register());
    MIRAI_TRY(mirai_function_register("load_data", load_data, NULL));
    return mirai_function_register("train", train, NULL);
}
