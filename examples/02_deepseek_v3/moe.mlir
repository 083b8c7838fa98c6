// DeepSeek-V3: 7168 wide, top-8 of 256 experts, groups aligned for a grouped GEMM with tiles of 128 rows.
!tokens  = !faro.tokens<7168xbf16>
!experts = !faro.tokens<7168xbf16, #faro.layout<order = [expert, source, token], align = 128>>
!routes  = !faro.routes<topk = 8, experts = 256>

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
