#include "tests/bench/spec.h"

#include <fmt/format.h>

namespace faro::bench {

std::string specText(const Options &o) {
  const std::string row = fmt::format("{}x{}", o.hidden, elementName(o.element));
  const std::string layout = fmt::format("#faro.layout<order = [expert, source, token], align = {}>", o.align);
  return fmt::format(R"(!tokens  = !faro.tokens<{0}>
!experts = !faro.tokens<{0}, {1}>
!routes  = !faro.routes<topk = {2}, experts = {3}>

module attributes {{faro.mesh = #faro.mesh<nodes = ?, ranks_per_node = ?>}} {{
  func.func @dispatch(%x: !tokens, %r: !routes) -> !experts {{
    %y = faro.dispatch %x, %r : (!tokens, !routes) -> !experts
    return %y : !experts
  }}
  func.func @combine(%y: !experts, %r: !routes) -> !tokens {{
    %x = faro.combine %y, %r : (!experts, !routes) -> !tokens
    return %x : !tokens
  }}
}}
)",
                     row, layout, o.topk, o.experts);
}

} // namespace faro::bench
