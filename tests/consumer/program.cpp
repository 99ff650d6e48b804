// program.c in C++17, as a C++ program would write it: handles released by their scope.
#include <miraicore.h>

#include <memory>

namespace
{

struct Release {
    void operator()(mirai_task *task) const { mirai_task_release(task); }
    void operator()(mirai_pool *pool) const { (void)mirai_pool_close(pool, MIRAI_CANCEL, 5000); }
};

extern "C" mirai_value *cxx_length(mirai_job *, const mirai_value *args, void *)
{
    return mirai_int(static_cast<int64_t>(mirai_value_count(mirai_value_at(args, "words[0]"))));
}

mirai_status setup()
{
    return mirai_function_register("length", cxx_length, nullptr);
}

} // namespace

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, setup));
    mirai_pool *raw_pool = nullptr;
    MIRAI_EXIT_IF(mirai_pool_open(&raw_pool, "c++", 1, nullptr));
    std::unique_ptr<mirai_pool, Release> pool(raw_pool);

    mirai_value *words = mirai_list_of(mirai_string("seven"), mirai_null(), MIRAI_END);
    mirai_task *raw_task = nullptr;
    MIRAI_EXIT_IF(mirai_pool_submit(pool.get(), &raw_task, "length",
                                    mirai_dict_of("words", words, MIRAI_END), nullptr));
    std::unique_ptr<mirai_task, Release> task(raw_task);

    const mirai_value *result = nullptr;
    MIRAI_EXIT_IF(mirai_task_wait(task.get(), MIRAI_FOREVER));
    MIRAI_EXIT_IF(mirai_task_result(task.get(), &result));
    return mirai_value_int_or(result, 0) == 5 ? 0 : 3;
}
