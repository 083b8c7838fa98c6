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
# These say what C++20 and g++ do anyway, and headers that were precompiled without them would not be used with them.
list(REMOVE_ITEM definitions -D_GNU_SOURCE -D_GLIBCXX_USE_CXX11_ABI=1 -D__STDC_CONSTANT_MACROS -D__STDC_FORMAT_MACROS
     -D__STDC_LIMIT_MACROS)
target_compile_definitions(faro_mlir INTERFACE ${definitions})
target_link_libraries(faro_mlir INTERFACE MLIR LLVM)
# With sanitizers it takes longer to optimise MLIR's templates than they take to run.
if(FARO_SANITIZE)
  target_compile_options(faro_mlir INTERFACE -O0)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ and clang spell the names by which MLIR knows traits differently; the library says which of them compiled it.
  get_target_property(FARO_MLIR_LIBRARY MLIR LOCATION)
  if(NOT DEFINED FARO_MLIR_IS_GNU)
    file(STRINGS ${FARO_MLIR_LIBRARY} gnu_names LIMIT_COUNT 1 REGEX "\\[with DesiredTypeName = mlir::")
    set(FARO_MLIR_IS_GNU "${gnu_names}" CACHE INTERNAL "A name in libMLIR as g++ writes it; empty when clang compiled it")
  endif()
  if(NOT FARO_MLIR_IS_GNU)
    target_include_directories(faro_mlir SYSTEM BEFORE INTERFACE ${CMAKE_SOURCE_DIR}/cmake/gcc)
  endif()
endif()

# faro_precompile_mlir(TARGET): what most files that write passes and operations include, parsed once for all of them.
faro_headers(faro_mlir_headers faro_mlir)
target_precompile_headers(faro_mlir_headers PRIVATE
  <mlir/Dialect/Arith/IR/Arith.h> <mlir/Dialect/Func/IR/FuncOps.h> <mlir/Dialect/GPU/IR/GPUDialect.h>
  <mlir/Dialect/LLVMIR/LLVMDialect.h> <mlir/Dialect/SCF/IR/SCF.h> <mlir/Dialect/Vector/IR/VectorOps.h>
  <mlir/IR/BuiltinOps.h> <mlir/Pass/PassManager.h> <mlir/Transforms/DialectConversion.h> <llvm/IR/Module.h>
  <llvm/Target/TargetMachine.h> <map> <string>)
function(faro_precompile_mlir target)
  target_precompile_headers(${target} REUSE_FROM faro_mlir_headers)
  get_target_property(type ${target} TYPE)
  if(type STREQUAL EXECUTABLE)
    # Compiled as the headers were: as if for a library.
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_compile_options(${target} PRIVATE -fPIC)
  endif()
endfunction()

# Generated headers are not ours to warn about.
include_directories(SYSTEM ${CMAKE_BINARY_DIR})
