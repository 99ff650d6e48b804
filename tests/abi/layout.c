/*
 * layout: offsets and sizes of every public struct and the number of every public constant, as they
 * were released, checked by the compiler (on the 64-bit ABIs that we ship for). A line that fails
 * here means that programs compiled earlier would break: append fields at the end of a struct with
 * a struct_size, and never renumber.
 */
#include <miraicore.h>

#define SAME(what, is) _Static_assert((what) == (is), #what " is not " #is)
#define SIZE(type, is) SAME(sizeof(type), is)
#define FIELD(type, field, at, size)                                                               \
    SAME(offsetof(type, field), at);                                                               \
    SAME(sizeof(((type *)0)->field), size)

#if defined(__LP64__)

SIZE(mirai_status, 4);
SIZE(mirai_outcome, 4);
SIZE(mirai_type, 4);
SIZE(mirai_dtype, 4);

SIZE(mirai_rng, 24);
FIELD(mirai_rng, state, 0, 24);

SIZE(mirai_refhook, 96);
FIELD(mirai_refhook, struct_size, 0, 8);
FIELD(mirai_refhook, context, 8, 8);
FIELD(mirai_refhook, serialize, 16, 8);
FIELD(mirai_refhook, unserialize, 24, 8);
FIELD(mirai_refhook, serialize_all, 32, 8);
FIELD(mirai_refhook, unserialize_all, 40, 8);
FIELD(mirai_refhook, release, 48, 8);
FIELD(mirai_refhook, identity, 56, 8);
FIELD(mirai_refhook, print, 64, 8);
FIELD(mirai_refhook, get, 72, 8);
FIELD(mirai_refhook, equal, 80, 8);
FIELD(mirai_refhook, size, 88, 8);

SIZE(mirai_submit_options, 112);
FIELD(mirai_submit_options, struct_size, 0, 8);
FIELD(mirai_submit_options, timeout_ms, 8, 8);
FIELD(mirai_submit_options, grace_ms, 16, 8);
FIELD(mirai_submit_options, on_resolved, 24, 8);
FIELD(mirai_submit_options, user, 32, 8);
FIELD(mirai_submit_options, label, 40, 8);
FIELD(mirai_submit_options, on_progress, 48, 8);
FIELD(mirai_submit_options, on_partial, 56, 8);
FIELD(mirai_submit_options, daemon, 64, 8);
FIELD(mirai_submit_options, tag, 72, 8);
FIELD(mirai_submit_options, resources, 80, 8);
FIELD(mirai_submit_options, resource_count, 88, 8);
FIELD(mirai_submit_options, priority, 96, 4);
FIELD(mirai_submit_options, retries, 100, 4);
FIELD(mirai_submit_options, retry_on, 104, 4);
FIELD(mirai_submit_options, losses, 108, 4);

SIZE(mirai_pool_options, 136);
FIELD(mirai_pool_options, struct_size, 0, 8);
FIELD(mirai_pool_options, command, 8, 8);
FIELD(mirai_pool_options, start_timeout_ms, 16, 8);
FIELD(mirai_pool_options, grace_ms, 24, 8);
FIELD(mirai_pool_options, output, 32, 4);
FIELD(mirai_pool_options, sync, 36, 4);
FIELD(mirai_pool_options, daemon, 40, 8);
FIELD(mirai_pool_options, resources, 48, 8);
FIELD(mirai_pool_options, resource_count, 56, 8);
FIELD(mirai_pool_options, heartbeat_ms, 64, 8);
FIELD(mirai_pool_options, max_tasks, 72, 8);
FIELD(mirai_pool_options, max_bytes, 80, 8);
FIELD(mirai_pool_options, output_limit, 88, 8);
FIELD(mirai_pool_options, on_output, 96, 8);
FIELD(mirai_pool_options, user, 104, 8);
FIELD(mirai_pool_options, seed, 112, 4);
FIELD(mirai_pool_options, seeded, 116, 4);
FIELD(mirai_pool_options, nested, 120, 4);
FIELD(mirai_pool_options, copy_results, 124, 4);
FIELD(mirai_pool_options, spin, 128, 4);
FIELD(mirai_pool_options, reserved, 132, 4);

