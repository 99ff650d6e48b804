/*
 * exec: the built-in function mirai.exec: a command line as a task. Runs on the daemon's main
 * thread; a cancel wakes it through an eventfd. The command never outlives the daemon (guard.h),
 * unless it leaves its process group; it needs /bin/sh for that.
 *
 * Arguments: a dict of "command" (list of strings), and where wanted "input" (string or bytes),
 * "env" (dict of strings, added to the environment), "directory", "timeout_ms", "output_limit"
 * (bytes kept of each output). Result: a dict of "status" (-1 when a signal ended it), "signal"
 * (name, or null), "stdout", "stderr", "truncated".
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "capture.h"
#include "clock.h"
#include "detail.h"
#include "environment.h"
#include "functions.h"
#include "job.h"

enum { OUTPUT_LIMIT = 16 * 1024 * 1024 };

typedef struct request {
    mirai__capture capture;
    const char **argv;
    char **entries; /* "NAME=value"; owned, as are the strings */
    char **environment;
    int64_t timeout_ms;
} request;

/* ---- reading the arguments ---- */

/* A C string: text without a NUL in it. */
static const char *plain_text(const mirai_value *value)
{
    const char *text = mirai_value_string(value);
    return text != NULL && strlen(text) == mirai_value_count(value) ? text : NULL;
}

static mirai_status check_keys(const mirai_value *args)
{
    static const char *const keys[] = {"command",   "input",      "env",
                                       "directory", "timeout_ms", "output_limit"};
    if (mirai_value_type(args) != MIRAI_TYPE_DICT)
        return mirai__fail(MIRAI_E_TYPE, "mirai.exec takes a dict, not %s",
                           mirai_type_text(mirai_value_type(args)));
    for (size_t i = 0; i < mirai_value_count(args); i++) {
        const char *key = mirai_value_key(args, i);
        size_t at = 0;
        while (at < sizeof keys / sizeof *keys && strcmp(key, keys[at]) != 0) at++;
        if (at == sizeof keys / sizeof *keys)
            return mirai__fail(MIRAI_E_INVALID, "mirai.exec has no argument \"%s\"", key);
    }
    return MIRAI_OK;
}

static mirai_status read_command(request *request, const mirai_value *command)
{
    size_t count = mirai_value_count(command);
    if (mirai_value_type(command) != MIRAI_TYPE_LIST || count == 0)
        return mirai__fail(MIRAI_E_TYPE, "mirai.exec needs \"command\", a list of strings");
    request->argv = mirai__alloc_zero(count + 1, sizeof *request->argv);
    if (request->argv == NULL) return MIRAI_E_NOMEM;
    for (size_t i = 0; i < count; i++) {
        request->argv[i] = plain_text(mirai_value_item(command, i));
        if (request->argv[i] == NULL)
            return mirai__fail(MIRAI_E_TYPE, "item %zu of \"command\" is no string without NUL", i);
    }
    request->capture.child.argv = request->argv;
    return MIRAI_OK;
}

static mirai_status read_environment(request *request, const mirai_value *env)
{
    size_t count = mirai_value_count(env);
    if (env != NULL && mirai_value_type(env) != MIRAI_TYPE_DICT)
        return mirai__fail(MIRAI_E_TYPE, "\"env\" must be a dict of strings");
    request->entries = mirai__alloc_zero(count + 1, sizeof *request->entries);
    if (request->entries == NULL) return MIRAI_E_NOMEM;
    for (size_t i = 0; i < count; i++) {
        const char *name = mirai_value_key(env, i), *text = plain_text(mirai_value_item(env, i));
        if (text == NULL || *name == '\0' || strchr(name, '=') != NULL)
            return mirai__fail(MIRAI_E_TYPE,
                               "\"env\" must be a dict of strings; \"%s\" cannot be used", name);
        request->entries[i] = mirai__format("%s=%s", name, text);
        if (request->entries[i] == NULL) return MIRAI_E_NOMEM;
    }
    request->environment = mirai__environment((const char *const *)request->entries, count);
    if (request->environment == NULL) return MIRAI_E_NOMEM;
    request->capture.child.environment = request->environment;
    return MIRAI_OK;
}

static mirai_status read_input(request *request, const mirai_value *input)
{
    if (input == NULL) return MIRAI_OK;
    mirai_type type = mirai_value_type(input);
    if (type != MIRAI_TYPE_BYTES && type != MIRAI_TYPE_STRING)
        return mirai__fail(MIRAI_E_TYPE, "\"input\" must be bytes or a string");
    const void *data = mirai_value_data(input);
    request->capture.input =
        type == MIRAI_TYPE_BYTES ? data : (const void *)mirai_value_string(input);
    request->capture.input_size = mirai_value_count(input);
    return MIRAI_OK;
}

