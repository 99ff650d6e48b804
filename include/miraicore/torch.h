/**
 * @file torch.h
 * libmiraicore_torch: tensors, modules and optimisers of libtorch as values that pass between processes.
 *
 * A tensor is a reference (value.h) of class "torch_tensor", a module one of class "torch_module", an
 * optimiser one of class "torch_optimizer"; all that is said of values holds for them. Computation enters
 * as TorchScript text: the `forward` of a module, and functions run by mirai_torch_script().
 *
 * In one message: tensors that share memory still share it, tied parameters stay tied, and the parameters
 * of an optimiser are the parameters of the module sent with it. (Exception: a tensor that only the
 * serialize_all of another class brings to light shares no memory with small views sent before it.)
 * Across messages nothing is shared, but for what lies in memory in common (mirai_torch_common()). Kept of a tensor: dtype, sizes, strides, whether it requires a
 * gradient. Not kept: its gradient and graph. A tensor that is no leaf and requires a gradient cannot be
 * sent: send mirai_torch_detach() of it.
 *
 * A large tensor that is received from a process on this machine lies in memory that its sender lends, and is copied
 * page by page where it is written (mirai_buffer_private()). Its sender copied it there, unless it was born there
 * and sending was its end: mirai_torch_scope_begin(). Who keeps such tensors (a model in a daemon's state) keeps
 * that memory from being used again; once all that may be lent is in use, bytes are copied.
 *
 * The library is a module too: mirai_pool_load(pool, "miraicore_torch") gives daemons the functions
 *   "torch.module_new"  {model, params}            a module, as by mirai_torch_module_new()
 *   "torch.forward"     {module, inputs}           what the module makes of inputs
 *   "torch.script"      {source, name, args}       what a TorchScript function returns
 *   "torch.optim"       {kind, params, options}    an optimiser; options may be left out
 *   "torch.set_threads" {threads}                  null
 * What they return has no graph: "torch.forward" computes without gradients, "torch.script" detaches.
 * Both compute in a scope (mirai_torch_scope_begin()), so that their results go back without a copy.
 * A daemon computes on one thread unless OMP_NUM_THREADS is set or "torch.set_threads" was called.
 *
 * Builders and functions that compute *take* the values that they are given, also on failure; NULL in
 * place of one (a builder failed) is an error and keeps that failure's detail. All else borrows.
 *
 * libtorch's warnings are not printed, and its graph optimiser, which changes how a function computes after
 * its first calls, is off: the same calls give the same digits in every process.
 *
 * Thread safety: every function is safe on any thread, but whoever writes to a tensor, module or
 * optimiser (train, step, backward...) must be the only one who uses it meanwhile, as with libtorch.
 *
 * Reaching into references, by mirai_value_get() or mirai_value_at():
 *   torch_tensor     shape, strides, dtype, device, requires_grad, is_leaf, grad, array
 *   torch_module     parameters, buffers, training, definition, and each layer by its name
 *   torch_optimizer  kind, options, param_groups, state
 * Such a look-up shows the object as it was when that key was first asked for through that reference;
 * the functions below show it as it is.
 */
#ifndef MIRAICORE_TORCH_H
#define MIRAICORE_TORCH_H

#include <miraicore/value.h>

MIRAI_BEGIN_DECLS

/** Class name of tensors. */
#define MIRAI_TORCH_TENSOR "torch_tensor"
/** Class name of modules. */
#define MIRAI_TORCH_MODULE "torch_module"
/** Class name of optimisers. */
#define MIRAI_TORCH_OPTIMIZER "torch_optimizer"

/** The most dimensions that a tensor may have here. */
#define MIRAI_TORCH_RANK_MAX 64

/* ---- the library ----------------------------------------------------------------------------- */