SIZE(mirai_map_options, 80);
FIELD(mirai_map_options, struct_size, 0, 8);
FIELD(mirai_map_options, constants, 8, 8);
FIELD(mirai_map_options, source, 16, 8);
FIELD(mirai_map_options, user, 24, 8);
FIELD(mirai_map_options, submit, 32, 8);
FIELD(mirai_map_options, chunk, 40, 8);
FIELD(mirai_map_options, window, 48, 8);
FIELD(mirai_map_options, over, 56, 4);
FIELD(mirai_map_options, unordered, 60, 4);
FIELD(mirai_map_options, stop, 64, 4);
FIELD(mirai_map_options, flatten, 68, 4);
FIELD(mirai_map_options, progress, 72, 4);
FIELD(mirai_map_options, reserved, 76, 4);
SAME(MIRAI_MAP_ITEMS, 1);
SAME(MIRAI_MAP_ROWS, 2);
SAME(MIRAI_MAP_GENERATOR, 3);

SIZE(mirai_daemon_options, 88);
FIELD(mirai_daemon_options, struct_size, 0, 8);
FIELD(mirai_daemon_options, tags, 8, 8);
FIELD(mirai_daemon_options, environment, 16, 8);
FIELD(mirai_daemon_options, directory, 24, 8);
FIELD(mirai_daemon_options, cpus, 32, 8);
FIELD(mirai_daemon_options, memory_limit, 40, 8);
FIELD(mirai_daemon_options, cpu_limit_s, 48, 8);
FIELD(mirai_daemon_options, idle_ms, 56, 8);
FIELD(mirai_daemon_options, wall_ms, 64, 8);
FIELD(mirai_daemon_options, max_jobs, 72, 8);
FIELD(mirai_daemon_options, nice, 80, 4);
FIELD(mirai_daemon_options, cleanup, 84, 4);

SIZE(mirai_everywhere_options, 24);
FIELD(mirai_everywhere_options, struct_size, 0, 8);
FIELD(mirai_everywhere_options, timeout_ms, 8, 8);
FIELD(mirai_everywhere_options, forget, 16, 4);
FIELD(mirai_everywhere_options, reserved, 20, 4);

SIZE(mirai_pool_status, 168);
FIELD(mirai_pool_status, struct_size, 0, 8);
FIELD(mirai_pool_status, daemons_wanted, 8, 8);
FIELD(mirai_pool_status, daemons_ready, 16, 8);
FIELD(mirai_pool_status, daemons_lost, 24, 8);
FIELD(mirai_pool_status, awaiting, 32, 8);
FIELD(mirai_pool_status, executing, 40, 8);
FIELD(mirai_pool_status, completed, 48, 8);
FIELD(mirai_pool_status, failed, 56, 8);
FIELD(mirai_pool_status, cancelled, 64, 8);
FIELD(mirai_pool_status, timedout, 72, 8);
FIELD(mirai_pool_status, lost, 80, 8);
FIELD(mirai_pool_status, closed, 88, 8);
FIELD(mirai_pool_status, blocked, 96, 8);
FIELD(mirai_pool_status, submitted, 104, 8);
FIELD(mirai_pool_status, retried, 112, 8);
FIELD(mirai_pool_status, daemons_starting, 120, 8);
FIELD(mirai_pool_status, bytes_used, 128, 8);
FIELD(mirai_pool_status, bytes_peak, 136, 8);
FIELD(mirai_pool_status, bytes_capacity, 144, 8);
FIELD(mirai_pool_status, tasks_capacity, 152, 8);
FIELD(mirai_pool_status, events_dropped, 160, 8);

