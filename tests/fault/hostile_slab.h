/*
 * hostile_slab: memory that a daemon that lies passes to its host, by hand from src/wire/FORMAT.md.
 */
#ifndef HOSTILE_SLAB_H
#define HOSTILE_SLAB_H

/* Pass over a socket what `mode` says: "lent_junk" no memory, "lent_unsealed" memory that can shrink, "lent_holes" such
 * as is not there, "lent_flood" descriptors without end; otherwise a good slab of 64 KiB, but for "lent_nothing". */
void hostile_slab_pass(int socket, const char *mode);

#endif
