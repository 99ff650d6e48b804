/**
 * @file refhook.h
 * Refhooks: how objects that the library knows nothing about pass between processes.
 *
 * A reference (value.h) carries an object of a class. When a message that holds references is built,
 * the hooks registered under each class turn the objects into plain values (buffers included, and
 * references to further objects too); on the other side they turn those values into objects again.
 * Hooks are found by the class's name, on either side, so both sides must register it.
 *
 * Within one message an object that occurs twice is serialised once and comes back as one object. A
 * class may give `identity` to say when two object pointers mean one object.
 *
 * Contract for hooks:
 *  - they run on the thread that submits, waits, reads, prints or compares, or in
 *    mirai_pool_process(), and in a daemon on its main thread; never on a library thread, never under
 *    a library lock, so they may take locks of the caller's and call this library;
 *  - they may run on several threads at once, for different messages;
 *  - a hook fails by returning NULL or a negative status, best after mirai_error_set(); this fails the
 *    task at hand with that message, and nothing else;
 *  - a hook must not leave by longjmp or by a C++ exception.
 */
#ifndef MIRAICORE_REFHOOK_H
#define MIRAICORE_REFHOOK_H

#include <miraicore/value.h>

MIRAI_BEGIN_DECLS

/** One message being built or read: what hooks of that message share. */
typedef struct mirai_message mirai_message;

/** Where a `print` hook writes. */
typedef struct mirai_text mirai_text;

/**
 * The hooks of a class. Set struct_size, set what the class can do, leave the rest NULL.
 * Per direction one of the two forms is needed; where both are there, the vectorised one is used.
 */
typedef struct mirai_refhook {
    /** sizeof(mirai_refhook), set by MIRAI_REFHOOK_INIT. */
    size_t struct_size;

    /** Handed to every hook. It must outlive the registration. */
    void *context;

    /** One object to a value. Borrows object; returns owned, NULL on failure. */
    mirai_value *(*serialize)(mirai_message *message, void *object, void *context);

    /** One value to an object. Borrows data; *object is owned by the message's values. */
    mirai_status (*unserialize)(mirai_message *message, const mirai_value *data, void **object,
                                void *context);

    /**
     * All `count` distinct objects of the class in a message, in one call, to one value. Borrows
     * objects; returns owned, NULL on failure. (A second call occurs only when a later class's hook
     * brings further objects of this class to light.)
     */
    mirai_value *(*serialize_all)(mirai_message *message, void *const *objects, size_t count,
                                  void *context);

    /**
     * The reverse: fill `objects` with `count` objects in the same order. On failure the hook has
     * released what it made. `count` comes from the peer and has been checked against nothing but
     * the number of references in the message: compare it with data.
     */
    mirai_status (*unserialize_all)(mirai_message *message, const mirai_value *data,
                                    void **objects, size_t count, void *context);

    /** Release an object that unserialize made. Runs exactly once per object. NULL: nothing to do. */
    void (*release)(void *object, void *context);

    /** What makes two object pointers one object; NULL: the pointer itself. */
    const void *(*identity)(void *object, void *context);

    /** Print the object, by mirai_text_printf(). NULL: `<class_name>` is printed. */
    mirai_status (*print)(void *object, mirai_text *text, void *context);

    /** Reach into the object by key. Returns owned; NULL when there is nothing under that key. */
    mirai_value *(*get)(void *object, const char *key, void *context);

    /** 1 when two objects are equal, else 0. NULL: equal only when identical. */
    int32_t (*equal)(void *a, void *b, void *context);

    /** Bytes that the object holds, for budgets and printing; -1 when unknown. */
    int64_t (*size)(void *object, void *context);
} mirai_refhook;

/** Start of every mirai_refhook: `mirai_refhook hook = MIRAI_REFHOOK_INIT;` */
#define MIRAI_REFHOOK_INIT                                                                         \
    {                                                                                              \
        sizeof(mirai_refhook), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL    \
    }

/**
 * Register the hooks of a class for the whole process, before or after pools open. Registering the
 * same hooks again (all fields alike) is no error.
 * @param class_name  borrowed; 1 to 255 bytes of UTF-8.
 * @param hook        borrowed; copied.
 * @return MIRAI_OK; MIRAI_E_INVALID for a NULL, an empty name, a bad struct_size, or no serialize and
 *         no unserialize form at all; MIRAI_E_EXISTS when other hooks have that name; MIRAI_E_NOMEM.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_refhook_register(const char *class_name,
                                                              const mirai_refhook *hook);

/**
 * Remove the hooks of a class. Messages and values at hand keep using them; so their code and context
 * must stay until those are gone.
 * @param class_name  borrowed.
 * @return MIRAI_OK; MIRAI_E_INVALID; MIRAI_E_NOT_FOUND.
 * @thread any   @since 0.1
 */
MIRAI_API mirai_status mirai_refhook_unregister(const char *class_name);

/**
 * Keep something with a message: how hooks of one message share what they have learnt, such as which
 * storages have been written.
 * @param message  borrowed.
 * @param key      an address of yours, such as that of a static variable.
 * @param data     what to keep; replaces (and frees) what was kept under the key.
 * @param free_fn  called once with (data) when the message is done. NULL: nothing is called.
 * @return MIRAI_OK; MIRAI_E_INVALID; MIRAI_E_NOMEM (data is then the caller's still).
 * @thread inside a hook   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_message_set(mirai_message *message, const void *key,
                                                         void *data, void (*free_fn)(void *data));

/**
 * What mirai_message_set() kept.
 * @param message  borrowed; NULL is allowed.
 * @param key      the same address.
 * @return what was kept; NULL when nothing was.
 * @thread inside a hook   @since 0.1
 */
MIRAI_API void *mirai_message_get(const mirai_message *message, const void *key);

/**
 * Whether sending is the end of an object here: whoever sends gives the message's value away, and nobody else has a
 * count of a reference to the object, nor of a value that one lies in. A hook may then take the object apart
 * instead of copying it. The object is released after the message, be that sent or not, and nothing else is done with
 * it, *as far as references go*: who else holds it is the class's own knowledge. (A hook that makes a reference
 * to something of its object's and hands it out gives that reference away, and has the something still.) References without a release
 * function give nothing away, nor do a message that is not sent, or is read.
 * @param message  borrowed; NULL is allowed.
 * @param object   one of the objects that the hook was called with; asking in their order is cheapest. NULL is allowed.
 * @return 1 when it is so; else 0, as for any other pointer, and outside of `serialize` and `serialize_all`.
 * @thread inside a hook   @since 0.1
 */
MIRAI_API int32_t mirai_message_gives(mirai_message *message, const void *object);

/**
 * Write from a `print` hook. A newline starts a line that is indented like the first.
 * @param text    borrowed.
 * @param format  borrowed; printf-like.
 * @return MIRAI_OK; MIRAI_E_INVALID; MIRAI_E_NOMEM.
 * @thread inside a print hook   @since 0.1
 */
MIRAI_API mirai_status mirai_text_printf(mirai_text *text, const char *format, ...)
    MIRAI_PRINTF(2, 3);

/**
 * Print a value from within a `print` hook, as mirai_value_print() would, without a last newline.
 * @param text   borrowed.
 * @param value  borrowed; NULL is allowed.
 * @return MIRAI_OK; MIRAI_E_INVALID; MIRAI_E_NOMEM.
 * @thread inside a print hook   @since 0.1
 */
MIRAI_API mirai_status mirai_text_value(mirai_text *text, const mirai_value *value);

MIRAI_END_DECLS
#endif
