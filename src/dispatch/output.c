/*
 * output: reading, keeping and giving what daemons write. Threads and lock: output.h.
 */
#include "output.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "alloc.h"
#include "bytes.h"
#include "detail.h"
#include "notify.h"
#include "utf8.h"

enum {
    READ_SIZE = 16384,
    READS_MAX = 4,                 /* per event: one that never stops writing must not keep the turn */
    DRAIN_MAX = 4 * 1024 * 1024,   /* more than any pipe holds */
    CHUNK_MAX = 65536,             /* bytes given to on_output at a time */
    QUEUED_MAX = 16 * 1024 * 1024, /* bytes that wait for on_output */
};

struct mirai__capturing {
    mirai_output_fn fn; /* NULL: kept per task */
    void *user;
    size_t limit;       /* bytes of each stream of a task */
    mirai__list chunks; /* for fn, in order */
    size_t queued;      /* bytes in them */
};

struct mirai__output {
    mirai__bytes streams[2];
    uint64_t dropped;
};

/* Of one stream of one daemon, while one task was at hand. */
typedef struct chunk {
    mirai__list node;
    uint64_t daemon, task;
    int32_t stream;
    mirai__bytes bytes;
} chunk;

/* ---- life ------------------------------------------------------------------------------------ */

mirai_status mirai__output_capture(mirai_pool *pool, const mirai_pool_options *options)
{
    if (options->output != MIRAI_OUTPUT_CAPTURE || options->sync) return MIRAI_OK;
    mirai__capturing *capturing = mirai__alloc_zero(1, sizeof *capturing);
    if (capturing == NULL) return MIRAI_E_NOMEM;
    capturing->fn = options->on_output;
    capturing->user = options->user;
    capturing->limit = options->output_limit < 0 ? SIZE_MAX : (size_t)options->output_limit;
    mirai__list_init(&capturing->chunks);
    pool->capturing = capturing;
    return MIRAI_OK;
}

static void free_chunks(mirai__list *chunks)
{
    mirai__list *node;
    while ((node = mirai__list_pop(chunks)) != NULL) {
        chunk *each = mirai__list_entry(node, chunk, node);
        mirai__bytes_fini(&each->bytes);
        mirai__free(each);
    }
}

void mirai__output_stop(mirai__capturing *capturing)
{
    if (capturing == NULL) return;
    free_chunks(&capturing->chunks);
    mirai__free(capturing);
}

void mirai__output_free(mirai__output *output)
{
    if (output == NULL) return;
    for (size_t i = 0; i < 2; i++) mirai__bytes_fini(&output->streams[i]);
    mirai__free(output);
}

/* ---- keeping --------------------------------------------------------------------------------- */

/* NULL: no memory; what was written is then lost, nothing else. */
static mirai__output *of(mirai_task *task)
{
    mirai__extra *extra = mirai__task_extend(task);
    if (extra == NULL) return NULL;
    if (extra->output == NULL) extra->output = mirai__alloc_zero(1, sizeof *extra->output);
    return extra->output;
}

static void keep(const mirai__capturing *capturing, mirai_task *task, int32_t stream, const char *data, size_t size)
{
    mirai__output *output = task != NULL ? of(task) : NULL;
    if (output == NULL) return;
    mirai__bytes *bytes = &output->streams[stream - 1];
    size_t room = capturing->limit - bytes->size;
    size_t part = size < room ? size : room;
    if (part > 0 && mirai__bytes_append(bytes, data, part) != MIRAI_OK) part = 0;
    output->dropped += size - part;
}

/* Where more of the same goes: the last chunk, if it is of the same origin and has room, else a new one. */
static chunk *chunk_for(mirai__capturing *capturing, const mirai__remote *remote, int32_t stream, size_t size)
{
    if (!mirai__list_is_empty(&capturing->chunks)) {
        chunk *last = mirai__list_entry(capturing->chunks.prev, chunk, node);
        if (last->daemon == remote->id && last->task == remote->task_id && last->stream == stream &&
            last->bytes.size + size <= CHUNK_MAX)
            return last;
    }
    chunk *fresh = mirai__alloc_zero(1, sizeof *fresh);
    if (fresh == NULL) return NULL;
    fresh->daemon = remote->id;
    fresh->task = remote->task_id;
    fresh->stream = stream;
    mirai__list_append(&capturing->chunks, &fresh->node);
    return fresh;
}

static bool enqueue(mirai_pool *pool, const mirai__remote *remote, int32_t stream, const char *data, size_t size)
{
    mirai__capturing *capturing = pool->capturing;
    if (capturing->queued + size > QUEUED_MAX) return false;
    chunk *chunk = chunk_for(capturing, remote, stream, size);
    if (chunk == NULL || mirai__bytes_append(&chunk->bytes, data, size) != MIRAI_OK) return false;
    capturing->queued += size;
    mirai__notify_ring(pool);
    return true;
}

static void note(mirai_pool *pool, mirai__remote *remote, mirai_task *task, int32_t stream, const char *data,
                 size_t size)
{
    if (stream == 2) mirai__tail_add(&remote->tail, data, size);
    if (pool->capturing->fn == NULL) {
        keep(pool->capturing, task, stream, data, size);
    } else if (!enqueue(pool, remote, stream, data, size)) {
        mirai__output *output = task != NULL ? of(task) : NULL;
        if (output != NULL) output->dropped += size;
    }
}

