# mirai_late(<target> <library> <name>): the floor uses a library that it loads at the first need of it (src/base/late.h).
#
# Linked, each daemon would pay for it as it starts. The source sees MIRAI__<name>_FILE: what to load. Where that cannot
# be told (a static library, or no readelf), or with MIRAICORE_LATE=OFF, the library is linked and there is no such
# macro; the variable `linked` of the caller then holds it.
option(MIRAICORE_LATE "Load NNG and zstd at the first need of them, instead of linking them" ON)

# A file of the library: the first that is given by a target, or by a target that this one stands for.
function(mirai_library_file out library)
    set(file ${library})
    if(TARGET ${library})
        get_target_property(type ${library} TYPE)
        if(type STREQUAL "INTERFACE_LIBRARY")
            get_target_property(file ${library} INTERFACE_LINK_LIBRARIES)
        else()
            get_target_property(file ${library} LOCATION)
        endif()
    endif()
    set(${out} "${file}" PARENT_SCOPE)
endfunction()

function(mirai_late target library name)
    set(linked ${library} PARENT_SCOPE)
    mirai_library_file(file ${library})
    if(NOT MIRAICORE_LATE OR NOT CMAKE_READELF OR NOT EXISTS "${file}")
        return()
    endif()
    execute_process(COMMAND ${CMAKE_COMMAND} -E env LC_ALL=C ${CMAKE_READELF} -d ${file}
        OUTPUT_VARIABLE dynamic ERROR_QUIET)
    if(NOT dynamic MATCHES "Library soname: \\[([^]\n]+)\\]")
        return()
    endif()
    target_compile_definitions(${target} PRIVATE MIRAI__${name}_FILE="${CMAKE_MATCH_1}")
    target_include_directories(${target} SYSTEM PUBLIC
        $<BUILD_INTERFACE:$<TARGET_PROPERTY:${library},INTERFACE_INCLUDE_DIRECTORIES>>)
    set(linked "" PARENT_SCOPE)
endfunction()
