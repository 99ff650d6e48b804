/*
 * module_file: modules in files. A file is written beside its place and moved there when it is whole.
 */
#include "module.h"

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sstream>
#include <unistd.h>

namespace mirai_torch {

[[noreturn]] static void fail_file(const std::string &path)
{
    const int error = errno;
    mirai_status status = error == ENOENT || error == ENOTDIR                     ? MIRAI_E_NOENT
                          : error == EACCES || error == EPERM || error == EROFS ? MIRAI_E_PERMISSION
                          : error == ENOSPC || error == EDQUOT                  ? MIRAI_E_NOSPACE
                                                                                 : MIRAI_E_SYSTEM;
    char words[128];
    fail(status, "%s: %s", path.c_str(), strerror_r(error, words, sizeof words));
}

static void write_all(int fd, const std::string &bytes, const std::string &path)
{
    for (size_t at = 0; at < bytes.size();) {
        ssize_t written = write(fd, bytes.data() + at, bytes.size() - at);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) fail_file(path);
        at += (size_t)written;
    }
    if (fsync(fd) != 0) fail_file(path);
}

static void write_file(const std::string &path, const std::string &bytes)
{
    static std::atomic<unsigned> counter{0};
    std::string beside = path + "." + std::to_string(getpid()) + "-" + std::to_string(counter++);
    int fd = open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) fail_file(path);
    try {
        write_all(fd, bytes, beside);
        if (std::rename(beside.c_str(), path.c_str()) != 0) fail_file(path);
    } catch (...) {
        (void)unlink(beside.c_str());
        (void)close(fd);
        throw;
    }
    (void)close(fd);
}

} // namespace mirai_torch

using namespace mirai_torch;

mirai_status mirai_torch_module_save(const mirai_value *module, const char *path)
{
    return attempt([&] {
        if (!path) fail(MIRAI_E_INVALID, "path is NULL");
        Module &found = module_of(module);
        std::shared_ptr<Compiled> compiled = compiled_of(found);
        std::ostringstream stream;
        compiled_save(*compiled, found, stream);
        write_file(path, stream.str());
    });
}

mirai_status mirai_torch_module_load(const char *path, mirai_value **out)
{
    return attempt([&] {
        if (!out) fail(MIRAI_E_INVALID, "out is NULL");
        *out = nullptr;
        if (!path) fail(MIRAI_E_INVALID, "path is NULL");
        if (access(path, R_OK) != 0) fail_file(path);
        *out = wrap_module(load_file(path));
    });
}
