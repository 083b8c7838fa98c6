// RUN: faro-opt --faro-plan-route %s -split-input-file -verify-diagnostics

!tokens = !faro.tokens<8xf32>
!experts = !faro.tokens<8xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>

module attributes {faro.mesh = #faro.mesh<nodes = 2, ranks_per_node = ?>} {
  func.func @route_w1(%x: !tokens, %r: !routes) -> !experts {
    // expected-error@+1 {{'faro.dispatch' op has path(direct), but the module's mesh has 2 nodes; expected path(hierarchical), or none}}
    %y = faro.dispatch %x, %r path(direct) : (!tokens, !routes) -> !experts
    return %y : !experts
  }
}

// -----

!tokens = !faro.tokens<8xf32>
!experts = !faro.tokens<8xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>

module attributes {faro.mesh = #faro.mesh<nodes = 1, ranks_per_node = 8>} {
  func.func @route_w1_around(%y: !experts, %r: !routes) -> !tokens {
    // expected-error@+1 {{'faro.combine' op has path(hierarchical), but the module's mesh has 1 node; expected path(direct), or none}}
    %x = faro.combine %y, %r path(hierarchical) : (!experts, !routes) -> !tokens
    return %x : !tokens
  }
}
