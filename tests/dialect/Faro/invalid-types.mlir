// One constraint of dialect/README.md a split, the function named after its label.
// RUN: faro-opt %s -split-input-file -verify-diagnostics

// expected-error@+1 {{expected the mesh's 'nodes' to be from 1 to 2147483647, or '?', found 0}}
module @mesh_m1 attributes {faro.mesh = #faro.mesh<nodes = 0, ranks_per_node = ?>} {}

// -----

// expected-error@+1 {{expected the mesh's 'nodes' to be from 1 to 2147483647, or '?', found 2147483648}}
module @mesh_m1_most attributes {faro.mesh = #faro.mesh<nodes = 2147483648, ranks_per_node = 1>} {}

// -----

// expected-error@+1 {{expected the mesh's 'ranks_per_node' to be from 1 to 2147483647, or '?', found -3}}
module @mesh_m1_ranks attributes {faro.mesh = #faro.mesh<nodes = ?, ranks_per_node = -3>} {}

// -----

// expected-error@+1 {{expected 'order' to name at least one key, found an empty list}}
func.func private @layout_l1(!faro.tokens<8xf32, #faro.layout<order = []>>)

// -----

// expected-error@+1 {{key 'source' is named twice in 'order'}}
func.func private @layout_l2(!faro.tokens<8xf32, #faro.layout<order = [expert, source, source]>>)

// -----

// expected-error@+1 {{expected 'align' in 1..2147483647, found 0}}
func.func private @layout_l3(!faro.tokens<8xf32, #faro.layout<order = [expert], align = 0>>)

// -----

// expected-error@+1 {{expected 'align' in 1..2147483647, found 2147483648}}
func.func private @layout_l3_large(!faro.tokens<8xf32, #faro.layout<order = [expert], align = 2147483648>>)

// -----

// expected-error@+1 {{expected a key 'expert', 'source', 'token' or 'choice', found 'rank'}}
func.func private @layout_unknown_key(!faro.tokens<8xf32, #faro.layout<order = [rank]>>)

// -----

// expected-error@+1 {{expected a row of one dimension, like 7168xbf16, found 2}}
func.func private @tokens_t1(!faro.tokens<4x8xf32>)

// -----

// expected-error@+1 {{expected a row of one dimension, like 7168xbf16, found 0}}
func.func private @tokens_t1_scalar(!faro.tokens<f32>)

// -----

// expected-error@+1 {{expected a row to have 1..2147483647 columns, found 0}}
func.func private @tokens_t2(!faro.tokens<0xf32>)

// -----

// expected-error@+1 {{expected a row to have 1..2147483647 columns, found 2147483648}}
func.func private @tokens_t2_large(!faro.tokens<2147483648xf32>)

// -----

// expected-error@+1 {{expected the element of a row to be an integer or float of whole bytes, found 'i4'}}
func.func private @tokens_t3(!faro.tokens<8xi4>)

// -----

// expected-error@+1 {{expected the element of a row to be an integer or float of whole bytes, found 'index'}}
func.func private @tokens_t3_index(!faro.tokens<{8xbf16, 8xindex}>)

// -----

// expected-error@+1 {{expected 'topk' in 1..64, found 0}}
func.func private @routes_r1(!faro.routes<topk = 0, experts = 4>)

// -----

// expected-error@+1 {{expected 'topk' in 1..64, found 65}}
func.func private @routes_r1_large(!faro.routes<topk = 65, experts = 256>)

// -----

// expected-error@+1 {{expected 'experts' in 8 (the top-k)..2147483647, found 4}}
func.func private @routes_r2(!faro.routes<topk = 8, experts = 4>)

// -----

// expected-error@+1 {{expected a table of 4 ranks, one for each expert, found 3}}
func.func private @routes_r3(!faro.routes<topk = 2, experts = 4, placement = table [0, 1, 0]>)

// -----

// expected-error@+1 {{expected the rank of expert 1 in 0..2147483647, found -1}}
func.func private @routes_r4(!faro.routes<topk = 2, experts = 4, placement = table [0, -1, 0, 1]>)

// -----

// expected-error@+1 {{expected a placement 'block', 'round_robin' or 'table', found 'random'}}
func.func private @routes_unknown_placement(!faro.routes<topk = 2, experts = 4, placement = random>)

// -----

// expected-error@+1 {{expected a layout like #faro.layout<order = [expert, source, token]>, found 4 : i64}}
func.func private @layout_kind(!faro.tokens<8xf32, 4>)
