/*
 * tensor_wire: all tensors of a message to one value and back. Two tables:
 *
 *   storages  a list; per storage its bytes, or the memory in common that it is, or a reference to a tensor whose
 *             storage it is, sent before in the same message
 *   tensors   an int64 array; per tensor: storage, dtype, flags, rank, offset, `rank` sizes, `rank` strides
 *             (offset and strides in elements)
 *
 * A storage that two tensors share, or that one fills by half, is sent whole, so that views stay views. Of
 * any other only the window that its tensor covers is sent, or a packed copy if the window has large gaps.
 * Tensors that another class's hook adds when these have gone share with the storages that went whole only.
 * A storage that lies in a buffer (allocator.h) is not lent to the message but given, if that is the end of it here.
 * All that is read is checked before libtorch sees it. Hooks run on the caller's thread; no lock.
 */
#include "tensor.h"

#include <unordered_map>

#include <ATen/Utils.h>
#include <c10/core/CPUAllocator.h>

#include <miraicore/common.h>

#include "allocator.h"
#include "dtype.h"
#include "tensor_common.h"
#include "truth.h"

namespace mirai_torch {

namespace {

enum { FLAG_REQUIRES_GRAD = 1, FLAG_CONJ = 2, FLAG_NEG = 4, FLAGS_ALL = 7 };
enum { ROW_HEAD = 5 };

/* ---- sending --------------------------------------------------------------------------------- */

/* Storages that went whole into this message, each with a tensor that lies on it. */
struct Sent {
    std::unordered_map<const c10::StorageImpl *, at::Tensor> whole;
};

const char sent_key = 0;

Sent &sent_of(mirai_message *message)
{
    void *kept = mirai_message_get(message, &sent_key);
    if (kept) return *static_cast<Sent *>(kept);
    auto sent = std::make_unique<Sent>();
    mirai_status status = mirai_message_set(message, &sent_key, sent.get(),
                                            [](void *data) { delete static_cast<Sent *>(data); });
    if (status != MIRAI_OK) fail_as_is(status);
    return *sent.release();
}

void check_sendable(const at::Tensor &tensor)
{
    const char *why = why_not_plain(tensor);
    if (why) fail(MIRAI_E_UNSUPPORTED, "a tensor that is %s cannot be sent", why);
    if (!from_scalar_type(tensor.scalar_type()))
        fail(MIRAI_E_UNSUPPORTED, "tensors of %s cannot be sent", c10::toString(tensor.scalar_type()));
    if (tensor.dim() > MIRAI_TORCH_RANK_MAX)
        fail(MIRAI_E_UNSUPPORTED, "a tensor with %lld dimensions cannot be sent: %d is the most",
             (long long)tensor.dim(), MIRAI_TORCH_RANK_MAX);
    if (tensor.requires_grad() && !tensor.is_leaf())
        fail(MIRAI_E_UNSUPPORTED, "a tensor that was computed from others and requires a gradient cannot be "
                                  "sent: its graph would be lost; send mirai_torch_detach() of it");
}

/* Integers may be negated lazily here, but receivers know that of numbers with fractions only. So such a tensor does not
 * go with its storage, and reads it whenever its turn comes. */
bool is_packed_always(const at::Tensor &tensor)
{
    return tensor.is_neg() && !is_differentiable(tensor.scalar_type());
}

class Sender
{
  public:
    Sender(mirai_message *message, void *const *objects, size_t count)
        : message_(message), sent_(sent_of(message)), objects_(objects), count_(count)
    {
    }

    mirai_value *send()
    {
        for (size_t i = 0; i < count_; i++) {
            check_sendable(tensor(i));
            Users &users = users_[tensor(i).storage().unsafeGetStorageImpl()];
            users.count++;
            if (!is_given(i) || is_packed_always(tensor(i))) users.are_given = false;
        }
        for (size_t i = 0; i < count_; i++) add(tensor(i));
        int64_t length = (int64_t)rows_.size();
        Items data;
        data.add("storages", storages_.list());
        data.add("tensors", mirai_array(MIRAI_DTYPE_INT64, 1, &length, rows_.data()));
        return data.dict();
    }

  private:
    /* The tensors of the message that lie on a storage. */
    struct Users {
        size_t count = 0;
        bool are_given = true;
    };

