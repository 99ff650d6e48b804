# mirai_test(<label>.<name> SOURCES <file>... (FLOOR <floor> | LIBRARIES <target>...) [TIMEOUT <seconds>])
#
# A cmocka program, one ctest. FLOOR links the internals of src/ up to that floor; without it the test
# sees only the public headers. The label is the folder, so that `ctest -L unit` runs that folder.
#
# mirai_ctest(<label>.<name> [TIMEOUT <seconds>] [EXPECT <pattern>] COMMAND <command>...)
#
# One ctest that runs a command: what mirai_test() and the examples are registered with. With EXPECT its
# output must hold matches of these patterns, one a line (tests/support/expect.sh).
# MIRAICORE_TEST_LAUNCHER (valgrind and its options, say) goes before every such command, and time-outs
# are longer for what runs slower.
set(MIRAICORE_TEST_LAUNCHER "" CACHE STRING "Command that the tests are run under, as a CMake list")
find_path(CMOCKA_INCLUDE_DIR cmocka.h REQUIRED)
find_library(CMOCKA_LIBRARY cmocka REQUIRED)
mark_as_advanced(CMOCKA_INCLUDE_DIR CMOCKA_LIBRARY)

function(mirai_ctest full_name)
    cmake_parse_arguments(arg "" "TIMEOUT;EXPECT" "COMMAND" ${ARGN})
    string(REGEX REPLACE "[.].*" "" label ${full_name})
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 120)
    endif()
    if(MIRAICORE_TEST_LAUNCHER)
        math(EXPR arg_TIMEOUT "${arg_TIMEOUT} * 10")
    elseif(MIRAICORE_SANITIZE)
        math(EXPR arg_TIMEOUT "${arg_TIMEOUT} * 4")
    endif()
    set(command ${MIRAICORE_TEST_LAUNCHER} ${arg_COMMAND})
    if(arg_EXPECT)
        set(command sh ${PROJECT_SOURCE_DIR}/tests/support/expect.sh ${arg_EXPECT} ${command})
    endif()
    add_test(NAME ${full_name} COMMAND ${command})
    set_tests_properties(${full_name} PROPERTIES LABELS ${label} TIMEOUT ${arg_TIMEOUT})
endfunction()

function(mirai_test full_name)
    cmake_parse_arguments(arg "" "FLOOR;TIMEOUT" "SOURCES;LIBRARIES" ${ARGN})
    string(REPLACE "." "_" target test_${full_name})
    add_executable(${target} ${arg_SOURCES})
    mirai_warnings(${target})
    target_compile_definitions(${target} PRIVATE _GNU_SOURCE)
    target_include_directories(${target} PRIVATE ${CMOCKA_INCLUDE_DIR} ${PROJECT_SOURCE_DIR}/tests/support)
    target_link_libraries(${target} PRIVATE ${CMOCKA_LIBRARY} ${arg_LIBRARIES} Threads::Threads)
    if(arg_FLOOR)
        mirai_link_floor(${target} ${arg_FLOOR})
    endif()
    mirai_ctest(${full_name} TIMEOUT ${arg_TIMEOUT} COMMAND $<TARGET_FILE:${target}>)
endfunction()
