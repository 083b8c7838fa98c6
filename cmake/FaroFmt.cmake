# faro_fmt: fmt for everything of the project. Debian has it as a shared library, which a deployed program would need
# beside libfaro.so, and as headers alone, which compile all of it in each file that formats anything. So its functions
# are compiled here, once, into a static library of their own. The list of what has to be in it is fmt 9's: others are
# taken as headers.

if(fmt_VERSION VERSION_LESS 9 OR fmt_VERSION VERSION_GREATER_EQUAL 10)
  add_library(faro_fmt ALIAS fmt::fmt-header-only)
  return()
endif()
add_library(faro_fmt STATIC ${CMAKE_SOURCE_DIR}/cmake/fmt.cpp)
get_target_property(FARO_FMT_INCLUDE fmt::fmt INTERFACE_INCLUDE_DIRECTORIES)
target_include_directories(faro_fmt SYSTEM PUBLIC ${FARO_FMT_INCLUDE})