/**
 * Register the refhooks of the three classes, after checking that the libtorch at hand is the one that
 * this library was built against. Calling it again is no error.
 * @return MIRAI_OK; MIRAI_E_VERSION for another libtorch (the detail names both); MIRAI_E_EXISTS when
 *         other hooks have one of the class names; MIRAI_E_NOMEM.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_torch_register(void);

/**
 * Version of the libtorch that this library was built against, such as "1.13.0".
 * @return borrowed, lives for ever.
 * @thread any   @since 0.1
 */
MIRAI_API const char *mirai_torch_version_text(void);

/**
 * Start the process's random numbers anew.
 * @param seed  any number.
 * @return MIRAI_OK; MIRAI_E_USER with libtorch's words.
 * @thread any   @since 0.1
 */
MIRAI_API mirai_status mirai_torch_manual_seed(uint64_t seed);

/**
 * How many threads one operation may use. The number decides in which order sums are taken, so results
 * may differ in the last digits between numbers of threads.
 * @param threads  1 to 64, or to 4 for each processor where that is more.
 * @return MIRAI_OK; MIRAI_E_RANGE; MIRAI_E_USER with libtorch's words.
 * @thread any   @since 0.1
 */
MIRAI_API mirai_status mirai_torch_set_threads(int32_t threads);

/* ---- where tensors are born ------------------------------------------------------------------ */

/**
 * Open a scope on this thread: until it is closed, the memory of all that libtorch makes here (tensors, parameters,
 * gradients, the state of optimisers, results), from 32 KiB on, is such as a pool's local daemons can read.
 *
 * What was born so is sent without a copy if sending is its end here: if nobody else has a count of the value, nor
 * of those that it lies in, and nothing in libtorch uses the tensor or its memory (views that are not sent too, a module,
 * an optimiser, a graph, the tensor whose gradient it is). A pointer to its elements must not be used any more then.
 * Else it is copied, as all others are, and stays what it was when it was sent, whatever is done with it here.
 *
 * Such memory is limited, and a tensor that is sent is lent until its receiver lets go of it. Once the limit is reached,
 * ordinary memory is used. Tensors may outlive the scope and the pool. Scopes nest, the innermost counts, and belong to
 * their thread. The first that a process opens puts an allocator in front of libtorch's, for good: open it before other
 * threads compute. After a fork() such memory is one for parent and child: each sees what the other writes there.
 * @param pool  borrowed; which pool's daemons. NULL: in a daemon, memory that its host can read; else ordinary memory.
 * @return MIRAI_OK; MIRAI_E_LIMIT when 64 are open on this thread; MIRAI_E_NOMEM.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_torch_scope_begin(mirai_pool *pool);

/**
 * Close the innermost scope of this thread.
 * @return MIRAI_OK; MIRAI_E_STATE when none is open.
 * @thread that which opened it   @since 0.1
 */
MIRAI_API mirai_status mirai_torch_scope_end(void);

/* ---- making tensors -------------------------------------------------------------------------- */

