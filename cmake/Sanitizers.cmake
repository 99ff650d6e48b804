# -DMIRAICORE_SANITIZE=address,undefined (or thread) instruments everything that is built here.
# Fuzzing wants that, and coverage.
if(MIRAICORE_FUZZ AND NOT MIRAICORE_SANITIZE)
    set(MIRAICORE_SANITIZE fuzzer-no-link,address,undefined)
endif()
if(MIRAICORE_SANITIZE)
    add_compile_options(-fsanitize=${MIRAICORE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all -g)
    add_link_options(-fsanitize=${MIRAICORE_SANITIZE})
endif()
