// One constraint of dialect/README.md a split, named after its label.
// RUN: faro-opt %s -split-input-file -verify-diagnostics

// expected-error@+1 {{'xfer.program' op expects the rows of the experts' side, found token-major '!faro.tokens<8xf32>'}}
xfer.program @program_p1 dispatch(!faro.tokens<8xf32>, !faro.routes<topk = 1, experts = 1>) path(direct)
    attributes {row_stride = 32 : i64, streaming_threshold = 0 : i64} {
}

// -----

!experts = !faro.tokens<8xf32, #faro.layout<order = [expert]>>
// expected-error@+1 {{'xfer.program' op expects a row_stride of at least the row's 32 bytes, found 31}}
xfer.program @program_p2 dispatch(!experts, !faro.routes<topk = 1, experts = 1>) path(direct)
    attributes {row_stride = 31 : i64, streaming_threshold = 0 : i64} {
}

// -----

!experts = !faro.tokens<8xf32, #faro.layout<order = [expert]>>
// expected-error@+1 {{'xfer.program' op expects a streaming_threshold of at least 0, found -1}}
xfer.program @program_p3 dispatch(!experts, !faro.routes<topk = 1, experts = 1>) path(direct)
    attributes {row_stride = 32 : i64, streaming_threshold = -1 : i64} {
}

// -----

!experts = !faro.tokens<8xf32, #faro.layout<order = [expert]>>
xfer.program @program_p4 dispatch(!experts, !faro.routes<topk = 1, experts = 1>) path(direct)
    attributes {row_stride = 32 : i64, streaming_threshold = 0 : i64} {
  // expected-error@+1 {{'xfer.fence' op is no stage; a program holds only stages and 'xfer.descriptors'}}
  xfer.fence
}

// -----

!experts = !faro.tokens<8xf32, #faro.layout<order = [expert]>>
// expected-error@+1 {{'xfer.program' op expects at most 4 flags, found 5}}
xfer.program @program_p5 dispatch(!experts, !faro.routes<topk = 1, experts = 1>) path(direct)
    attributes {row_stride = 32 : i64, streaming_threshold = 0 : i64} {
  %a = xfer.notify "a" on(link)
  %b = xfer.notify "b" on(link)
  %c = xfer.notify "c" on(link)
  %d = xfer.await "d" on(link)
  %again = xfer.await "a" on(link)
  %e = xfer.await "e" on(link)
}

// -----

// expected-error@+1 {{'xfer.notify' op expects parent op 'xfer.program'}}
%stage_outside = xfer.notify "a" on(link)

// -----

// expected-error@+1 {{expected 'xfer.kernel' on a 'func.func', found it on 'builtin.module'}}
module @kernel_k1 attributes {xfer.kernel} {}

// -----

// expected-error@+1 {{expected 'xfer.kernel' to be a unit attribute, found 1 : i64}}
func.func private @kernel_k1_kind() attributes {xfer.kernel = 1}

// -----

// expected-error@+1 {{unknown attribute 'xfer.colonel' of the xfer dialect; expected 'xfer.kernel'}}
func.func private @kernel_unknown() attributes {xfer.colonel}

// -----

// expected-error@+1 {{expected a kernel to have no results, found 1}}
func.func private @kernel_k2() -> i32 attributes {xfer.kernel}

// -----

// expected-error@+1 {{expected argument 1 of a kernel to be an !xfer.addr, integer, index or float, found 'memref<?xf32>'}}
func.func private @kernel_k2_argument(!xfer.addr, memref<?xf32>) attributes {xfer.kernel}

// -----

func.func @cast_x1(%i: i64) {
  // expected-error@+1 {{'xfer.cast' op expects an i64 on one side and an !xfer.addr on the other, found 'i64' and 'i64'}}
  %a = xfer.cast %i : i64 -> i64
  return
}

// -----

func.func @load_x2(%a: !xfer.addr, %o: i64) {
  // expected-error@+1 {{'xfer.load' op expects an alignment that is a power of two, found 48}}
  %v = xfer.load %a[%o] {alignment = 48} : vector<16xi32>
  return
}

// -----

func.func @store_x2(%a: !xfer.addr, %o: i64, %v: i32) {
  // expected-error@+1 {{'xfer.store' op expects an alignment that is a power of two, found 0}}
  xfer.store %v, %a[%o] {alignment = 0} : i32
  return
}

// -----

func.func @store_x3(%a: !xfer.addr, %o: i64, %v: vector<16xi32>) {
  // expected-error@+1 {{'xfer.store' op expects a streaming store to be aligned to its size, 64 bytes, found 32}}
  xfer.store %v, %a[%o] {alignment = 32, streaming} : vector<16xi32>
  return
}

// -----

func.func @load_scalable(%a: !xfer.addr, %o: i64) {
  // expected-error@+1 {{'xfer.load' op result #0 must be}}
  %v = xfer.load %a[%o] : vector<[4]xi32>
  return
}

// -----

!experts = !faro.tokens<8xf32, #faro.layout<order = [expert]>>
// expected-error@+1 {{'xfer.program' op expects a body without arguments, found 1}}
"xfer.program"() <{sym_name = "arguments", shuffle = #xfer<shuffle dispatch>, rows = !experts,
                   routes = !faro.routes<topk = 1, experts = 1>, path = #faro<path direct>, row_stride = 32 : i64,
                   streaming_threshold = 0 : i64}> ({
^bb0(%plan: !xfer.descriptors):
}) : () -> ()

// -----

// Said by the function, not by a crash in the check of its attribute.
// expected-error@+1 {{'func.func' op requires attribute 'function_type'}}
"func.func"() <{sym_name = "kernel_without_type"}> ({}) {xfer.kernel} : () -> ()
