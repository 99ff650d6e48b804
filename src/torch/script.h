/*
 * script: TorchScript functions from text.
 */
#ifndef MIRAI__TORCH_SCRIPT_H
#define MIRAI__TORCH_SCRIPT_H

#include <miraicore/value.h>

namespace mirai_torch {

/* Borrows all; `name` may be NULL. Results that could not be sent for their graph are detached if asked for. */
mirai_value *call_script(const char *source, const char *name, const mirai_value *args, bool detach);

} // namespace mirai_torch

#endif
