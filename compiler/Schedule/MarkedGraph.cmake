# The theory of schedules and the cost model: plain C++ without MLIR, so that faro-bench is linked with it, too, where no
# compiler is built.
faro_library(FaroMarkedGraph SOURCES
  ${CMAKE_SOURCE_DIR}/compiler/Schedule/CostModel.cpp
  ${CMAKE_SOURCE_DIR}/compiler/Schedule/MarkedGraph.cpp
  ${CMAKE_SOURCE_DIR}/compiler/Schedule/MaxCycleRatio.cpp)
