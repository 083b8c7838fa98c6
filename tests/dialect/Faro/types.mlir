// Every attribute and type prints as it was read, from the pretty and from the generic form.
// RUN: faro-opt --allow-unregistered-dialect %s | faro-opt --allow-unregistered-dialect | FileCheck %s
// RUN: faro-opt --allow-unregistered-dialect --mlir-print-op-generic %s | faro-opt --allow-unregistered-dialect | FileCheck %s
// RUN: faro-opt --allow-unregistered-dialect --emit-bytecode %s | faro-opt --allow-unregistered-dialect | FileCheck %s

// CHECK-DAG: !{{.*}} = !faro.tokens<7168xbf16>{{$}}
// CHECK-DAG: !{{.*}} = !faro.tokens<1xf32>{{$}}
// CHECK-DAG: !{{.*}} = !faro.tokens<{7168xf8E4M3FN, 56xf32}>{{$}}
// CHECK-DAG: !{{.*}} = !faro.tokens<{3xi8, 2xf16}, #faro.layout<order = [source, expert]>>{{$}}
// CHECK-DAG: !{{.*}} = !faro.tokens<2xf32, #faro.layout<order = [expert, source, token], align = 128>>{{$}}
// CHECK-DAG: !{{.*}} = !faro.tokens<4xf32, #faro.layout<order = [choice, token, source, expert]>>{{$}}
// CHECK-DAG: !{{.*}} = !faro.routes<topk = 8, experts = 256>{{$}}
// CHECK-DAG: !{{.*}} = !faro.routes<topk = 1, experts = 1>{{$}}
// CHECK-DAG: !{{.*}} = !faro.routes<topk = 64, experts = 64, placement = round_robin>{{$}}
// CHECK-DAG: !{{.*}} = !faro.routes<topk = 2, experts = 4, placement = table [0, 1, 1, 0]>{{$}}

#late = #faro.layout<order = [choice, token, source, expert]>

func.func private @tokens(!faro.tokens<7168xbf16>, !faro.tokens<1xf32>)
func.func private @planes(!faro.tokens<{7168xf8E4M3FN, 56xf32}>,
                          !faro.tokens<{3xi8, 2xf16}, #faro.layout<order = [source, expert], align = 1>>)
func.func private @layouts(!faro.tokens<2xf32, #faro.layout<order = [expert, source, token], align = 128>>,
                           !faro.tokens<4xf32, #late>)
func.func private @routes(!faro.routes<topk = 8, experts = 256>, !faro.routes<topk = 1, experts = 1>,
                          !faro.routes<topk = 64, experts = 64, placement = round_robin>,
                          !faro.routes<topk = 2, experts = 4, placement = table [0, 1, 1, 0]>)

// One way to write a thing is the default, and is left out; the types are the same.
// CHECK: func private @same_tokens(![[SAME:[a-z0-9]+]], ![[SAME]])
func.func private @same_tokens(!faro.tokens<{5xf32}>, !faro.tokens<5xf32, #faro.layout<token_major>>)
// CHECK: func private @same_routes(![[BLOCK:[a-z0-9]+]], ![[BLOCK]])
func.func private @same_routes(!faro.routes<topk = 3, experts = 4>,
                               !faro.routes<topk = 3, experts = 4, placement = block>)

// CHECK: module @bound attributes {faro.mesh = #faro.mesh<nodes = 2, ranks_per_node = 8>}
module @bound attributes {faro.mesh = #faro.mesh<nodes = 2, ranks_per_node = 8>} {}
// CHECK: module @free attributes {faro.mesh = #faro.mesh<nodes = ?, ranks_per_node = ?>}
module @free attributes {faro.mesh = #faro.mesh<nodes = ?, ranks_per_node = ?>} {}
// CHECK: module @half attributes {faro.mesh = #faro.mesh<nodes = 1, ranks_per_node = ?>}
module @half attributes {faro.mesh = #faro.mesh<nodes = 1, ranks_per_node = ?>} {}
// CHECK: module @layout attributes {some.layout = #faro.layout<token_major>, some.path = #faro<path direct>}
module @layout attributes {some.layout = #faro.layout<token_major>, some.path = #faro<path direct>} {}
