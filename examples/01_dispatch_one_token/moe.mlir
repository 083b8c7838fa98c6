// Two ranks, four tokens, four experts: small enough to follow every number.
!tokens  = !faro.tokens<4xf32>
!experts = !faro.tokens<4xf32, #faro.layout<order = [expert, source, token]>>
!routes  = !faro.routes<topk = 2, experts = 4>

module attributes {faro.mesh = #faro.mesh<nodes = ?, ranks_per_node = ?>} {
  func.func @dispatch(%x: !tokens, %r: !routes) -> !experts {
    %y = faro.dispatch %x, %r : (!tokens, !routes) -> !experts
    return %y : !experts
  }
  func.func @combine(%y: !experts, %r: !routes) -> !tokens {
    %x = faro.combine %y, %r : (!experts, !routes) -> !tokens
    return %x : !tokens
  }
}
