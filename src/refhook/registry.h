/*
 * registry: refhooks by class name. One table for the process and one overlay per pool. Entries are counted
 * and never change: whoever has looked one up may go on using it after it was unregistered.
 * Each table has its own lock, held only to look up or change the table, never around a hook.
 *
 * This floor lies below value/: it knows hooks as callbacks and values only as an opaque type.
 */
#ifndef MIRAI__REGISTRY_H
#define MIRAI__REGISTRY_H

#include <stdbool.h>

#include <miraicore/refhook.h>

typedef struct mirai__hook {
    _Atomic int64_t references;
    mirai_refhook hook; /* all fields of today's struct, also when a shorter one was registered */
    const char *class_name; /* right behind, but in a constant entry */
} mirai__hook;

/* The class that the library brings itself (wire/common.h). It is in no table, and nobody can put it there. */
#define MIRAI__CLASS_COMMON "mirai_common"
bool mirai__class_is_ours(const char *class_name);

typedef struct mirai__hooks mirai__hooks;

mirai__hooks *mirai__hooks_new(void);          /* an overlay; NULL: no memory */
void mirai__hooks_free(mirai__hooks *overlay); /* NULL is allowed */
/* overlay NULL: the process's table. Rules and statuses as mirai_refhook_register(). */
mirai_status mirai__hooks_register(mirai__hooks *overlay, const char *class_name, const mirai_refhook *hook);
/* First in the overlay (NULL: none), then in the process's table. Owned; NULL when there is none. */
mirai__hook *mirai__hooks_find(mirai__hooks *overlay, const char *class_name);
mirai__hook *mirai__hook_ref(mirai__hook *hook);
void mirai__hook_unref(mirai__hook *hook); /* NULL is allowed */

#endif
