# Configures, builds and runs the consumer that finds heed by `way`. All of it from a local path: nothing is downloaded.
file(REMOVE_RECURSE ${build})
set(settings -D HEED_PATH=${heed})
if(way STREQUAL find_package)
    execute_process(COMMAND ${CMAKE_COMMAND} --install ${built} --prefix ${build}/installed OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
    set(settings -D CMAKE_PREFIX_PATH=${build}/installed)
endif()
execute_process(
    COMMAND ${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR}/${way} -B ${build}/project -G ${generator} -D CMAKE_CXX_COMPILER=${compiler} ${settings}
    COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} --build ${build}/project COMMAND_ERROR_IS_FATAL ANY)
foreach(program plain everything)
    execute_process(COMMAND ${build}/project/${program} COMMAND_ERROR_IS_FATAL ANY)
endforeach()