/**
 * A tensor with a copy of elements in row-major order.
 * @param dtype  one of MIRAI_DTYPE_*, except UINT16, UINT32 and UINT64, which libtorch lacks.
 * @param rank   number of dimensions, 0 to MIRAI_TORCH_RANK_MAX; rank 0 is one element.
 * @param shape  borrowed; `rank` sizes, each 0 or more. May be NULL when rank is 0.
 * @param data   borrowed; all elements; of BOOL, all bytes but 0 are true. NULL: zeros.
 * @return owned, release with mirai_value_release(); NULL on bad arguments or out of memory.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_value *mirai_torch_tensor(mirai_dtype dtype, int32_t rank,
                                                          const int64_t *shape, const void *data);

/**
 * A tensor with a copy of an array's elements; a bool, int or float gives a tensor of rank 0 and dtype BOOL,
 * INT64 or FLOAT32.
 * @param value  taken, also on failure.
 * @return owned, release with mirai_value_release(); NULL for NULL, for a value of another type, for a
 *         dtype that libtorch lacks, or out of memory.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_value *mirai_torch_tensor_of(mirai_value *value);

/**
 * A tensor of zeros.
 * @param dtype  as for mirai_torch_tensor().
 * @param rank   as for mirai_torch_tensor().
 * @param shape  borrowed; as for mirai_torch_tensor().
 * @return owned, release with mirai_value_release(); NULL on bad arguments or out of memory.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_value *mirai_torch_zeros(mirai_dtype dtype, int32_t rank,
                                                         const int64_t *shape);

/**
 * A tensor of ones.
 * @param dtype  as for mirai_torch_tensor().
 * @param rank   as for mirai_torch_tensor().
 * @param shape  borrowed; as for mirai_torch_tensor().
 * @return owned, release with mirai_value_release(); NULL on bad arguments or out of memory.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_value *mirai_torch_ones(mirai_dtype dtype, int32_t rank,
                                                        const int64_t *shape);

/**
 * A tensor of random numbers from the standard normal distribution (mirai_torch_manual_seed()).
 * @param dtype  a floating point or complex one.
 * @param rank   as for mirai_torch_tensor().
 * @param shape  borrowed; as for mirai_torch_tensor().
 * @return owned, release with mirai_value_release(); NULL on bad arguments or out of memory.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_value *mirai_torch_randn(mirai_dtype dtype, int32_t rank,
                                                         const int64_t *shape);

/**
 * A tensor of rank 1 with start, start + step, ... up to, not including, end.
 * @param dtype  an integer or floating point one.
 * @param start  finite.
 * @param end    finite; on that side of start to which step leads, or equal to start.
 * @param step   finite, not 0.
 * @return owned, release with mirai_value_release(); NULL on bad arguments or out of memory.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_value *mirai_torch_arange(mirai_dtype dtype, double start,
                                                          double end, double step);

/* ---- asking tensors -------------------------------------------------------------------------- */

/**
 * Element type of a tensor.
 * @param tensor  borrowed; NULL is allowed.
 * @return one of MIRAI_DTYPE_*; 0 when it is no tensor, or has a type without a number (quantised).
 * @thread any   @since 0.1
 */
MIRAI_API mirai_dtype mirai_torch_dtype(const mirai_value *tensor);

/**
 * Number of dimensions of a tensor.
 * @param tensor  borrowed; NULL is allowed.
 * @return 0 or more; -1 when it is no tensor.
 * @thread any   @since 0.1
 */
MIRAI_API int32_t mirai_torch_rank(const mirai_value *tensor);

/**
 * Sizes of a tensor.
 * @param tensor    borrowed.
 * @param[out] out  filled with mirai_torch_rank() sizes.
 * @param room      how many fit at out.
 * @return MIRAI_OK; MIRAI_E_INVALID for NULL; MIRAI_E_TYPE when it is no tensor; MIRAI_E_RANGE when
 *         there is not room enough.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_torch_shape(const mirai_value *tensor, int64_t *out,
                                                         size_t room);

/**
 * Strides of a tensor, in elements.
 * @param tensor    borrowed.
 * @param[out] out  filled with mirai_torch_rank() strides.
 * @param room      how many fit at out.
 * @return as mirai_torch_shape(); MIRAI_E_UNSUPPORTED for a layout without strides (sparse).
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_torch_strides(const mirai_value *tensor, int64_t *out,
                                                           size_t room);

/**
 * Number of elements of a tensor.
 * @param tensor  borrowed; NULL is allowed.
 * @return 0 or more; -1 when it is no tensor.
 * @thread any   @since 0.1
 */
MIRAI_API int64_t mirai_torch_count(const mirai_value *tensor);

/**
 * Whether a tensor requires a gradient.
 * @param tensor  borrowed; NULL is allowed.
 * @return 1 if it does; 0 if not, or when it is no tensor.
 * @thread any   @since 0.1
 */
MIRAI_API int32_t mirai_torch_requires_grad(const mirai_value *tensor);

