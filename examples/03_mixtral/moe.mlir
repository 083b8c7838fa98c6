// Mixtral 8x7B: 4096 wide, top-2 of 8 experts.
!tokens  = !faro.tokens<4096xbf16>
!experts = !faro.tokens<4096xbf16, #faro.layout<order = [expert, source, token]>>
!routes  = !faro.routes<topk = 2, experts = 8>

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