/* ---- reading --------------------------------------------------------------------------------- */

static int descriptor_of(const mirai__remote *remote, int32_t stream)
{
    return stream == 1 ? remote->process.stdout_fd : remote->process.output_fd;
}

/* As read(): 0 at the end, -1 when there is nothing now. */
static ssize_t take(mirai_pool *pool, mirai__remote *remote, mirai_task *task, int32_t stream, size_t most)
{
    char data[READ_SIZE];
    ssize_t size;
    do
        size = read(descriptor_of(remote, stream), data, most < sizeof data ? most : sizeof data);
    while (size < 0 && errno == EINTR);
    if (size < 0) return errno == EAGAIN ? -1 : 0;
    if (size > 0) note(pool, remote, task, stream, data, (size_t)size);
    return size;
}

bool mirai__output_read(mirai_pool *pool, mirai__remote *remote, int32_t stream)
{
    mirai_task *task = remote->sched.task != NULL ? mirai__task_of(remote->sched.task) : NULL;
    ssize_t size = 1;
    for (int i = 0; i < READS_MAX && size > 0; i++) size = take(pool, remote, task, stream, READ_SIZE);
    return size != 0;
}

void mirai__output_drain(mirai_pool *pool, mirai__remote *remote, mirai_task *task)
{
    if (pool->capturing == NULL) return;
    for (int32_t stream = 1; stream <= 2; stream++) {
        int held = 0, fd = descriptor_of(remote, stream);
        if (fd < 0 || ioctl(fd, FIONREAD, &held) != 0 || held <= 0) continue;
        ssize_t size = 1;
        for (size_t left = held < DRAIN_MAX ? (size_t)held : DRAIN_MAX; left > 0 && size > 0; left -= (size_t)size) {
            size = take(pool, remote, task, stream, left);
            if (size <= 0) break;
        }
    }
}

void mirai__output_settle(mirai_pool *pool, mirai_task *task)
{
    if (pool->capturing == NULL || task->ran_on == 0) return;
    mirai__remote *remote = mirai__map_get(&pool->remotes, task->ran_on);
    if (remote != NULL && remote->task_id == task->id) mirai__output_drain(pool, remote, task);
}

void mirai__output_begin(mirai_pool *pool, mirai__remote *remote, mirai_task *task)
{
    mirai__output_drain(pool, remote, NULL); /* written since the last task */
    if (task == NULL || mirai__task_extra(task)->output == NULL) return;
    mirai__extra *extra = mirai__task_extend(task);
    mirai__output_free(extra->output);
    extra->output = NULL;
}

/* ---- giving ---------------------------------------------------------------------------------- */

bool mirai__output_is_due(const mirai_pool *pool)
{
    return pool->capturing != NULL && !mirai__list_is_empty(&pool->capturing->chunks);
}

size_t mirai__output_deliver(mirai_pool *pool)
{
    mirai__list due, *node;
    mirai__list_init(&due);
    mirai__capturing *capturing = pool->capturing; /* constant */
    if (capturing == NULL || capturing->fn == NULL) return 0;
    (void)pthread_mutex_lock(&pool->lock);
    while ((node = mirai__list_pop(&capturing->chunks)) != NULL) mirai__list_append(&due, node);
    capturing->queued = 0;
    (void)pthread_mutex_unlock(&pool->lock);
    size_t count = 0;
    for (node = due.next; node != &due; node = node->next, count++) {
        const chunk *each = mirai__list_entry(node, chunk, node);
        capturing->fn(pool, each->daemon, each->task, each->stream, (const char *)each->bytes.data, each->bytes.size,
                      capturing->user);
    }
    free_chunks(&due);
    return count;
}

static mirai_value *text_of(const mirai__output *output, int32_t stream)
{
    const mirai__bytes *bytes = output != NULL ? &output->streams[stream - 1] : NULL;
    if (bytes == NULL || bytes->size == 0) return mirai_string("");
    char *text = mirai__utf8_clean((const char *)bytes->data, bytes->size);
    mirai_value *value = text != NULL ? mirai_string(text) : NULL;
    mirai__free(text);
    return value;
}

mirai_status mirai__output_value(mirai_task *task, mirai_value **out)
{
    mirai_pool *pool = task->pool;
    if (pool->capturing == NULL) return mirai__fail(MIRAI_E_STATE, "the pool does not capture output");
    (void)pthread_mutex_lock(&pool->lock);
    bool resolved = task->sched.state == MIRAI_TASK_RESOLVED;
    (void)pthread_mutex_unlock(&pool->lock);
    if (!resolved) return mirai__fail(MIRAI_E_AGAIN, "the task has not resolved");
    const mirai__output *output = mirai__task_extra(task)->output; /* constant by now */
    int64_t dropped = output != NULL ? (int64_t)output->dropped : 0;
    *out = mirai_dict_of("stdout", text_of(output, 1), "stderr", text_of(output, 2), "dropped", mirai_int(dropped),
                         MIRAI_END);
    return *out != NULL ? MIRAI_OK : MIRAI_E_NOMEM;
}
