# What heed's own tests, examples and benchmarks are built with, and nobody else.
option(HEED_WERROR "Warnings in heed's own code are errors" OFF)

# For any machine, as a program gets it that is compiled without flags; and for this one.
add_library(heed_own_portable INTERFACE)
target_compile_options(heed_own_portable INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow
    $<$<BOOL:${HEED_WERROR}>:-Werror>
    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)      # false in g++ 12's own AVX-512 headers
target_link_libraries(heed_own_portable INTERFACE heed::heed)

add_library(heed_own INTERFACE)
target_link_libraries(heed_own INTERFACE heed_own_portable heed::native)

# Ends with words where something that tests, examples or benchmarks stand on is missing.
function(heed_require_components reason)
    foreach(component IN LISTS ARGN)
        if(NOT TARGET heed::${component})
            heed_find_component(${component} found)
            message(FATAL_ERROR "${reason}: ${found_MESSAGE}")
        endif()
    endforeach()
endfunction()
