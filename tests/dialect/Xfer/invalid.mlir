// One constraint of dialect/README.md a split, named after its label.
// RUN: faro-opt %s -split-input-file -verify-diagnostics

!experts = !faro.tokens<8xbf16, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 1, experts = 1>
xfer.program @ring_g1 combine(!experts, !routes) path(direct)
    attributes {row_stride = 16 : i64, streaming_threshold = 0 : i64} {
  // expected-error@+1 {{'xfer.ring' op expects 1 to 65536 slots, found 0}}
  %a = xfer.ring "tx" slots(0) bytes(64) : !xfer.ring
}

// -----

!experts = !faro.tokens<8xbf16, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 1, experts = 1>
xfer.program @ring_g2 combine(!experts, !routes) path(direct)
    attributes {row_stride = 16 : i64, streaming_threshold = 0 : i64} {
  // expected-error@+1 {{'xfer.ring' op expects slots of a multiple of 64 bytes, found 96}}
  %a = xfer.ring "tx" slots(1) bytes(96) : !xfer.ring
}

// -----

!experts = !faro.tokens<8xbf16, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 1, experts = 1>
xfer.program @ring_g3 combine(!experts, !routes) path(direct)
    attributes {row_stride = 16 : i64, streaming_threshold = 0 : i64} {
  // expected-error@+1 {{'xfer.ring' op expects at most 1099511627776 bytes in all slots together, found 3 slots of 549755813888}}
  %a = xfer.ring "tx" slots(3) bytes(549755813888) : !xfer.ring
}

// -----

// Clauses of a stage.
!experts = !faro.tokens<8xbf16, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 1, experts = 1>
xfer.program @clause_twice combine(!experts, !routes) path(direct)
    attributes {row_stride = 16 : i64, streaming_threshold = 0 : i64} {
  // expected-error@+1 {{custom op 'xfer.await' has the clause 'on' twice}}
  %a = xfer.await "open" on(link) on(link)
}

// -----

!experts = !faro.tokens<8xbf16, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 1, experts = 1>
xfer.program @clause_unknown combine(!experts, !routes) path(direct)
    attributes {row_stride = 16 : i64, streaming_threshold = 0 : i64} {
  // expected-error@+1 {{custom op 'xfer.await' has no clause 'kernel'; expected after, on}}
  %a = xfer.await "open" on(link) kernel(@a)
}

// -----

!experts = !faro.tokens<8xbf16, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 1, experts = 1>
xfer.program @clause_missing combine(!experts, !routes) path(direct)
    attributes {row_stride = 16 : i64, streaming_threshold = 0 : i64} {
  %tx = xfer.ring "tx" slots(1) bytes(64) : !xfer.ring
  // expected-error@+1 {{custom op 'xfer.wire' expects the clause 'into'}}
  %a = xfer.wire from(%tx) on(nic)
}

// -----

