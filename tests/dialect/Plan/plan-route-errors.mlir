// RUN: faro-opt --faro-plan-route %s -verify-diagnostics

!tokens = !faro.tokens<8xf32>
!experts = !faro.tokens<8xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>

module attributes {faro.mesh = #faro.mesh<nodes = 2, ranks_per_node = ?>} {
  func.func @route_w1(%x: !tokens, %r: !routes) -> !experts {
    // expected-error@+1 {{'faro.dispatch' op expects a mesh of one node, found 2; rows do not travel between nodes yet}}
    %y = faro.dispatch %x, %r : (!tokens, !routes) -> !experts
    return %y : !experts
  }

  // A path that is written by hand does not lead there either.
  func.func @by_hand(%x: !tokens, %r: !routes) -> !experts {
    // expected-error@+1 {{'faro.dispatch' op expects a mesh of one node, found 2}}
    %y = faro.dispatch %x, %r path(direct) : (!tokens, !routes) -> !experts
    return %y : !experts
  }
}
