/*
 * value_private: what the floors above need of values beyond <miraicore/value.h>.
 */
#ifndef MIRAI__VALUE_PRIVATE_H
#define MIRAI__VALUE_PRIVATE_H

#include <stdbool.h>

#include "registry.h"
#include "segment.h"
#include "shared.h"

/* A value that stands for an encoded subtree; only the encoder understands it. Takes segment. */
#define MIRAI__TYPE_SEGMENT 64
mirai_value *mirai__value_segment(mirai__segment *segment);
mirai__segment *mirai__value_get_segment(const mirai_value *value); /* borrowed; NULL when it is none */

/* A reference made by a hook: the object is released by hook->hook.release. Takes object, refs hook. On failure
 * the object is released and NULL returned. */
mirai_value *mirai__reference_hooked(mirai__hook *hook, void *object);
/* The hooks that a reference was made with, or else those registered in the process now. Owned; NULL: none. */
mirai__hook *mirai__reference_hook(const mirai_value *reference);

/* Whether the object of a reference is released with it. */
bool mirai__reference_owns(const mirai_value *reference);

/* Whether there is just one count of a value. */
bool mirai__value_is_sole(const mirai_value *value);
/* The dict of fields behind an error value; borrowed; NULL when it is no error. */
const mirai_value *mirai__error_fields(const mirai_value *error);
/* A copy of a dict (or of an error's fields, as an error) with one field set or replaced. Takes `value` and
 * `dict`, also on failure. */
mirai_value *mirai__value_with(mirai_value *dict, const char *key, mirai_value *value);

#endif
