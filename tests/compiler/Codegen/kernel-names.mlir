// A function may have any name; its kernels have one that every assembler takes, and each its own.
// RUN: faroc %s --compile-to=ptx --target=cuda:sm_90 | FileCheck %s
// RUN: faroc %s -o %t.so

!tokens  = !faro.tokens<64xbf16>
!experts = !faro.tokens<64xbf16, #faro.layout<order = [expert, source, token]>>
!others  = !faro.tokens<64xbf16, #faro.layout<order = [expert, source]>>
!routes  = !faro.routes<topk = 2, experts = 4>

// CHECK-DAG: .entry moe_dispatch_[[DASH:[0-9a-f]+]]_push(
// CHECK-DAG: .entry moe_dispatch_[[DASH]]_plan_count(
func.func @"moe-dispatch"(%x: !tokens, %r: !routes) -> !experts {
  %y = faro.dispatch %x, %r : (!tokens, !routes) -> !experts
  return %y : !experts
}

// CHECK-DAG: .entry moe_dispatch_[[DOT:[0-9a-f]+]]_plan_count(
func.func @moe.dispatch(%x: !tokens, %r: !routes) -> !others {
  %y = faro.dispatch %x, %r : (!tokens, !routes) -> !others
  return %y : !others
}

// An identifier stays what it is.
// CHECK-DAG: .entry moe_combine_pull(
func.func @moe_combine(%y: !others, %r: !routes) -> !tokens {
  %x = faro.combine %y, %r : (!others, !routes) -> !tokens
  return %x : !tokens
}

// CHECK-DAG: .entry _3_ways__{{[0-9a-f]+}}_plan_count(
func.func @"3 ways\n"(%x: !tokens, %r: !routes) -> !experts {
  %y = faro.dispatch %x, %r : (!tokens, !routes) -> !experts
  return %y : !experts
}
// CHECK-NOT: .entry {{[A-Za-z0-9_]*[^A-Za-z0-9_(]}}
