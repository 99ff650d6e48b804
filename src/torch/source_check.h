/*
 * source_check: TorchScript text before libtorch's compiler sees it. The compiler is recursive: text that is
 * nested or chained beyond measure would overflow the stack, so it is refused here.
 */
#ifndef MIRAI__TORCH_SOURCE_CHECK_H
#define MIRAI__TORCH_SOURCE_CHECK_H

namespace mirai_torch {

/* Fails with MIRAI_E_LIMIT. */
void check_depth(const char *source);

} // namespace mirai_torch

#endif
