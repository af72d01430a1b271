# CUDA programs of heed's own, by commands: CMake 3.25 has no C++20 for CUDA, and a build for the host never asks for a toolkit.
#
# Each is built in variants, of which tests build the first:
#   one     for sm_90a alone, which shows that it compiles: what runs on sm_80, and more
#   all     for sm_80 and sm_90a, and as PTX for what is newer
execute_process(COMMAND ${CMAKE_CURRENT_LIST_DIR}/find_nvcc OUTPUT_VARIABLE heed_nvcc RESULT_VARIABLE heed_nvcc_missing OUTPUT_STRIP_TRAILING_WHITESPACE)
if(heed_nvcc_missing)
    message(STATUS "without CUDA: ${heed_nvcc}")
    set(HEED_NVCC "")
    return()
endif()
string(REGEX MATCH "^(.*) ([^ ]*)$" heed_nvcc "${heed_nvcc}")
set(HEED_NVCC ${CMAKE_MATCH_1})
set(HEED_NVCC_VERSION ${CMAKE_MATCH_2})
file(REAL_PATH ${HEED_NVCC} heed_nvcc)
cmake_path(GET heed_nvcc PARENT_PATH HEED_CUDA_BIN)
cmake_path(GET HEED_CUDA_BIN PARENT_PATH heed_cuda_toolkit)

set(heed_cuda_one -gencode=arch=compute_90a,code=sm_90a)
set(heed_cuda_all "-gencode=arch=compute_80,code=[sm_80,compute_80]" -gencode=arch=compute_90a,code=sm_90a)
# Any warning is a mistake; so is a kernel that spills.
set(heed_cuda_flags -std=c++20 -O1 -Werror all-warnings -Xptxas=-warn-spills -Xcompiler=-Wall -I${PROJECT_SOURCE_DIR}/include)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    list(APPEND heed_cuda_flags -ccbin ${CMAKE_CXX_COMPILER})
endif()

# heed_cuda_object(SOURCE VARIANT object [LAUNCHER script] [OPTIONS ...]): the command that compiles a file; the
# object's name is put in `object`. A launcher runs the compiler and writes a log beside the object.
function(heed_cuda_object source variant object)
    cmake_parse_arguments(PARSE_ARGV 3 with "" "LAUNCHER" "OPTIONS")
    cmake_path(ABSOLUTE_PATH source)
    cmake_path(GET source STEM name)
    set(made ${CMAKE_CURRENT_BINARY_DIR}/${variant}/${name}.o)
    file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/${variant})
    set(launcher "")
    set(log "")
    if(with_LAUNCHER)
        set(log ${made}.log)
        set(launcher ${with_LAUNCHER} ${log})
    endif()
    add_custom_command(OUTPUT ${made} ${log}
        COMMAND ${launcher} ${HEED_NVCC} ${heed_cuda_flags} ${heed_cuda_${variant}} ${with_OPTIONS} -MD -MF ${made}.d -MT ${made} -c ${source} -o ${made}
        DEPENDS ${source} DEPFILE ${made}.d COMMENT "nvcc ${name}.cu (${variant})" VERBATIM)
    set(${object} ${made} PARENT_SCOPE)
endfunction()

# heed_cuda_program(NAME VARIANT SOURCES ...): the program NAME of a folder VARIANT, built by the target
# cuda_NAME_VARIANT.
function(heed_cuda_program name variant)
    set(objects "")
    foreach(source IN LISTS ARGN)
        heed_cuda_object(${source} ${variant} object)
        list(APPEND objects ${object})
    endforeach()
    set(program ${CMAKE_CURRENT_BINARY_DIR}/${variant}/${name})
    add_custom_command(OUTPUT ${program}
        COMMAND ${HEED_NVCC} ${heed_cuda_${variant}} ${objects} -lcublasLt -Xlinker=-rpath=${heed_cuda_toolkit}/lib64 -o ${program}
        DEPENDS ${objects} COMMENT "Linking ${name} (${variant})" VERBATIM)
    add_custom_target(cuda_${name}_${variant} DEPENDS ${program})
endfunction()