SIZE(mirai_event, 64);
FIELD(mirai_event, struct_size, 0, 8);
FIELD(mirai_event, time_ms, 8, 8);
FIELD(mirai_event, daemon, 16, 8);
FIELD(mirai_event, pid, 24, 8);
FIELD(mirai_event, task, 32, 8);
FIELD(mirai_event, cause, 40, 8);
FIELD(mirai_event, kind, 48, 4);
FIELD(mirai_event, outcome, 52, 4);
FIELD(mirai_event, attempt, 56, 4);
FIELD(mirai_event, exit_status, 60, 4);

SIZE(mirai_resource, 16);
FIELD(mirai_resource, name, 0, 8);
FIELD(mirai_resource, amount, 8, 8);

SIZE(mirai_module_function, 24);
FIELD(mirai_module_function, name, 0, 8);
FIELD(mirai_module_function, function, 8, 8);
FIELD(mirai_module_function, context, 16, 8);

SIZE(mirai_module_descriptor, 40);
FIELD(mirai_module_descriptor, magic, 0, 8);
FIELD(mirai_module_descriptor, abi, 8, 4);
FIELD(mirai_module_descriptor, struct_size, 12, 4);
FIELD(mirai_module_descriptor, name, 16, 8);
FIELD(mirai_module_descriptor, functions, 24, 8);
FIELD(mirai_module_descriptor, init, 32, 8);

#endif

SAME(MIRAI_OK, 0);
SAME(MIRAI_E_INVALID, -1);
SAME(MIRAI_E_TYPE, -2);
SAME(MIRAI_E_RANGE, -3);
SAME(MIRAI_E_NOT_FOUND, -4);
SAME(MIRAI_E_EXISTS, -5);
SAME(MIRAI_E_STATE, -6);
SAME(MIRAI_E_AGAIN, -7);
SAME(MIRAI_E_TIMEDOUT, -8);
SAME(MIRAI_E_INTERRUPTED, -9);
SAME(MIRAI_E_CLOSED, -10);
SAME(MIRAI_E_FORKED, -11);
SAME(MIRAI_E_UNSUPPORTED, -12);
SAME(MIRAI_E_FULL, -13);
SAME(MIRAI_E_INFEASIBLE, -14);
SAME(MIRAI_E_NOMEM, -30);
SAME(MIRAI_E_SYSTEM, -31);
SAME(MIRAI_E_NOFILES, -32);
SAME(MIRAI_E_NOSPACE, -33);
SAME(MIRAI_E_PERMISSION, -34);
SAME(MIRAI_E_NOENT, -35);
SAME(MIRAI_E_PROTOCOL, -60);
SAME(MIRAI_E_VERSION, -61);
SAME(MIRAI_E_CONNRESET, -62);
SAME(MIRAI_E_REFUSED, -63);
SAME(MIRAI_E_ADDRESS, -64);
SAME(MIRAI_E_START, -65);
SAME(MIRAI_E_AUTH, -66);
SAME(MIRAI_E_DECODE, -90);
SAME(MIRAI_E_LIMIT, -91);
SAME(MIRAI_E_HOOK, -92);
SAME(MIRAI_E_MODULE, -93);
SAME(MIRAI_E_FUNCTION, -94);
SAME(MIRAI_E_USER, -95);

SAME(MIRAI_OUTCOME_VALUE, 0);
SAME(MIRAI_OUTCOME_TIMEDOUT, 5);
SAME(MIRAI_OUTCOME_CLOSED, 7);
SAME(MIRAI_OUTCOME_LOST, 19);
SAME(MIRAI_OUTCOME_CANCELLED, 20);
SAME(MIRAI_OUTCOME_FAILED, 100);

