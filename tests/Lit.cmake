# faro_lit_suite(NAME DEPENDS targets... [FEATURES words...]): runs the *.mlir and *.test files of the current folder and
# its subfolders as one ctest entry, and as the target check-NAME.
find_program(FARO_LIT NAMES lit-22 lit llvm-lit HINTS ${LLVM_TOOLS_BINARY_DIR})

function(faro_lit_suite name)
  cmake_parse_arguments(arg "" "TIMEOUT" "DEPENDS;FEATURES" ${ARGN})
  if(NOT FARO_LIT)
    message(FATAL_ERROR "lit was not found. On Debian: apt-get install llvm-22-tools.")
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  set(FARO_LIT_FEATURES "${arg_FEATURES}")
  configure_file(${CMAKE_SOURCE_DIR}/tests/lit.site.cfg.py.in ${CMAKE_CURRENT_BINARY_DIR}/lit.site.cfg.py @ONLY)
  set(command ${FARO_LIT} -sv --order=lexical ${CMAKE_CURRENT_BINARY_DIR})
  add_test(NAME lit.${name} COMMAND ${command})
  set_tests_properties(lit.${name} PROPERTIES TIMEOUT ${arg_TIMEOUT})
  add_custom_target(check-${name} COMMAND ${command} DEPENDS ${arg_DEPENDS} USES_TERMINAL)
endfunction()
