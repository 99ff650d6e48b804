# mirai_floor(<name> SOURCES <file>... [USES <lower floor>...] [LIBRARIES <target>...])
#
# One object library per folder of src/. Its include path is its own folder and those of the floors that
# it may use (and theirs), so that an include of a higher floor fails to compile.
# The global property MIRAI_FLOOR_<name> holds the floor and all floors below it, for linking.
function(mirai_floor name)
    cmake_parse_arguments(arg "" "" "SOURCES;USES;LIBRARIES" ${ARGN})
    set(target miraicore_${name})
    add_library(${target} OBJECT ${arg_SOURCES})
    mirai_warnings(${target})
    target_compile_definitions(${target} PRIVATE _GNU_SOURCE)
    # By -iquote, so that limits.h, link.h and spawn.h do not hide those of the system.
    target_include_directories(${target} PUBLIC ${PROJECT_SOURCE_DIR}/include)
    target_compile_options(${target} PUBLIC -iquote${CMAKE_CURRENT_SOURCE_DIR})
    target_link_libraries(${target} PRIVATE ${arg_LIBRARIES} Threads::Threads)
    set(closure ${name})
    set(libraries ${arg_LIBRARIES})
    foreach(lower IN LISTS arg_USES)
        target_link_libraries(${target} PUBLIC miraicore_${lower})
        get_property(below GLOBAL PROPERTY MIRAI_FLOOR_${lower})
        get_property(below_libraries GLOBAL PROPERTY MIRAI_FLOOR_LIBRARIES_${lower})
        list(APPEND closure ${below})
        list(APPEND libraries ${below_libraries})
    endforeach()
    list(REMOVE_DUPLICATES closure)
    list(REMOVE_DUPLICATES libraries)
    set_property(GLOBAL PROPERTY MIRAI_FLOOR_${name} ${closure})
    set_property(GLOBAL PROPERTY MIRAI_FLOOR_LIBRARIES_${name} ${libraries})
endfunction()

# mirai_link_floor(<target> <floor>): link a test with a floor, all that is below it, and what they need.
function(mirai_link_floor target floor)
    get_property(closure GLOBAL PROPERTY MIRAI_FLOOR_${floor})
    get_property(libraries GLOBAL PROPERTY MIRAI_FLOOR_LIBRARIES_${floor})
    foreach(name IN LISTS closure)
        target_link_libraries(${target} PRIVATE miraicore_${name})
    endforeach()
    target_link_libraries(${target} PRIVATE ${libraries} Threads::Threads ${CMAKE_DL_LIBS})
endfunction()
