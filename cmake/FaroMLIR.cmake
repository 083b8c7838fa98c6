# Finds LLVM and MLIR 22 and offers them as faro_mlir. Only the two shared libraries are linked: component libraries mixed
# in would bring second copies of every registration.

find_package(MLIR CONFIG HINTS /usr/lib/llvm-22/lib/cmake/mlir)
if(NOT MLIR_FOUND)
  message(FATAL_ERROR "MLIR 22 was not found. On Debian: apt-get install libmlir-22-dev mlir-22-tools llvm-22-dev; elsewhere "
                      "give -DMLIR_DIR=<prefix>/lib/cmake/mlir. Or build without the compiler: -DFARO_BUILD_COMPILER=OFF.")
endif()
if(NOT LLVM_VERSION_MAJOR EQUAL 22)
  message(FATAL_ERROR "Faro is written for LLVM 22; ${LLVM_DIR} holds ${LLVM_PACKAGE_VERSION}.")
endif()
list(APPEND CMAKE_MODULE_PATH ${MLIR_CMAKE_DIR} ${LLVM_CMAKE_DIR})
include(TableGen)
include(AddLLVM)
include(AddMLIR)

add_library(faro_mlir INTERFACE)
target_include_directories(faro_mlir SYSTEM INTERFACE ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS} ${CMAKE_BINARY_DIR})
separate_arguments(definitions NATIVE_COMMAND "${LLVM_DEFINITIONS}")
target_compile_definitions(faro_mlir INTERFACE ${definitions})
target_link_libraries(faro_mlir INTERFACE MLIR LLVM)
# Generated headers are not ours to warn about.
include_directories(SYSTEM ${CMAKE_BINARY_DIR})