    const at::Tensor &tensor(size_t i) const { return *static_cast<const at::Tensor *>(objects_[i]); }

    /* Whether nobody will use the tensor any more: neither through a reference, nor in libtorch (a module, a graph,
     * the leaf that it is the gradient of...). */
    bool is_given(size_t i) const
    {
        return mirai_message_gives(message_, objects_[i]) && tensor(i).use_count() == 1 &&
               tensor(i).weak_use_count() == 1;
    }

    /* All of a storage, which is emptied if it may be: if nothing else lies on it. */
    mirai_buffer *whole_buffer(const c10::Storage &storage) const
    {
        const Users &users = users_.at(storage.unsafeGetStorageImpl());
        mirai_buffer *buffer = nullptr;
        if (users.are_given && storage.use_count() == users.count && storage.getWeakStorageImpl().weak_use_count() == 2)
            buffer = take_buffer(*storage.unsafeGetStorageImpl());
        return buffer ? buffer : storage_buffer(storage, 0, storage.nbytes());
    }

    void add(const at::Tensor &tensor)
    {
        if (is_packed_always(tensor)) return add_packed(tensor);
        const c10::Storage &storage = tensor.storage();
        auto placed = places_.find(storage.unsafeGetStorageImpl());
        if (placed != places_.end()) return add_row(tensor, placed->second, tensor.storage_offset());

        if (mirai_value *common = find_common(storage)) return add_whole(tensor, mirai_value_ref(common));

        auto earlier = sent_.whole.find(storage.unsafeGetStorageImpl());
        if (earlier != sent_.whole.end()) return add_whole(tensor, wrap_tensor(earlier->second));

        int64_t window = window_of(tensor), covered = std::min(tensor.numel(), window);
        size_t window_bytes = (size_t)window * tensor.itemsize();
        if (users_[storage.unsafeGetStorageImpl()].count > 1 ||
            (size_t)covered * tensor.itemsize() * 2 >= storage.nbytes()) {
            sent_.whole.emplace(storage.unsafeGetStorageImpl(), tensor);
            return add_whole(tensor, mirai_bytes_buffer(whole_buffer(storage)));
        }
        if (tensor.numel() * 2 < window) return add_packed(tensor);
        size_t start = (size_t)tensor.storage_offset() * tensor.itemsize();
        storages_.add(mirai_bytes_buffer(storage_buffer(storage, window ? start : 0, window_bytes)));
        add_row(tensor, storage_count_++, 0);
    }

    void add_whole(const at::Tensor &tensor, mirai_value *storage)
    {
        storages_.add(storage);
        places_.emplace(tensor.storage().unsafeGetStorageImpl(), storage_count_);
        add_row(tensor, storage_count_++, tensor.storage_offset());
    }

    void add_packed(const at::Tensor &tensor)
    {
        at::Tensor packed = tensor.detach().resolve_conj().resolve_neg().contiguous();
        storages_.add(mirai_bytes_buffer(storage_buffer(packed.storage(), 0, packed.nbytes())));
        if (tensor.requires_grad()) packed.set_requires_grad(true);
        add_row(packed, storage_count_++, 0);
    }

    void add_row(const at::Tensor &tensor, int64_t storage, int64_t offset)
    {
        int64_t flags = (tensor.requires_grad() ? FLAG_REQUIRES_GRAD : 0) |
                        (tensor.is_conj() ? FLAG_CONJ : 0) | (tensor.is_neg() ? FLAG_NEG : 0);
        rows_.insert(rows_.end(), {storage, from_scalar_type(tensor.scalar_type()), flags, tensor.dim(),
                                   offset});
        rows_.insert(rows_.end(), tensor.sizes().begin(), tensor.sizes().end());
        rows_.insert(rows_.end(), tensor.strides().begin(), tensor.strides().end());
    }