!experts = !faro.tokens<8xbf16, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 1, experts = 1>
xfer.program @clause_of_another_type combine(!experts, !routes) path(direct)
    attributes {row_stride = 16 : i64, streaming_threshold = 0 : i64} {
  // expected-note@+1 {{prior use here}}
  %tx = xfer.ring "tx" slots(1) bytes(64) : !xfer.ring
  // expected-error@+1 {{use of value '%tx' expects different type than prior uses}}
  %a = xfer.await "open" after(%tx) on(link)
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

!experts = !faro.tokens<8xbf16, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 1, experts = 1>
xfer.program @kernel_k3 combine(!experts, !routes) path(direct)
    attributes {row_stride = 16 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  // expected-error@+1 {{expected a kernel's name to be letters, digits and underscores, no digit first, found "p\00q"}}
  %pull = xfer.pull %plan on(core) kernel(@"p\00q")
}

// -----

!experts = !faro.tokens<8xbf16, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 1, experts = 1>
xfer.program @kernel_k3_empty combine(!experts, !routes) path(direct)
    attributes {row_stride = 16 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  // expected-error@+1 {{expected a kernel's name to be letters, digits and underscores, no digit first, found ""}}
  %pull = xfer.pull %plan on(core) kernel(@pull) streaming(@"")
}

// -----

// expected-error@+1 {{expected a kernel's name to be letters, digits and underscores, no digit first, found "kernel.k3"}}
func.func private @kernel.k3() attributes {xfer.kernel}

// -----

// expected-error@+1 {{expected a kernel's name to be letters, digits and underscores, no digit first, found "3k"}}
func.func private @"3k"() attributes {xfer.kernel}

// -----

func.func @cast_x1(%i: i64) {
  // expected-error@+1 {{'xfer.cast' op expects an i64 on one side and an !xfer.addr on the other, found 'i64' and 'i64'}}
  %a = xfer.cast %i : i64 -> i64
  return
}

// -----

func.func @load_x2(%a: !xfer.addr, %o: i64) {
  // expected-error@+1 {{'xfer.load' op expects an alignment that is a power of two, at most 4096, found 48}}
  %v = xfer.load %a[%o] {alignment = 48} : vector<16xi32>
  return
}

// -----

// It has a place in 32 bits no more.
func.func @load_x2_most(%a: !xfer.addr, %o: i64) {
  // expected-error@+1 {{'xfer.load' op expects an alignment that is a power of two, at most 4096, found 4294967296}}
  %v = xfer.load %a[%o] {alignment = 4294967296} : i32
  return
}

// -----

func.func @load_x5(%a: !xfer.addr, %o: i64) {
  // expected-error@+1 {{'xfer.load' op expects a value of at most 1024 bytes, found 'vector<257xi32>'}}
  %v = xfer.load %a[%o] {alignment = 4} : vector<257xi32>
  return
}

// -----

// Its number of bytes has no place in 64 bits.
func.func @store_x5(%a: !xfer.addr, %o: i64, %v: vector<2305843009213693952xi64>) {
  // expected-error@+1 {{'xfer.store' op expects a value of at most 1024 bytes, found 'vector<2305843009213693952xi64>'}}
  xfer.store %v, %a[%o] {alignment = 64, streaming} : vector<2305843009213693952xi64>
  return
}

// -----

func.func @store_x2(%a: !xfer.addr, %o: i64, %v: i32) {
  // expected-error@+1 {{'xfer.store' op expects an alignment that is a power of two, at most 4096, found 0}}
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

// expected-error@+1 {{expects a slot at least, and multiples of 16 bytes that are loaded and stored of it, the former no more than the latter; found 3 of 100 in 128}}
func.func @staging_x4(%s: !xfer.staging<3 of 100 in 128>) {
  return
}

// -----

// expected-error@+1 {{expects slots of at most 49152 bytes together, each in whole lines of 128 with a word of 8 beside it; found 3 in 16384}}
func.func @staging_x6(%s: !xfer.staging<3 of 16 in 16384>) {
  return
}

// -----

// The most that three slots can have.
func.func @staging_x6_most(%s: !xfer.staging<3 of 16 in 16256>) {
  return
}

// -----

// expected-error@+1 {{found 1000000000000 in 32}}
func.func @staging_x6_slots(%s: !xfer.staging<1000000000000 of 16 in 32>) {
  return
}

// -----

// expected-error@+1 {{found 1 in 9223372036854775792}}
func.func @staging_x6_bytes(%s: !xfer.staging<1 of 16 in 9223372036854775792>) {
  return
}

// -----

func.func @drain_x7() {
  // expected-error@+1 {{'xfer.bulk_drain' op expects at least 0 groups to be left, found -1}}
  xfer.bulk_drain left(-1)
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
xfer.program @program_p13 dispatch(!experts, !faro.routes<topk = 1, experts = 1>) path(direct)
    attributes {row_stride = 32 : i64, streaming_threshold = 0 : i64} {
^bb0(%plan: !xfer.descriptors):
}

// -----

// Said by the function, not by a crash in the check of its attribute.
// expected-error@+1 {{'func.func' op requires attribute 'function_type'}}
"func.func"() <{sym_name = "kernel_without_type"}> ({}) {xfer.kernel} : () -> ()
