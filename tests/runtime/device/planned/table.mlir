!tokens = !faro.tokens<257xf16>
!experts = !faro.tokens<257xf16, #faro.layout<order = [expert, source, token], align = 3>>
!routes = !faro.routes<topk = 2, experts = 5, placement = table [0, 0, 0, 0, 0]>

func.func @dispatch(%x: !tokens, %r: !routes) -> !experts {
  %y = faro.dispatch %x, %r : (!tokens, !routes) -> !experts
  return %y : !experts
}
func.func @combine(%y: !experts, %r: !routes) -> !tokens {
  %x = faro.combine %y, %r : (!experts, !routes) -> !tokens
  return %x : !tokens
}
