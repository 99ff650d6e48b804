/*
 * link_memory: see link_memory.h.
 */
#include "link_memory.h"

#include "detail.h"

/* The numbers of slabs follow from the order in which they are passed: so nothing may fail once they were. */
mirai__frame_writer *mirai__link_memory_writer(mirai__link_memory *memory, const mirai__frame *frame)
{
    mirai__channel *channel = memory->channel;
    mirai__loan *loan = mirai__lender_offer(memory->lender, frame->segment);
    if (loan != NULL) {
        mirai__frame lending = *frame;
        lending.lent = loan->lent;
        mirai__frame_writer *writer = mirai__frame_writer_new(&lending, false);
        bool passed = writer != NULL && (loan->fd_count == 0 ||
                                         channel->ops->pass(channel, loan->fds, loan->fd_count) == 0);
        mirai__lender_settle(memory->lender, loan, passed);
        if (passed) return writer;
        mirai__frame_writer_free(writer);
    }
    return mirai__frame_writer_new(frame, channel->off_host);
}

bool mirai__link_memory_due(mirai__link_memory *memory, mirai__frame *out)
{
    uint64_t first, count;
    if (memory->borrower != NULL && mirai__borrower_next(memory->borrower, &first, &count)) {
        *out = (mirai__frame){.kind = MIRAI__FRAME_RELEASE, .task = first, .attempt = count};
        return true;
    }
    uint64_t slab = memory->lender != NULL ? mirai__lender_forget(memory->lender) : 0;
    if (slab != 0) *out = (mirai__frame){.kind = MIRAI__FRAME_FORGET, .task = slab};
    return slab != 0;
}

mirai_status mirai__link_memory_borrow(void *context, const mirai__lent *lent, uint64_t size,
                                       mirai_buffer **out)
{
    mirai__link_memory *memory = context;
    while (mirai__borrower_known(memory->borrower) < lent->slab) {
        int fd = memory->channel->ops->take(memory->channel);
        if (fd < 0)
            return mirai__fail(MIRAI_E_PROTOCOL, "a frame refers to slab %llu, which was not passed",
                               (unsigned long long)lent->slab);
        MIRAI_TRY(mirai__borrower_map(memory->borrower, fd));
    }
    return mirai__borrower_take(memory->borrower, lent, size, out);
}

bool mirai__link_memory_heard(mirai__link_memory *memory, const mirai__frame *frame, mirai_status *status)
{
    bool released = frame->kind == MIRAI__FRAME_RELEASE;
    if (!released && frame->kind != MIRAI__FRAME_FORGET) return false;
    if (released ? memory->lender == NULL : memory->borrower == NULL)
        *status = mirai__fail(MIRAI_E_PROTOCOL, "a frame of kind %d, and no memory was passed", frame->kind);
    else if (released)
        *status = mirai__lender_released(memory->lender, frame->task, frame->attempt);
    else
        *status = mirai__borrower_forget(memory->borrower, frame->task);
    return true;
}
