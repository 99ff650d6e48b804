# mirai_warnings(<target>): the warnings that all our own code is built with.
function(mirai_warnings target)
    target_compile_options(${target} PRIVATE -Wall -Wextra -Wconversion
        $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes -Wmissing-prototypes -Wvla>
        $<$<BOOL:${MIRAICORE_WERROR}>:-Werror>)
endfunction()
