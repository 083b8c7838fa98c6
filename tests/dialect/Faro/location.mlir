// An error inside a type points at the very token, not at the start of the type.
// RUN: not faro-opt %s -split-input-file 2>&1 | FileCheck %s --match-full-lines --strict-whitespace

//      CHECK:{{.*}}location.mlir:[[#@LINE+2]]:38: error: expected 'topk' in 1..64, found 65
func.func private @topk(!faro.tokens<8xf32>,
                 !faro.routes<topk = 65, experts = 256>)

// -----

//      CHECK:{{.*}}location.mlir:[[#@LINE+1]]:93: error: key 'source' is named twice in 'order'
func.func private @key(!faro.tokens<7168xbf16, #faro.layout<order = [expert, source, token, source]>>)

// -----

//      CHECK:{{.*}}location.mlir:[[#@LINE+1]]:86: error: expected 'align' in 1..2147483647, found -1
func.func private @align(!faro.tokens<8xbf16, #faro.layout<order = [expert], align = -1>>)

// -----

//      CHECK:{{.*}}location.mlir:[[#@LINE+1]]:50: error: expected a row to have 1..2147483647 columns, found 0
func.func private @columns(!faro.tokens<{7xbf16, 0xf32}>)

// -----

//      CHECK:{{.*}}location.mlir:[[#@LINE+1]]:87: error: expected the rank of expert 2 in 0..2147483647, found -2
func.func private @table(!faro.routes<topk = 1, experts = 3, placement = table [0, 1, -2]>)
