/*
 * allocator: libtorch's allocator of CPU memory, in front of the one that was there before. It is installed when the
 * first scope of the process is opened, and stays. Any thread; scopes belong to their thread, and a table of the
 * buffers that storages lie in has a lock, under which nothing else is called.
 *
 * libtorch's raw interface demands one deleter for all memory, which is told the address alone. So all goes through
 * ours; but slabs begin at whole pages, and what malloc() gives does not, so that the table is asked about few others.
 */
#include "allocator.h"

#include <mutex>
#include <pthread.h>
#include <unordered_map>

#include <c10/core/CPUAllocator.h>

#include <miraicore/torch.h>

#include "failure.h"

namespace mirai_torch {

namespace {

constexpr size_t size_least = 32768; /* smaller buffers lie on the heap anyway */
constexpr uintptr_t page = 4096;

/* The scopes that are open on this thread. Plain memory, since tensors may be made and freed until the very end. */
constexpr int scopes_max = 64;
struct Scopes {
    mirai_pool *pools[scopes_max];
    int count;
};
thread_local Scopes scopes;

/* ---- the buffers that storages lie in ---------------------------------------------------------- */

struct Table {
    std::mutex lock; /* guards buffers */
    std::unordered_map<const void *, mirai_buffer *> buffers;
};

Table &table()
{
    static auto *made = new Table; /* never freed: storages may outlive it at exit */
    return *made;
}

/* Takes buffer if that is true. */
bool put(const void *memory, mirai_buffer *buffer) noexcept
{
    try {
        std::lock_guard<std::mutex> lock(table().lock);
        return table().buffers.emplace(memory, buffer).second;
    } catch (const std::bad_alloc &) {
        return false;
    }
}

/* Owned; NULL: there is none of so many bytes (0: whatever it has). */
mirai_buffer *take(const void *memory, size_t size) noexcept
{
    if ((uintptr_t)memory % page != 0) return nullptr;
    std::lock_guard<std::mutex> lock(table().lock);
    auto found = table().buffers.find(memory);
    if (found == table().buffers.end()) return nullptr;
    mirai_buffer *buffer = found->second;
    if (size > 0 && mirai_buffer_size(buffer) != size) return nullptr;
    table().buffers.erase(found);
    return buffer;
}

/* ---- the allocator ----------------------------------------------------------------------------- */

c10::DeleterFnPtr delete_before = nullptr; /* of the allocator that was there before; set once */

void release(void *memory)
{
    mirai_buffer *buffer = take(memory, 0);
    if (buffer)
        mirai_buffer_release(buffer);
    else
        delete_before(memory);
}

class Allocator : public c10::Allocator
{
  public:
    explicit Allocator(c10::Allocator *before) : before_(before) {}

    c10::DataPtr allocate(size_t size) const override
    {
        if (scopes.count > 0 && size >= size_least) {
            if (void *memory = allocate_shared(size))
                return {memory, memory, release, c10::Device(c10::DeviceType::CPU)};
        }
        c10::DataPtr data = before_->allocate(size);
        if (delete_before) (void)data.compare_exchange_deleter(delete_before, release);
        return data;
    }

    c10::DeleterFnPtr raw_deleter() const override { return delete_before ? release : nullptr; }

  private:
    /* NULL: it has to be ordinary memory. */
    static void *allocate_shared(size_t size)
    {
        mirai_buffer *buffer = mirai_buffer_alloc(scopes.pools[scopes.count - 1], size);
        /* not mirai_buffer_writable(), which would clear the detail text of a builder that failed before */
        void *memory = const_cast<void *>(mirai_buffer_data(buffer));
        if (memory && (uintptr_t)memory % page == 0 && put(memory, buffer)) return memory;
        mirai_buffer_release(buffer);
        return nullptr;
    }

    c10::Allocator *before_;
};

void install()
{
    static std::once_flag once;
    std::call_once(once, [] {
        /* children of a fork free storages, too: so nobody else may have the lock then */
        const auto lock = [] { table().lock.lock(); };
        const auto unlock = [] { table().lock.unlock(); };
        if (pthread_atfork(lock, unlock, unlock) != 0) fail(MIRAI_E_NOMEM, "no memory to watch for forks");
        c10::Allocator *before = c10::GetCPUAllocator();
        delete_before = before->raw_deleter();
        c10::SetCPUAllocator(new Allocator(before)); /* lives for ever, as libtorch wants it */
    });
}

} // namespace

mirai_buffer *take_buffer(c10::StorageImpl &storage) noexcept
{
    c10::DataPtr &data = storage.data_ptr();
    if (data.get_deleter() != release || data.get() != data.get_context() || storage.nbytes() == 0) return nullptr;
    mirai_buffer *buffer = take(data.get(), storage.nbytes());
    if (!buffer) return nullptr;
    (void)data.release_context();
    storage.reset();
    return buffer;
}

bool close_scope() noexcept
{
    if (scopes.count == 0) return false;
    scopes.count--;
    return true;
}

} // namespace mirai_torch

/* ---- the C surface ----------------------------------------------------------------------------- */

using namespace mirai_torch;

mirai_status mirai_torch_scope_begin(mirai_pool *pool)
{
    return attempt([&] {
        if (scopes.count == scopes_max)
            fail(MIRAI_E_LIMIT, "%d scopes are open on this thread, and no more can be", scopes_max);
        install();
        scopes.pools[scopes.count++] = pool;
    });
}

mirai_status mirai_torch_scope_end(void)
{
    return attempt([] {
        if (!close_scope()) fail(MIRAI_E_STATE, "no scope is open on this thread");
    });
}