    mirai_message *message_;
    Sent &sent_;
    void *const *objects_;
    size_t count_;
    std::unordered_map<const c10::StorageImpl *, Users> users_;
    std::unordered_map<const c10::StorageImpl *, int64_t> places_;
    Items storages_;
    int64_t storage_count_ = 0;
    std::vector<int64_t> rows_;
};

/* ---- receiving ------------------------------------------------------------------------------- */

/* One row of the table, checked as far as it can be without its storage. */
struct Row {
    size_t storage;
    c10::ScalarType type;
    int64_t flags, offset;
    c10::IntArrayRef sizes, strides;
};

void release_buffer(void *buffer)
{
    mirai_buffer_release(static_cast<mirai_buffer *>(buffer));
}

/* A storage that can be written and resized like any other, over a buffer of its own: a view where one can be had,
 * since most tensors that are received are only read. */
c10::Storage storage_from_bytes(const mirai_value *bytes)
{
    size_t size = mirai_value_count(bytes);
    mirai_buffer *buffer = mirai_buffer_ref(mirai_value_buffer(bytes));
    void *memory = nullptr;
    mirai_status status = size == 0 ? MIRAI_OK : mirai_buffer_private(&buffer, &memory);
    c10::DataPtr data(memory, buffer, release_buffer, c10::Device(c10::DeviceType::CPU));
    if (status != MIRAI_OK) fail_as_is(status);
    return c10::Storage(c10::Storage::use_byte_size_t(), size, std::move(data), c10::GetCPUAllocator(),
                        true);
}

class Receiver
{
  public:
    Receiver(const mirai_value *data, size_t count) : count_(count)
    {
        const mirai_value *storages = mirai_value_get(data, "storages");
        const mirai_value *rows = mirai_value_get(data, "tensors");
        if (mirai_value_type(storages) != MIRAI_TYPE_LIST || mirai_value_dtype(rows) != MIRAI_DTYPE_INT64 ||
            mirai_value_rank(rows) != 1)
            fail(MIRAI_E_DECODE, "tensors need a list of storages and an array of int64");
        rows_.resize(mirai_value_count(rows));
        mirai_status status = mirai_value_copy_elements(rows, rows_.data(), rows_.size() * sizeof(int64_t));
        if (status != MIRAI_OK) fail_as_is(status);
        for (size_t i = 0; i < mirai_value_count(storages); i++) add_storage(mirai_value_item(storages, i));
    }

    std::vector<at::Tensor> receive()
    {
        std::vector<at::Tensor> tensors;
        /* count_ is the peer's: at most what the rows can hold */
        tensors.reserve(std::min(count_, rows_.size() / ROW_HEAD));
        for (size_t i = 0; i < count_; i++) tensors.push_back(make(read_row()));
        if (at_ != rows_.size()) fail(MIRAI_E_DECODE, "the table of tensors is longer than it should be");
        return tensors;
    }

  private:
    void add_storage(const mirai_value *item)
    {
        const at::Tensor *tensor = find_tensor(item);
        if (tensor && !why_not_plain(*tensor))
            storages_.push_back(tensor->storage());
        else if (mirai_common_data(item))
            storages_.push_back(storage_of_common(item));
        else if (mirai_value_type(item) == MIRAI_TYPE_BYTES)
            storages_.push_back(storage_of(item));
        else
            fail(MIRAI_E_DECODE, "a storage is of type %s", mirai_type_text(mirai_value_type(item)));
    }

    /* A buffer that is named again is the same storage: else a few bytes of a message would each ask for a
     * copy of all of it. */
    c10::Storage storage_of(const mirai_value *bytes)
    {
        if (mirai_value_count(bytes) == 0) return storage_from_bytes(bytes);
        c10::Storage &storage = by_buffer_[mirai_value_buffer(bytes)];
        if (!storage) storage = storage_from_bytes(bytes);
        return storage;
    }

    c10::Storage storage_of_common(const mirai_value *common)
    {
        c10::Storage &storage = by_common_[mirai_common_data(common)];
        if (!storage) storage = storage_in_common(mirai_value_ref(const_cast<mirai_value *>(common)));
        return storage;
    }

