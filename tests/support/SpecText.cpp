#include "tests/support/SpecText.h"

#include <fmt/format.h>

namespace faro::support {

std::string specText(const SpecShape &s) {
  return fmt::format(R"(!tokens  = !faro.tokens<{0}x{1}>
!experts = !faro.tokens<{0}x{1}, #faro.layout<order = [{2}], align = {3}>>
!routes  = !faro.routes<topk = {4}, experts = {5}{6}>

module attributes {{faro.mesh = #faro.mesh<nodes = ?, ranks_per_node = ?>}} {{
  func.func @dispatch(%x: !tokens, %r: !routes) -> !experts {{
    %y = faro.dispatch %x, %r : (!tokens, !routes) -> !experts
    return %y : !experts
  }}
  func.func @combine(%y: !experts, %r: !routes) -> !tokens {{
    %x = faro.combine %y, %r{7} : (!experts, !routes) -> !tokens
    return %x : !tokens
  }}
}}
)",
                     s.columns, s.element, s.order, s.align, s.topk, s.experts,
                     s.placement.empty() ? "" : ", placement = " + s.placement,
                     s.partial.empty() ? "" : fmt::format(" partial({})", s.partial));
}

} // namespace faro::support
