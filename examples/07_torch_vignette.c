/*
 * A torch module made in another process, and an optimiser made of its parameters in yet another
 * task. Both arrive as if they had been made here: the module's parameters print, train and travel
 * on.
 */
#include <miraicore.h>
#include <miraicore/torch.h>

static mirai_status setup(void) /* runs in the host and in every daemon */
{
    return mirai_torch_register(); /* how tensors, modules and optimisers travel */
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, setup)); /* in a daemon this never returns */

    mirai_pool *pool;
    mirai_task *task;
    const mirai_value *net, *optimizer;
    MIRAI_EXIT_IF(mirai_pool_open(&pool, "default", 1, NULL));
    MIRAI_EXIT_IF(mirai_pool_load(pool, "miraicore_torch")); /* "torch.module_new" and others */

    /* Two layers whose sizes are left open, and what to do with them. */
    mirai_value *model =
        mirai_torch_module_define("conv1 = Conv2d(in_size, out_size, 5)\n"
                                  "conv2 = Conv2d(in_size, out_size, 5)\n",
                                  "def forward(self, x):\n"
                                  "    return torch.relu(self.conv2(torch.relu(self.conv1(x))))\n");
    mirai_value *params =
        mirai_dict_of("in_size", mirai_int(1), "out_size", mirai_int(20), MIRAI_END);

    MIRAI_EXIT_IF(mirai_pool_submit(pool, &task, "torch.module_new",
                                    mirai_dict_of("model", model, "params", params, MIRAI_END),
                                    NULL));
    MIRAI_EXIT_IF(mirai_task_wait(task, MIRAI_FOREVER));
    MIRAI_EXIT_IF(mirai_task_result(task, &net));
    (void)mirai_value_print(net, stdout); /* An `nn_module` containing 1,040 parameters. ... */
    (void)mirai_value_print(mirai_value_at(net, "parameters[\"conv1.weight\"]"), stdout);

    /* The parameters go out again, and come back inside an optimiser. */
    mirai_value *parameters = mirai_value_ref(mirai_value_at(net, "parameters"));
    mirai_task_release(task);
    MIRAI_EXIT_IF(mirai_pool_submit(
        pool, &task, "torch.optim",
        mirai_dict_of("kind", mirai_string("rmsprop"), "params", parameters, MIRAI_END), NULL));
    MIRAI_EXIT_IF(mirai_task_wait(task, MIRAI_FOREVER));
    MIRAI_EXIT_IF(mirai_task_result(task, &optimizer));
    (void)mirai_value_print(optimizer, stdout); /* lr 0.01, alpha 0.99, eps 1e-8 */

    mirai_task_release(task);
    MIRAI_EXIT_IF(mirai_pool_close(pool, MIRAI_DRAIN, 5000));
    return 0;
}