/**
 * The first element (all indices 0) of a tensor in memory, to be read or written with its strides.
 * @param tensor  borrowed; NULL is allowed.
 * @return borrowed from tensor, until it is resized, given away or moved (mirai_torch_common()); NULL when it is no
 *         tensor, empty, or not plainly in memory (sparse, on another device, conjugated or negated lazily).
 * @thread any   @since 0.1
 */
MIRAI_API void *mirai_torch_data(const mirai_value *tensor);

/**
 * The one element of a tensor as a number.
 * @param tensor    borrowed.
 * @param[out] out  the number.
 * @return MIRAI_OK; MIRAI_E_INVALID for NULL; MIRAI_E_TYPE when it is no tensor, or complex;
 *         MIRAI_E_RANGE when it has not exactly one element.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_torch_item(const mirai_value *tensor, double *out);

/**
 * An array with a copy of a tensor's elements.
 * @param tensor    borrowed.
 * @param[out] out  owned, release with mirai_value_release().
 * @return MIRAI_OK; MIRAI_E_INVALID for NULL; MIRAI_E_TYPE when it is no tensor; MIRAI_E_UNSUPPORTED
 *         for a layout that is not dense, or a rank above MIRAI_RANK_MAX; MIRAI_E_NOMEM.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_torch_array(const mirai_value *tensor,
                                                         mirai_value **out);

/**
 * An array over a tensor's own memory, without a copy. The tensor must not be written while the array
 * lives; the array keeps the memory alive.
 * @param tensor    borrowed.
 * @param[out] out  owned, release with mirai_value_release().
 * @return as mirai_torch_array(); MIRAI_E_UNSUPPORTED also when it is conjugated or negated lazily.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_torch_array_view(const mirai_value *tensor,
                                                              mirai_value **out);

/* ---- tensors and gradients ------------------------------------------------------------------- */

/**
 * A window of a tensor along one dimension; it shares the tensor's memory.
 * @param tensor     borrowed.
 * @param dimension  0 to rank - 1.
 * @param start      first index, 0 or more.
 * @param length     how many, 0 or more; the window must lie inside the tensor.
 * @param[out] out   owned, release with mirai_value_release().
 * @return MIRAI_OK; MIRAI_E_INVALID for NULL; MIRAI_E_TYPE when it is no tensor; MIRAI_E_RANGE;
 *         MIRAI_E_USER with libtorch's words.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_torch_narrow(const mirai_value *tensor,
                                                          int32_t dimension, int64_t start,
                                                          int64_t length, mirai_value **out);

/**
 * A tensor with the same memory that has no graph and requires no gradient: what can be sent.
 * @param tensor    borrowed.
 * @param[out] out  owned, release with mirai_value_release().
 * @return MIRAI_OK; MIRAI_E_INVALID for NULL; MIRAI_E_TYPE when it is no tensor; MIRAI_E_NOMEM.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_torch_detach(const mirai_value *tensor,
                                                          mirai_value **out);

/**
 * Have gradients computed for a tensor, or no more.
 * @param tensor  borrowed; a leaf, of floating point or complex dtype.
 * @param flag    0: no; all else: yes.
 * @return MIRAI_OK; MIRAI_E_INVALID for NULL; MIRAI_E_TYPE when it is no tensor, or of an integer or
 *         bool dtype; MIRAI_E_STATE when it is no leaf.
 * @thread any   @since 0.1
 */
MIRAI_API mirai_status mirai_torch_set_requires_grad(const mirai_value *tensor, int32_t flag);