    Row read_row()
    {
        if (rows_.size() - at_ < ROW_HEAD) fail(MIRAI_E_DECODE, "the table of tensors is too short");
        const int64_t *head = rows_.data() + at_;
        at_ += ROW_HEAD;
        Row row = {};
        if (head[0] < 0 || (uint64_t)head[0] >= storages_.size())
            fail(MIRAI_E_DECODE, "storage %lld of %zu", (long long)head[0], storages_.size());
        row.storage = (size_t)head[0];
        if (!find_scalar_type(head[1], &row.type))
            fail(MIRAI_E_DECODE, "a tensor has the unknown dtype %lld", (long long)head[1]);
        row.flags = head[2];
        if (row.flags & ~(int64_t)FLAGS_ALL || (row.flags && !is_differentiable(row.type)) ||
            (row.flags & FLAG_CONJ && !c10::isComplexType(row.type)))
            fail(MIRAI_E_DECODE, "a tensor of %s has the flags %lld", c10::toString(row.type),
                 (long long)row.flags);
        int64_t rank = head[3];
        if (rank < 0 || rank > MIRAI_TORCH_RANK_MAX || rows_.size() - at_ < 2 * (size_t)rank)
            fail(MIRAI_E_DECODE, "a tensor has %lld dimensions", (long long)rank);
        row.offset = head[4];
        row.sizes = c10::IntArrayRef(rows_.data() + at_, (size_t)rank);
        row.strides = c10::IntArrayRef(rows_.data() + at_ + rank, (size_t)rank);
        at_ += 2 * (size_t)rank;
        return row;
    }

    /* Whether every element of the row lies inside the storage; no step may overflow. */
    bool is_inside(const Row &row, int64_t *last_out) const
    {
        const int64_t size = (int64_t)c10::elementSize(row.type);
        const int64_t room = (int64_t)storages_[row.storage].nbytes() / size;
        int64_t elements = 1, last = row.offset, bytes;
        bool is_empty = false;
        if (row.offset < 0 || row.offset > room) return false;
        for (size_t i = 0; i < row.sizes.size(); i++) {
            int64_t extent, length = row.sizes[i], stride = row.strides[i];
            if (length < 0 || stride < 0) return false;
            if (length == 0) is_empty = true;
            if (__builtin_mul_overflow(elements, length ? length : 1, &elements)) return false;
            if (length < 2) continue;
            if (__builtin_mul_overflow(length - 1, stride, &extent)) return false;
            if (__builtin_add_overflow(last, extent, &last)) return false;
        }
        if (__builtin_mul_overflow(elements, size, &bytes)) return false;
        *last_out = is_empty ? -1 : last;
        return is_empty || last < room;
    }

    at::Tensor make(const Row &row)
    {
        int64_t last;
        if (!is_inside(row, &last))
            fail(MIRAI_E_DECODE, "a tensor of %s reaches beyond its storage of %zu bytes",
                 c10::toString(row.type), storages_[row.storage].nbytes());
        /* what lies in memory in common is others' to write, and is not written for having been received */
        if (row.type == c10::ScalarType::Bool && last >= 0 && !find_common(storages_[row.storage]))
            truths_.make(storages_[row.storage], row.offset, last, row.sizes, row.strides);
        at::Tensor tensor = at::detail::make_tensor<c10::TensorImpl>(
            c10::Storage(storages_[row.storage]), c10::DispatchKeySet(c10::DispatchKey::CPU),
            c10::scalarTypeToTypeMeta(row.type));
        tensor.unsafeGetTensorImpl()->set_storage_offset(row.offset);
        tensor.unsafeGetTensorImpl()->set_sizes_and_strides(row.sizes, row.strides);
        if (row.flags & FLAG_CONJ) tensor._set_conj(true);
        if (row.flags & FLAG_NEG) tensor._set_neg(true);
        if (row.flags & FLAG_REQUIRES_GRAD) tensor.set_requires_grad(true);
        return tensor;
    }

    size_t count_;
    size_t at_ = 0;
    std::vector<int64_t> rows_;
    std::vector<c10::Storage> storages_;
    std::unordered_map<const mirai_buffer *, c10::Storage> by_buffer_;
    std::unordered_map<const void *, c10::Storage> by_common_;
    Truths truths_;
};

} // namespace

mirai_value *serialize_tensors(mirai_message *message, void *const *objects, size_t count, void *)
{
    return attempt_value([&] { return Sender(message, objects, count).send(); });
}

mirai_status unserialize_tensors(mirai_message *, const mirai_value *data, void **objects, size_t count,
                                 void *)
{
    return attempt([&] {
        std::vector<at::Tensor> tensors = Receiver(data, count).receive();
        std::vector<std::unique_ptr<at::Tensor>> made;
        for (at::Tensor &tensor : tensors) made.push_back(std::make_unique<at::Tensor>(std::move(tensor)));
        for (size_t i = 0; i < count; i++) objects[i] = made[i].release();
    });
}

} // namespace mirai_torch
