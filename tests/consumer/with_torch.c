/* A program that links the torch wrapper finds libtorch and the core by it. */
#include <miraicore.h>
#include <miraicore/torch.h>

int main(void)
{
    MIRAI_EXIT_IF(mirai_torch_register());
    return 0;
}