/**
 * Move the elements of a tensor, or of all parameters and buffers of a module, into memory in common (common.h): what is
 * sent of it from then on is the name of that memory, and all who have it read and write the same numbers. So daemons
 * train one set of parameters without waiting for each other (Hogwild). Views of the tensor follow, and what it was
 * computed into stays as it is; gradients and the state of optimisers are each process's own. It cannot be resized any
 * more. What lies there already stays there. A pointer that mirai_torch_data() gave before must not be used any more; an
 * array of mirai_torch_array_view() keeps the numbers of that moment, in memory that is kept as long as the tensor is.
 * Into tensors of bool, nothing but 0 and 1 is to be written: receivers do not make sure of it here.
 * @param value  borrowed; a tensor or a module.
 * @return MIRAI_OK; MIRAI_E_INVALID for NULL; MIRAI_E_TYPE when it is neither; MIRAI_E_UNSUPPORTED for a layout
 *         without strides (sparse), and in a daemon, which has it from its host; MIRAI_E_NOMEM when the machine has no
 *         such memory or descriptors left (nothing is moved then).
 * @thread any, the only user of value   @since 0.1
 */
MIRAI_API mirai_status mirai_torch_common(const mirai_value *value);

/**
 * The gradient of a leaf.
 * @param tensor    borrowed.
 * @param[out] out  owned, release with mirai_value_release(); NULL when there is none yet.
 * @return MIRAI_OK; MIRAI_E_INVALID for NULL; MIRAI_E_TYPE when it is no tensor; MIRAI_E_NOMEM.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_torch_grad(const mirai_value *tensor,
                                                        mirai_value **out);

/**
 * Add the gradients of a tensor to those of the leaves that it was computed from. Its graph is freed.
 * @param tensor  borrowed; one element.
 * @return MIRAI_OK; MIRAI_E_INVALID for NULL; MIRAI_E_TYPE when it is no tensor; MIRAI_E_RANGE when it
 *         has not exactly one element; MIRAI_E_STATE when it requires no gradient; MIRAI_E_USER with
 *         libtorch's words.
 * @thread any   @since 0.1
 */
MIRAI_API mirai_status mirai_torch_backward(const mirai_value *tensor);

/* ---- TorchScript ----------------------------------------------------------------------------- */

/**
 * Call a TorchScript function. Texts are compiled once and remembered (the last 64).
 *
 * Arguments: null, bool, int, float, string, list and dict become what the function's signature asks for;
 * a tensor is passed as it is (no copy, gradients flow), and an array becomes a tensor. Results likewise;
 * tuples become lists.
 *
 * The text runs in this process: run none from a source that you do not trust. A text has at most 8000
 * operators, brackets and ends of lines, 1000 in one statement, and 200 of if, elif, for, while and assert;
 * torch.save and torch.from_file are refused.
 * @param source    borrowed; one or more function definitions in TorchScript, at most 1 MiB.
 * @param name      borrowed; the function among them to call. NULL: the only or the last one.
 * @param args      taken, also on failure; a list of its arguments, or a dict of them by name.
 * @param[out] out  owned, release with mirai_value_release().
 * @return MIRAI_OK; MIRAI_E_INVALID for NULL, or a text that does not compile; MIRAI_E_LIMIT for one beyond
 *         the limits; MIRAI_E_NOT_FOUND when it defines no such function; MIRAI_E_TYPE for an argument or a result that cannot be converted;
 *         MIRAI_E_USER when the function failed; MIRAI_E_NOMEM.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_torch_script(const char *source, const char *name,
                                                          mirai_value *args, mirai_value **out);

/* ---- modules --------------------------------------------------------------------------------- */

