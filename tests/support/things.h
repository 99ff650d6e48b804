/*
 * things: foreign objects for tests: a thing holds one value, and says how often hooks were called
 * for it. Not for several threads.
 */
#ifndef TEST_THINGS_H
#define TEST_THINGS_H

#include <miraicore/refhook.h>

typedef struct thing {
    const void *identity; /* NULL: the thing itself */
    mirai_value *content; /* owned */
} thing;

typedef struct thing_calls {
    int live; /* things made and not yet released */
    int serialize, serialize_all, unserialize, unserialize_all, release;
    int fail_serialize, fail_unserialize; /* hooks fail as long as these are not 0 */
} thing_calls;

extern thing_calls things;

/* Classes: "box" has plain hooks, "crate" has vectorised ones. */
void things_register(void);
void things_unregister(void);
mirai_refhook things_box(void);   /* the hooks of box */
mirai_refhook things_crate(void); /* the hooks of crate */
/* A reference to a new thing; takes content. NULL: no memory. */
mirai_value *thing_new(const char *class_name, mirai_value *content);
/* The same with an identity. */
mirai_value *thing_known(const char *class_name, const void *identity, mirai_value *content);
/* What a reference's thing holds; borrowed; NULL when it is no thing. */
const mirai_value *thing_content(const mirai_value *reference);

#endif
