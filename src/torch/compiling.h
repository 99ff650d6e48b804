/*
 * compiling: runs libtorch's TorchScript compiler; what it says of a text becomes a failure of ours.
 */
#ifndef MIRAI__TORCH_COMPILING_H
#define MIRAI__TORCH_COMPILING_H

#include <new>
#include <string>

#include <c10/util/Exception.h>

#include "failure.h"

namespace mirai_torch {

template <class Body> auto compiling(Body &&body)
{
    std::string words;
    try {
        return std::forward<Body>(body)();
    } catch (const Failure &) {
        throw;
    } catch (const std::bad_alloc &) {
        throw;
    } catch (const c10::Error &error) {
        words = error.what_without_backtrace();
    } catch (const std::exception &error) {
        words = error.what();
    }
    words.erase(0, words.find_first_not_of('\n'));
    words.erase(words.find_last_not_of('\n') + 1);
    fail(MIRAI_E_INVALID, "source does not compile: %s", words.c_str());
}

} // namespace mirai_torch

#endif
