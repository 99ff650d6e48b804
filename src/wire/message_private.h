/*
 * message_private: what one message's hooks keep with it, and calling a hook so that its failure is
 * told well.
 */
#ifndef MIRAI__MESSAGE_PRIVATE_H
#define MIRAI__MESSAGE_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <miraicore/refhook.h>

struct mirai_message {
    struct mirai__kept *kept;
    size_t count, capacity;
    /* While a hook serialises: its objects, and whether each is given away. Borrowed. */
    void *const *objects;
    const bool *given;
    size_t object_count, next; /* the one that is most likely asked about next */
};

void mirai__message_init(mirai_message *message);
void mirai__message_fini(mirai_message *message); /* frees what is kept, newest first */

/* Before and after a hook is called with objects. */
void mirai__message_offer(mirai_message *message, void *const *objects, const bool *given, size_t count);
void mirai__message_withdraw(mirai_message *message);

/* After a hook has failed: E_HOOK, "refhook '<class>' could not <verb>: <what the hook had to
 * say>". Clear the detail before the hook is called. */
mirai_status mirai__message_blame(const char *class_name, const char *verb);

/* The detail text across a clean-up in which foreign code may run, and change it. */
typedef struct mirai__said {
    mirai_status status;
    char text[512];
} mirai__said;

void mirai__said_keep(mirai__said *said, mirai_status status);
mirai_status mirai__said_again(const mirai__said *said); /* returns the status */

#endif
