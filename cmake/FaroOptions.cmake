# Warnings, sanitizers, ccache, and the shape of the project's targets.

find_program(FARO_CCACHE ccache)
if(FARO_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Precompiled headers carry time stamps; ccache is told to look past them (and clang not to write them, below).
  set(launcher ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${FARO_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
endif()

add_library(faro_options INTERFACE)
target_include_directories(faro_options INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/runtime/include)
target_compile_options(faro_options INTERFACE -Wall -Wextra -Werror -Wno-unused-parameter)
# Warnings in which g++ 12 is wrong: overlapping copies within std::string's operator+ (GCC's bug 105651), reads and writes
# past the end of strings and vectors that have just been made to fit (105329), and an ambiguous else within GoogleTest's
# macros. clang and the sanitizers look for all of them, and find none.
target_compile_options(faro_options INTERFACE
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict -Wno-stringop-overflow -Wno-stringop-overread -Wno-array-bounds -Wno-dangling-else>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_compile_options(faro_options INTERFACE "$<$<COMPILE_LANGUAGE:CXX>:SHELL:-Xclang -fno-pch-timestamp>")
endif()
if(FARO_SANITIZE)
  target_compile_definitions(faro_options INTERFACE FARO_SANITIZED) # for tests/support/Some.h
  add_compile_options(-fsanitize=${FARO_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${FARO_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND FARO_SANITIZE MATCHES "address")
    # The static runtime of clang's ASan crashes once UCX 1.13 is loaded. The shared one lies where no loader looks.
    execute_process(COMMAND ${CMAKE_CXX_COMPILER} -print-runtime-dir OUTPUT_VARIABLE runtime
                    OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
    add_link_options(-shared-libsan "-Wl,-rpath,${runtime}")
  endif()
  if(FARO_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=undefined)
    # Clang looks for a function's type in the bytes before it. Kernels have none, and one at the start of a page may have
    # no memory before it either.
    if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
      add_compile_options(-fno-sanitize=function)
    endif()
  endif()
endif()

# faro_precompile(TARGET headers...): parses once what most files of a target include, beside the standard library's most
# usual headers. For targets of many files.
function(faro_precompile target)
  target_precompile_headers(${target} PRIVATE <algorithm> <chrono> <cstring> <functional> <map> <memory> <optional> <span>
                            <string> <vector> ${ARGN})
endfunction()

# faro_headers(NAME libs...): a target without code, whose precompiled headers others reuse.
function(faro_headers name)
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/${name}.cpp CONTENT "")
  add_library(${name} OBJECT ${CMAKE_BINARY_DIR}/${name}.cpp)
  target_link_libraries(${name} PRIVATE faro_options ${ARGN})
endfunction()

# faro_library(NAME SOURCES... LINK libs...): a static library of the project.
function(faro_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_link_libraries(${name} PUBLIC faro_options ${arg_LINK})
endfunction()

# faro_unit_test(NAME SOURCES... LINK libs... [TIMEOUT seconds] [COST seconds] [THREADS] [OPTIMISED | MLIR]): a GoogleTest
# program, one ctest entry per case. COST: ctest begins with what takes long.
# THREADS: its ranks are threads of one process, so it is one of those that run with the thread sanitizer.
# OPTIMISED: it computes for seconds. What others do themselves takes less time than it takes to optimise them: -O0.
# MLIR: most of what it includes is MLIR's. It shares those headers with the compiler, and so how it is optimised.
add_custom_target(thread_tests)
set(FARO_TEST_OPTIONS $<$<NOT:$<CONFIG:Debug>>:-O0>)
if(FARO_BUILD_TESTS)
  # What most tests include, parsed once for all of them, with the options of a program.
  find_package(GTest REQUIRED)
  faro_headers(faro_test_headers GTest::gtest)
  set_target_properties(faro_test_headers PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  target_compile_options(faro_test_headers PRIVATE -fPIE ${FARO_TEST_OPTIONS})
  faro_precompile(faro_test_headers <gtest/gtest.h>)
endif()
function(faro_unit_test name)
  cmake_parse_arguments(arg "THREADS;OPTIMISED;MLIR" "TIMEOUT;COST" "SOURCES;LINK" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  # Plans are checked in all tests (docs/faro-run.md).
  set(properties TIMEOUT ${arg_TIMEOUT} ENVIRONMENT FARO_CHECK=1)
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE faro_options ${arg_LINK} GTest::gtest_main)
  if(arg_MLIR)
    faro_precompile_mlir(${name})
  elseif(NOT arg_OPTIMISED)
    target_precompile_headers(${name} REUSE_FROM faro_test_headers)
    target_compile_options(${name} PRIVATE ${FARO_TEST_OPTIONS})
  endif()
  if(arg_COST)
    list(APPEND properties COST ${arg_COST})
  endif()
  if(arg_THREADS)
    add_dependencies(thread_tests ${name})
    list(APPEND properties LABELS threads)
  endif()
  gtest_discover_tests(${name} TEST_PREFIX "${name}." DISCOVERY_TIMEOUT 60 PROPERTIES ${properties})
endfunction()