/**
 * The definition of a module: a plain dict {format: "torchscript", layers, source} that may be kept,
 * sent and printed like any other.
 *
 * `layers` has a line `name = Layer(arguments)` for each layer, `name = other` for a layer that is shared
 * with an earlier line; `#` starts a comment. Arguments are written as for PyTorch, by position or as
 * key=value: integers, floats, True, False, None, 'strings', tuples, the operators + - * // and brackets,
 * and names of params, which get their values when the module is made. Layers: Linear, Conv1d, Conv2d,
 * ConvTranspose2d, BatchNorm1d, BatchNorm2d, LayerNorm, Embedding, Dropout, MaxPool2d, AvgPool2d, Flatten,
 * ReLU, Sigmoid, Tanh, GELU, Softmax, LogSoftmax, Identity.
 *
 * `source` has the module's methods in TorchScript, `forward(self, ...)` among them, within the limits of
 * mirai_torch_script(). They may not assign to attributes: use in-place methods such as copy_().
 * @param layers  borrowed; at most 1 MiB. May be empty.
 * @param source  borrowed; at most 1 MiB.
 * @return owned, release with mirai_value_release(); NULL for NULL, for text that does not parse (the
 *         detail names line and column), or out of memory.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_value *mirai_torch_module_define(const char *layers,
                                                                 const char *source);

/**
 * A module made from its definition, with parameters initialised as by PyTorch.
 * @param definition  taken, also on failure; as by mirai_torch_module_define().
 * @param params      taken, also on failure; a dict with a number, bool or string for each name that
 *                    `layers` uses; null when it uses none.
 * @return owned, release with mirai_value_release(); NULL for NULL, for a name without a value, bad
 *         arguments of a layer, source that does not compile, or out of memory.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_value *mirai_torch_module_new(mirai_value *definition,
                                                              mirai_value *params);

/**
 * Call a module. Its TorchScript runs in this process: call none that came from a peer that you do not trust.
 * @param module    borrowed.
 * @param inputs    taken, also on failure; a list of the arguments of forward, a dict of them by name, or
 *                  a single tensor or array.
 * @param[out] out  owned, release with mirai_value_release(); values are converted as for
 *                  mirai_torch_script().
 * @return as mirai_torch_script(); MIRAI_E_TYPE also when it is no module.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_torch_module_forward(const mirai_value *module,
                                                                  mirai_value *inputs,
                                                                  mirai_value **out);

/**
 * Set a module to training or to evaluation (which turns off Dropout and freezes BatchNorm).
 * @param module  borrowed.
 * @param flag    0: evaluation; all else: training.
 * @return MIRAI_OK; MIRAI_E_INVALID for NULL; MIRAI_E_TYPE when it is no module.
 * @thread any   @since 0.1
 */
MIRAI_API mirai_status mirai_torch_module_train(const mirai_value *module, int32_t flag);

/**
 * Set the gradients of all parameters of a module to zero.
 * @param module  borrowed.
 * @return MIRAI_OK; MIRAI_E_INVALID for NULL; MIRAI_E_TYPE when it is no module; MIRAI_E_USER.
 * @thread any   @since 0.1
 */
MIRAI_API mirai_status mirai_torch_module_zero_grad(const mirai_value *module);

/**
 * The parameters of a module: a dict of tensors by full name ("conv1.weight"), in the order of
 * definition. A tensor that is tied to several names comes once, under the first.
 * @param module    borrowed.
 * @param[out] out  owned, release with mirai_value_release(); the tensors are the module's own.
 * @return MIRAI_OK; MIRAI_E_INVALID for NULL; MIRAI_E_TYPE when it is no module; MIRAI_E_NOMEM.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_torch_module_parameters(const mirai_value *module,
                                                                     mirai_value **out);

/**
 * Put a tensor in the place of a parameter or buffer: how parameters are tied to each other.
 * @param module  borrowed.
 * @param name    borrowed; full name, such as "conv1.weight".
 * @param tensor  taken, also on failure; of the sizes of the one that it replaces. A parameter must be a
 *                leaf of floating point or complex dtype.
 * @return MIRAI_OK; MIRAI_E_INVALID for NULL, or for elements that overlap (expanded); MIRAI_E_TYPE;
 *         MIRAI_E_NOT_FOUND for another name; MIRAI_E_RANGE for other sizes; MIRAI_E_STATE for a parameter
 *         that is no leaf; MIRAI_E_NOMEM.
 * @thread any   @since 0.1
 */
MIRAI_API mirai_status mirai_torch_module_set(const mirai_value *module, const char *name,
                                              mirai_value *tensor);

