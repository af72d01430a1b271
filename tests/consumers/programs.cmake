# The same two programs, whichever way heed was found.
add_executable(plain ${CMAKE_CURRENT_LIST_DIR}/main.cpp)
target_link_libraries(plain PRIVATE heed::heed)

add_executable(everything ${CMAKE_CURRENT_LIST_DIR}/main.cpp)
target_compile_definitions(everything PRIVATE EVERYTHING)
target_link_libraries(everything PRIVATE heed::native heed::tokenizers heed::files heed::eigen)

# heed asks for C++20 and for nothing else, and builds nothing of its own here.
get_target_property(options heed::heed INTERFACE_COMPILE_OPTIONS)
get_target_property(definitions heed::heed INTERFACE_COMPILE_DEFINITIONS)
get_target_property(features heed::heed INTERFACE_COMPILE_FEATURES)
if(options OR definitions OR NOT features STREQUAL "cxx_std_20")
    message(FATAL_ERROR "heed::heed forces on its consumer: options ${options}, definitions ${definitions}, features ${features}")
endif()
if(HEED_TESTS OR HEED_EXAMPLES OR HEED_BENCH)
    message(FATAL_ERROR "heed builds its own tests, examples or benchmarks inside another project")
endif()
