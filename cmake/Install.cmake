# What leaves the build: where libraries and executables lie, and what is installed.
# Each part is left out when its target does not exist (torch is optional).

# The build tree is laid out as an installed one, so that the library finds miraicored and its modules in
# both by the same rule.
foreach(target miraicore miraicore_static miraicore_torch miraicored)
    if(TARGET ${target})
        set_target_properties(${target} PROPERTIES
            ARCHIVE_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib
            LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib
            RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
    endif()
endforeach()
if(TARGET miraicore_torch)
    set_target_properties(miraicore_torch PROPERTIES EXPORT_NAME torch VERSION ${PROJECT_VERSION}
        SOVERSION ${PROJECT_VERSION_MAJOR} INSTALL_RPATH "$ORIGIN")
endif()

if(NOT MIRAICORE_INSTALL)
    return()
endif()
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/miraicore)

# One export set per component, so that the shared library can be used without what only the static one needs to link.
function(mirai_install target export)
    if(NOT TARGET ${target})
        return()
    endif()
    install(TARGETS ${target} EXPORT ${export}
        RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR}
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
        INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
    install(EXPORT ${export} NAMESPACE miraicore:: FILE ${export}.cmake DESTINATION ${package_dir})
endfunction()
mirai_install(miraicore miraicore-shared)
mirai_install(miraicore_static miraicore-static)
mirai_install(miraicore_torch miraicore-torch)

if(TARGET miraicored)
    file(RELATIVE_PATH from_bin_to_lib ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR})
    set_target_properties(miraicored PROPERTIES INSTALL_RPATH "$ORIGIN/${from_bin_to_lib}")
    install(TARGETS miraicored RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

install(DIRECTORY include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h"
    PATTERN "torch.h" EXCLUDE)
if(TARGET miraicore_torch)
    install(FILES include/miraicore/torch.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/miraicore)
endif()

# What whoever links the static library has to link as well: neither, unless they are linked (Late.cmake).
get_property(libraries GLOBAL PROPERTY MIRAI_FLOOR_LIBRARIES_api)
set(links_nng FALSE)
set(links_zstd FALSE)
set(pc_nng "")
set(pc_zstd "")
if("nng::nng" IN_LIST libraries)
    set(links_nng TRUE)
    set(pc_nng "-lnng ")
endif()
if("mirai_zstd" IN_LIST libraries)
    set(links_zstd TRUE)
    set(pc_zstd libzstd)
endif()

configure_package_config_file(cmake/miraicoreConfig.cmake.in
    ${PROJECT_BINARY_DIR}/miraicoreConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/miraicoreConfigVersion.cmake
    COMPATIBILITY SameMajorVersion)
install(FILES ${PROJECT_BINARY_DIR}/miraicoreConfig.cmake
    ${PROJECT_BINARY_DIR}/miraicoreConfigVersion.cmake cmake/FindZstd.cmake DESTINATION ${package_dir})

# The .pc files find the prefix from where they lie, so that an installed tree may be moved.
file(RELATIVE_PATH pc_to_prefix ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
string(REGEX REPLACE "/$" "" pc_to_prefix "${pc_to_prefix}")
foreach(name miraicore miraicore_torch)
    if(TARGET ${name})
        configure_file(cmake/${name}.pc.in ${PROJECT_BINARY_DIR}/${name}.pc @ONLY)
        install(FILES ${PROJECT_BINARY_DIR}/${name}.pc
            DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
    endif()
endforeach()
