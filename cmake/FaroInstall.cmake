# What an installation has: programs in bin/, libraries in lib/, headers in include/faro/ (whose root is that folder), and
# what CMake and pkg-config need to find them. It may be moved as a whole.
include(CMakePackageConfigHelpers)

target_include_directories(faro_runtime INTERFACE $<INSTALL_INTERFACE:include/faro>)
target_compile_features(faro_runtime INTERFACE cxx_std_20)
set_target_properties(faro_runtime PROPERTIES EXPORT_NAME faro)
install(TARGETS faro_runtime EXPORT FaroTargets LIBRARY DESTINATION lib)
install(TARGETS faro_transport_local faro_transport_ucx LIBRARY DESTINATION lib)
install(TARGETS faro-run RUNTIME DESTINATION bin)
install(DIRECTORY runtime/include/faro DESTINATION include/faro FILES_MATCHING PATTERN "*.h")
install(FILES runtime/abi/faro_abi.h DESTINATION include/faro/runtime/abi)

if(FARO_BUILD_COMPILER)
  target_include_directories(faro_compiler INTERFACE $<INSTALL_INTERFACE:include/faro>)
  set_target_properties(faro_compiler PROPERTIES EXPORT_NAME compiler)
  install(TARGETS faro_compiler EXPORT FaroTargets LIBRARY DESTINATION lib)
  install(TARGETS faroc faro-opt faro-lsp-server RUNTIME DESTINATION bin)
  install(FILES compiler/CAPI/faro_compiler.h DESTINATION include/faro/compiler/CAPI)
endif()

install(EXPORT FaroTargets NAMESPACE Faro:: FILE FaroConfig.cmake DESTINATION lib/cmake/Faro)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/FaroConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/FaroConfigVersion.cmake DESTINATION lib/cmake/Faro)
configure_file(cmake/faro.pc.in ${CMAKE_BINARY_DIR}/faro.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/faro.pc DESTINATION lib/pkgconfig)
