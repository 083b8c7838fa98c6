#include "tests/bench/spec.h"

#include "tests/support/SpecText.h"

namespace faro::bench {

std::string specText(const Options &o) {
  support::SpecShape shape;
  shape.columns = uint64_t(o.hidden);
  shape.element = elementName(o.element);
  shape.align = uint32_t(o.align);
  shape.topk = uint32_t(o.topk);
  shape.experts = uint32_t(o.experts);
  return support::specText(shape);
}

} // namespace faro::bench
