!tokens = !faro.tokens<96xbf16>
!experts = !faro.tokens<96xbf16, #faro.layout<order = [expert, source, token], align = 8>>
!routes = !faro.routes<topk = 4, experts = 16>

func.func @dispatch(%x: !tokens, %r: !routes) -> !experts {
  %y = faro.dispatch %x, %r : (!tokens, !routes) -> !experts
  return %y : !experts
}
func.func @combine(%y: !experts, %r: !routes) -> !tokens {
  %x = faro.combine %y, %r : (!experts, !routes) -> !tokens
  return %x : !tokens
}