SAME(MIRAI_TYPE_NULL, 1);
SAME(MIRAI_TYPE_BOOL, 2);
SAME(MIRAI_TYPE_INT, 3);
SAME(MIRAI_TYPE_FLOAT, 4);
SAME(MIRAI_TYPE_STRING, 5);
SAME(MIRAI_TYPE_BYTES, 6);
SAME(MIRAI_TYPE_ARRAY, 7);
SAME(MIRAI_TYPE_LIST, 8);
SAME(MIRAI_TYPE_DICT, 9);
SAME(MIRAI_TYPE_REFERENCE, 10);
SAME(MIRAI_TYPE_ERROR, 11);
SAME(MIRAI_TYPE_SHARED, 12);

SAME(MIRAI_DTYPE_BOOL, 1);
SAME(MIRAI_DTYPE_INT8, 2);
SAME(MIRAI_DTYPE_INT16, 3);
SAME(MIRAI_DTYPE_INT32, 4);
SAME(MIRAI_DTYPE_INT64, 5);
SAME(MIRAI_DTYPE_UINT8, 6);
SAME(MIRAI_DTYPE_UINT16, 7);
SAME(MIRAI_DTYPE_UINT32, 8);
SAME(MIRAI_DTYPE_UINT64, 9);
SAME(MIRAI_DTYPE_FLOAT16, 10);
SAME(MIRAI_DTYPE_FLOAT32, 11);
SAME(MIRAI_DTYPE_FLOAT64, 12);
SAME(MIRAI_DTYPE_BFLOAT16, 13);
SAME(MIRAI_DTYPE_COMPLEX32, 14);
SAME(MIRAI_DTYPE_COMPLEX64, 15);
SAME(MIRAI_DTYPE_COMPLEX128, 16);

SAME(MIRAI_TASK_QUEUED, 1);
SAME(MIRAI_TASK_RUNNING, 2);
SAME(MIRAI_TASK_RESOLVED, 3);
SAME(MIRAI_TASK_BLOCKED, 4);
SAME(MIRAI_RETRY_LOST, 1);
SAME(MIRAI_RETRY_FAILED, 2);
SAME(MIRAI_OUTPUT_CAPTURE, 2);
SAME(MIRAI_CLEANUP_ENVIRONMENT, 1);
SAME(MIRAI_CLEANUP_DIRECTORY, 2);
SAME(MIRAI_CLEANUP_STATE, 4);
SAME(MIRAI_EVENT_DAEMON_JOINED, 1);
SAME(MIRAI_EVENT_DAEMON_LEFT, 2);
SAME(MIRAI_EVENT_TASK_QUEUED, 4);
SAME(MIRAI_EVENT_TASK_RUNNING, 8);
SAME(MIRAI_EVENT_TASK_RESOLVED, 16);
SAME(MIRAI_EVENT_ALL, 31);
SAME(MIRAI_CANCEL_NEVER_RAN, 1);
SAME(MIRAI_CANCEL_INTERRUPTED, 2);
SAME(MIRAI_CANCEL_TOO_LATE, 3);
SAME(MIRAI_DRAIN, 1);
SAME(MIRAI_CANCEL, 2);
SAME(MIRAI_OUTPUT_DISCARD, 0);
SAME(MIRAI_OUTPUT_INHERIT, 1);

SAME(MIRAI_FOREVER, -1);
SAME(MIRAI_RANK_MAX, 32);
SAME(MIRAI_BUFFER_ALIGNMENT, 64);
SAME(MIRAI_MODULE_ABI, 1);
SAME(MIRAI_MODULE_MAGIC, UINT64_C(0x444f4d494152494d));

/* That no constant was forgotten above: the maps have as many entries as were listed. */
#define ONE(...) +1
SAME(0 MIRAI_STATUS_MAP(ONE), 34);
SAME(0 MIRAI_OUTCOME_MAP(ONE), 6);
SAME(0 MIRAI_TYPE_MAP(ONE), 12);
SAME(0 MIRAI_DTYPE_MAP(ONE), 16);
