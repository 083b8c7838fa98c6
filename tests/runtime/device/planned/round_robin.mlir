!tokens = !faro.tokens<33xf32>
!experts = !faro.tokens<33xf32, #faro.layout<order = [expert, source, token]>>
!routes = !faro.routes<topk = 3, experts = 7, placement = round_robin>

func.func @dispatch(%x: !tokens, %r: !routes) -> !experts {
  %y = faro.dispatch %x, %r : (!tokens, !routes) -> !experts
  return %y : !experts
}
func.func @combine(%y: !experts, %r: !routes) -> !tokens {
  %x = faro.combine %y, %r : (!experts, !routes) -> !tokens
  return %x : !tokens
}