/**
 * Write a module to a file: a TorchScript archive, which torch.jit.load() of Python reads too.
 * @param module  borrowed.
 * @param path    borrowed; the file is replaced, whole or not at all.
 * @return MIRAI_OK; MIRAI_E_INVALID for NULL; MIRAI_E_TYPE when it is no module; MIRAI_E_NOENT,
 *         MIRAI_E_PERMISSION, MIRAI_E_NOSPACE or MIRAI_E_SYSTEM for the file; MIRAI_E_USER.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_torch_module_save(const mirai_value *module,
                                                               const char *path);

/**
 * Read a module that mirai_torch_module_save() wrote. Read no file from a source that you do not trust.
 * @param path      borrowed.
 * @param[out] out  owned, release with mirai_value_release().
 * @return MIRAI_OK; MIRAI_E_INVALID for NULL; MIRAI_E_NOENT; MIRAI_E_DECODE when it is another kind of
 *         file; MIRAI_E_NOMEM.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_torch_module_load(const char *path, mirai_value **out);

/* ---- optimisers ------------------------------------------------------------------------------ */

/**
 * An optimiser.
 *
 * | kind      | options and their defaults                                                           |
 * |-----------|--------------------------------------------------------------------------------------|
 * | "sgd"     | lr (must be given), momentum 0, dampening 0, weight_decay 0, nesterov false           |
 * | "adam"    | lr 1e-3, beta1 0.9, beta2 0.999, eps 1e-8, weight_decay 0, amsgrad false              |
 * | "adamw"   | lr 1e-3, beta1 0.9, beta2 0.999, eps 1e-8, weight_decay 0.01, amsgrad false           |
 * | "rmsprop" | lr 0.01, alpha 0.99, eps 1e-8, weight_decay 0, momentum 0, centered false             |
 *
 * @param kind     borrowed.
 * @param params   taken, also on failure; a module, a dict of tensors (mirai_torch_module_parameters()), a
 *                 list of tensors, or a list of groups {params: ..., options of that group}. Every tensor
 *                 is a leaf, its elements do not overlap (expanded), and it occurs once.
 * @param options  taken, also on failure; a dict; null for the defaults.
 * @return owned, release with mirai_value_release(); NULL on bad arguments or out of memory.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_value *mirai_torch_optimizer_new(const char *kind,
                                                                 mirai_value *params,
                                                                 mirai_value *options);

/**
 * One step: change the parameters by their gradients. Those without a gradient stay as they are.
 * @param optimizer  borrowed.
 * @return MIRAI_OK; MIRAI_E_INVALID for NULL; MIRAI_E_TYPE when it is no optimiser; MIRAI_E_USER with
 *         libtorch's words.
 * @thread any   @since 0.1
 */
MIRAI_API mirai_status mirai_torch_optimizer_step(const mirai_value *optimizer);

/**
 * Set the gradients of all its parameters to zero.
 * @param optimizer  borrowed.
 * @return MIRAI_OK; MIRAI_E_INVALID for NULL; MIRAI_E_TYPE when it is no optimiser; MIRAI_E_USER.
 * @thread any   @since 0.1
 */
MIRAI_API mirai_status mirai_torch_optimizer_zero_grad(const mirai_value *optimizer);

/**
 * Change an option, such as the learning rate, in all groups. An option that needs state (amsgrad, momentum,
 * centered) may be turned on after a step: that state begins with zeros.
 * @param optimizer  borrowed.
 * @param option     borrowed; one of those of its kind.
 * @param number     the option's new value; 0 or 1 for truth values.
 * @return MIRAI_OK; MIRAI_E_INVALID for NULL; MIRAI_E_TYPE when it is no optimiser; MIRAI_E_NOT_FOUND
 *         for an option that its kind does not have; MIRAI_E_RANGE; MIRAI_E_NOMEM.
 * @thread any   @since 0.1
 */
MIRAI_API mirai_status mirai_torch_optimizer_set(const mirai_value *optimizer, const char *option,
                                                 double number);

MIRAI_END_DECLS
#endif