static mirai_status read_directory(request *request, const mirai_value *directory)
{
    if (directory == NULL) return MIRAI_OK;
    const char *path = plain_text(directory);
    if (path == NULL) return mirai__fail(MIRAI_E_TYPE, "\"directory\" must be a string");
    struct stat
        status; /* asked here, since a spawn does not tell this error from a missing command */
    if (stat(path, &status) != 0) return mirai__fail_errno(errno, "directory \"%s\"", path);
    if (!S_ISDIR(status.st_mode)) return mirai__fail_errno(ENOTDIR, "directory \"%s\"", path);
    request->capture.child.directory = path;
    const char *command = request->argv[0]; /* a relative path counts from there */
    if (*command != '/' && strchr(command, '/') != NULL) request->capture.child.path = command;
    return MIRAI_OK;
}

static mirai_status read_number(const mirai_value *args, const char *key, int64_t least,
                                int64_t *out)
{
    const mirai_value *value = mirai_value_get(args, key);
    if (value == NULL) return MIRAI_OK;
    if (mirai_value_to_int(value, out) != MIRAI_OK || *out < least)
        return mirai__fail(MIRAI_E_RANGE, "\"%s\" must be an integer of %lld or more", key,
                           (long long)least);
    return MIRAI_OK;
}

static mirai_status read_request(request *request, const mirai_value *args)
{
    int64_t limit = OUTPUT_LIMIT;
    request->timeout_ms = MIRAI_FOREVER;
    MIRAI_TRY(check_keys(args));
    MIRAI_TRY(read_command(request, mirai_value_get(args, "command")));
    MIRAI_TRY(read_environment(request, mirai_value_get(args, "env")));
    MIRAI_TRY(read_input(request, mirai_value_get(args, "input")));
    MIRAI_TRY(read_directory(request, mirai_value_get(args, "directory")));
    MIRAI_TRY(read_number(args, "timeout_ms", MIRAI_FOREVER, &request->timeout_ms));
    MIRAI_TRY(read_number(args, "output_limit", 0, &limit));
    request->capture.limit = (size_t)limit;
    request->capture.deadline = mirai__deadline(request->timeout_ms);
    return MIRAI_OK;
}

static void fini(request *request)
{
    for (char **at = request->entries; at != NULL && *at != NULL; at++) mirai__free(*at);
    mirai__free(request->entries);
    mirai__free(request->environment);
    mirai__free(request->argv);
    for (int i = 0; i < 2; i++) mirai__bytes_fini(&request->capture.output[i]);
}

/* ---- running it ---- */

static void wake(void *user)
{
    const uint64_t one = 1;
    ssize_t size = write(*(const int *)user, &one, sizeof one);
    (void)size; /* it can fail only when it is readable already */
}

static mirai_status run(request *request, mirai_job *job, int *how)
{
    int wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake_fd < 0) return mirai__fail_errno(errno, "eventfd");
    request->capture.wake_fd = wake_fd;
    mirai__job_watch(job, wake, &wake_fd);
    mirai_status status = mirai__capture_run(&request->capture, how);
    mirai__job_watch(job, NULL, NULL);
    (void)close(wake_fd);
    return status;
}

/* ---- the result ---- */

static void free_block(void *object, void *context)
{
    (void)context;
    mirai__free(object);
}

/* Hands the block over, uncopied. */
static mirai_value *bytes_value(mirai__bytes *bytes)
{
    mirai__bytes taken = *bytes;
    mirai__bytes_init(bytes);
    return mirai_bytes_buffer(
        mirai_buffer_adopt(taken.data, taken.size, free_block, taken.data, NULL));
}

static mirai_value *result_value(request *request, int how)
{
    mirai__capture *capture = &request->capture;
    if (how == MIRAI__CAPTURE_TIMED_OUT)
        return mirai_error("timed_out", MIRAI_OUTCOME_TIMEDOUT,
                           "command \"%s\" did not end within %lld ms", request->argv[0],
                           (long long)request->timeout_ms);
    if (how == MIRAI__CAPTURE_WOKEN)
        return mirai_error("cancelled", MIRAI_OUTCOME_CANCELLED, "command \"%s\" was cancelled",
                           request->argv[0]);
    const char *name = mirai__signal_name(capture->death.signal);
    return mirai_dict_of("status", mirai_int(capture->death.exit_status), "signal",
                         name == NULL ? mirai_null() : mirai_string(name), "stdout",
                         bytes_value(&capture->output[0]), "stderr",
                         bytes_value(&capture->output[1]), "truncated",
                         mirai_bool(capture->truncated), MIRAI_END);
}

mirai_value *mirai__exec(mirai_job *job, const mirai_value *args, void *context)
{
    (void)context;
    request request = {.capture = {.wake_fd = -1}};
    int how = 0;
    mirai_value *result = NULL;
    mirai_status status = read_request(&request, args);
    if (status == MIRAI_OK) status = run(&request, job, &how);
    if (status == MIRAI_OK) result = result_value(&request, how);
    fini(&request);
    return result;
}
