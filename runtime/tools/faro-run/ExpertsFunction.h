// What the experts do to their rows when faro-run plays them.
#pragma once

#include "compiler/Interpreter/Reference.h"
#include "runtime/tools/faro-run/Options.h"

#include <array>
#include <vector>

namespace faro::run {

class ExpertsFunction {
public:
  ExpertsFunction(ExpertsFn kind, reference::Element element, uint64_t columns);

  bool isIdentity() const { return kind_ == ExpertsFn::Identity; }

  /// The output of `expert` for one row. `scale`: times (expert mod 8 + 1) / 8 in f32, rounded to nearest even to the
  /// row's type, a NaN becoming the quiet NaN. `in` and `out` may be the same.
  void apply(uint32_t expert, const std::byte *in, std::byte *out) const;

private:
  ExpertsFn kind_;
  reference::Element element_;
  uint64_t columns_;
  /// For 16-bit types: every value's product, per factor. A look-up is faster than two conversions, and it is by
  /// construction what the reference's conversions say.
  std::array<std::vector<uint16_t>, 8> products_;
};

} // namespace faro::run
