#!/usr/bin/env python3
"""A binding for Python in under two hundred lines: no compiler, only the standard library.

Any object that pickle knows goes to a task and comes back, by a refhook that is written here, in Python.
asyncio waits for the tasks through the pool's descriptor. The daemons are this very script: in a daemon
mirai_on_daemon() is true, and the script pulls jobs instead of submitting tasks. (Unpickling runs code, so
a refhook like this one is for daemons that you trust, as these are.)
"""
import asyncio
import ctypes
import itertools
import os
import pickle
import sys
import time
from ctypes import CFUNCTYPE, POINTER, byref, c_char_p, c_int32, c_int64, c_size_t, c_void_p

lib = ctypes.CDLL(os.environ.get("MIRAICORE_LIBRARY", "libmiraicore.so.0"))
for name, result in {"bytes": c_void_p, "reference": c_void_p, "error": c_void_p, "job_args": c_void_p,
                     "value_data": c_void_p, "value_object": c_void_p, "value_count": c_size_t,
                     "value_error_message": c_char_p, "error_detail": c_char_p}.items():
    getattr(lib, "mirai_" + name).restype = result
FOREVER, DRAIN, E_USER = c_int64(-1), c_int32(1), c_int32(-95)


def check(status):
    if status != 0:
        raise RuntimeError(lib.mirai_error_detail().decode())


# ---- the refhook: the library holds a number for each object, which is a key of this table ---------------

objects, numbers = {}, itertools.count(1)


def reference_to(thing):
    number = next(numbers)
    objects[number] = thing
    return c_void_p(lib.mirai_reference(b"python", c_void_p(number), release, None))


def object_of(value):
    return objects[lib.mirai_value_object(value, b"python")]


@CFUNCTYPE(c_void_p, c_void_p, c_void_p, c_void_p)
def serialize(message, number, context):
    try:
        data = pickle.dumps(objects[number])
        return lib.mirai_bytes(data, c_size_t(len(data)))
    except Exception as error:
        lib.mirai_error_set(E_USER, b"%s", str(error).encode())
        return None


@CFUNCTYPE(c_int32, c_void_p, c_void_p, POINTER(c_void_p), c_void_p)
def unserialize(message, data, out, context):
    try:
        data = c_void_p(data)
        thing = pickle.loads(ctypes.string_at(lib.mirai_value_data(data), lib.mirai_value_count(data)))
    except Exception as error:
        return lib.mirai_error_set(E_USER, b"%s", str(error).encode())
    out[0] = next(numbers)
    objects[out[0]] = thing
    return 0


@CFUNCTYPE(None, c_void_p, c_void_p)
def release(number, context):
    objects.pop(number, None)


class Refhook(ctypes.Structure):
    _fields_ = [("struct_size", c_size_t), ("context", c_void_p), ("serialize", type(serialize)),
                ("unserialize", type(unserialize)), ("all_forms", c_void_p * 2), ("release", type(release)),
                ("identity_print_get_equal_size", c_void_p * 5)]


# ---- the host: a pool whose tasks are awaited -------------------------------------------------------------

Resolved = CFUNCTYPE(None, c_void_p, c_void_p)


class PoolOptions(ctypes.Structure):
    _fields_ = [("struct_size", c_size_t), ("command", POINTER(c_char_p)), ("start_timeout_ms", c_int64),
                ("grace_ms", c_int64), ("output", c_int32), ("reserved", c_int32)]


class SubmitOptions(ctypes.Structure):
    _fields_ = [("struct_size", c_size_t), ("timeout_ms", c_int64), ("grace_ms", c_int64),
                ("on_resolved", Resolved), ("user", c_void_p), ("label", c_char_p)]


class Pool:
    def __init__(self, daemons):
        command = (c_char_p * 3)(sys.executable.encode(), os.path.abspath(__file__).encode(), None)
        options = PoolOptions(ctypes.sizeof(PoolOptions), command, output=1)
        self.pool, self.futures, self.descriptor = c_void_p(), {}, ctypes.c_int()
        self.callback = Resolved(self.resolved)
        check(lib.mirai_pool_open(byref(self.pool), b"python", c_int32(daemons), byref(options)))
        check(lib.mirai_pool_fd(self.pool, byref(self.descriptor)))
        asyncio.get_running_loop().add_reader(self.descriptor.value, lib.mirai_pool_process, self.pool, None)

    def submit(self, function, *args):
        number, future = next(numbers), asyncio.get_running_loop().create_future()
        self.futures[number] = future
        options = SubmitOptions(ctypes.sizeof(SubmitOptions), on_resolved=self.callback, user=number)
        call = reference_to((function, args))
        check(lib.mirai_pool_submit(self.pool, None, b"python", call, byref(options)))
        return future

    def resolved(self, task, number):
        future, value = self.futures.pop(number), c_void_p()
        check(lib.mirai_task_result(c_void_p(task), byref(value)))
        if future.cancelled():
            return
        if lib.mirai_value_is_error(value):
            future.set_exception(RuntimeError(lib.mirai_value_error_message(value).decode()))
        else:
            future.set_result(object_of(value))

    def close(self):
        asyncio.get_running_loop().remove_reader(self.descriptor.value)
        check(lib.mirai_pool_close(self.pool, DRAIN, c_int64(5000)))


# ---- the daemon: pulls jobs until the host closes it -------------------------------------------------------

def serve():
    daemon, job = c_void_p(), c_void_p()
    check(lib.mirai_daemon_open(byref(daemon)))
    while lib.mirai_daemon_next(daemon, byref(job), FOREVER) == 0:
        try:
            function, args = object_of(c_void_p(lib.mirai_job_args(job)))
            result = reference_to(function(*args))
        except Exception as error:
            kind = type(error).__name__
            text = f"{kind}: {error}"
            result = c_void_p(lib.mirai_error(kind.encode(), E_USER, b"%s", text.encode()))
        lib.mirai_job_reply(job, result)
    lib.mirai_daemon_close(daemon)


# ---- a program that uses it ----------------------------------------------------------------------------------

def divide(a, b):
    time.sleep(0.2)
    return {"question": (a, b), "answer": a / b, "process": os.getpid()}


async def main():
    pool = Pool(2)
    started = time.monotonic()
    answers = await asyncio.gather(*(pool.submit(divide, 10, b) for b in range(6)), return_exceptions=True)
    for answer in answers:
        print(answer if isinstance(answer, dict) else f"failed: {answer}")
    print(f"{len(answers)} tasks of 0.2 s on 2 daemons took {time.monotonic() - started:.1f} s")
    pool.close()
    print(f"objects still held by the library: {len(objects)}")


check(lib.mirai_refhook_register(b"python", byref(Refhook(
    ctypes.sizeof(Refhook), None, serialize, unserialize, release=release))))
if lib.mirai_on_daemon():
    serve()
else:
    asyncio.run(main())
