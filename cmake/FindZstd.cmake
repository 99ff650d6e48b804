# The imported target mirai_zstd: Debian's libzstd has no CMake package.
find_path(ZSTD_INCLUDE_DIR zstd.h REQUIRED)
find_library(ZSTD_LIBRARY zstd REQUIRED)
mark_as_advanced(ZSTD_INCLUDE_DIR ZSTD_LIBRARY)
if(NOT TARGET mirai_zstd)
    add_library(mirai_zstd INTERFACE IMPORTED)
    target_include_directories(mirai_zstd INTERFACE ${ZSTD_INCLUDE_DIR})
    target_link_libraries(mirai_zstd INTERFACE ${ZSTD_LIBRARY})
endif()
