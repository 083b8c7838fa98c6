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
  // expected-error@+1 {{'xfer.fence' op is no stage; a program holds only stages, 'xfer.ring' and 'xfer.descriptors'}}
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

!experts = !faro.tokens<8xbf16, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 1, experts = 1>
// expected-error@+1 {{'xfer.program' op expects of(@nobody) to name a program that is of no other, found none of this name}}
xfer.program @program_p6 dispatch(!experts, !routes) path(direct) of(@nobody)
    attributes {row_stride = 16 : i64, streaming_threshold = 0 : i64} {
}

// -----

!experts = !faro.tokens<8xbf16, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 1, experts = 1>
xfer.program @first dispatch(!experts, !routes) path(direct)
    attributes {row_stride = 16 : i64, streaming_threshold = 0 : i64} {
}
xfer.program @second dispatch(!experts, !routes) path(hierarchical) of(@first)
    attributes {row_stride = 16 : i64, streaming_threshold = 0 : i64} {
}
// expected-error@+1 {{'xfer.program' op expects of(@second) to name a program that is of no other, found one that is}}
xfer.program @program_p6_chain dispatch(!experts, !routes) path(hierarchical) of(@second)
    attributes {row_stride = 16 : i64, streaming_threshold = 0 : i64} {
}

// -----

!experts = !faro.tokens<8xbf16, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 1, experts = 1>
// expected-note@+1 {{which is here}}
xfer.program @first dispatch(!experts, !routes) path(direct)
    attributes {row_stride = 16 : i64, streaming_threshold = 0 : i64} {
}
// expected-error@+1 {{'xfer.program' op expects the shuffle, rows, routes, row_stride and streaming_threshold of @first}}
xfer.program @program_p6_other_shuffle dispatch(!experts, !routes) path(hierarchical) of(@first)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
}

// -----

!experts = !faro.tokens<8xbf16, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 1, experts = 1>
// expected-note@+1 {{the other is here}}
xfer.program @first dispatch(!experts, !routes) path(direct)
    attributes {row_stride = 16 : i64, streaming_threshold = 0 : i64} {
}
// expected-error@+1 {{'xfer.program' op is the second program of @first for path(direct); expected one a path}}
xfer.program @program_p6_same_path dispatch(!experts, !routes) path(direct) of(@first)
    attributes {row_stride = 16 : i64, streaming_threshold = 0 : i64} {
}

// -----

!experts = !faro.tokens<8xbf16, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 1, experts = 1>
// expected-error@+1 {{'xfer.program' op expects path(direct) or path(hierarchical), found path(by_mesh): a program is for one path}}
xfer.program @program_p7 dispatch(!experts, !routes) path(by_mesh)
    attributes {row_stride = 16 : i64, streaming_threshold = 0 : i64} {
}

// -----

!experts = !faro.tokens<8xbf16, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 1, experts = 1>
// expected-error@+1 {{'xfer.program' op has partial('f32'), but no sums travel between nodes in a hierarchical dispatch}}
xfer.program @program_p8 dispatch(!experts, !routes) path(hierarchical) partial(f32)
    attributes {row_stride = 16 : i64, streaming_threshold = 0 : i64} {
}

// -----

!experts = !faro.tokens<8xbf16, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 1, experts = 1>
// expected-error@+1 {{'xfer.program' op expects partial sums of the row's element 'bf16' or of f32, found 'f16'}}
xfer.program @program_p8_element combine(!experts, !routes) path(hierarchical) partial(f16)
    attributes {row_stride = 16 : i64, streaming_threshold = 0 : i64} {
}

// -----

!experts = !faro.tokens<8xbf16, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 1, experts = 1>
// expected-error@+1 {{'xfer.program' op expects at most 64 stages, found 65}}
xfer.program @program_p9 combine(!experts, !routes) path(direct)
    attributes {row_stride = 16 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %s0 = xfer.pad %plan on(core)
  %s1 = xfer.pad %plan on(core)
  %s2 = xfer.pad %plan on(core)
  %s3 = xfer.pad %plan on(core)
  %s4 = xfer.pad %plan on(core)
  %s5 = xfer.pad %plan on(core)
  %s6 = xfer.pad %plan on(core)
  %s7 = xfer.pad %plan on(core)
  %s8 = xfer.pad %plan on(core)
  %s9 = xfer.pad %plan on(core)
  %s10 = xfer.pad %plan on(core)
  %s11 = xfer.pad %plan on(core)
  %s12 = xfer.pad %plan on(core)
  %s13 = xfer.pad %plan on(core)
  %s14 = xfer.pad %plan on(core)
  %s15 = xfer.pad %plan on(core)
  %s16 = xfer.pad %plan on(core)
  %s17 = xfer.pad %plan on(core)
  %s18 = xfer.pad %plan on(core)
  %s19 = xfer.pad %plan on(core)
  %s20 = xfer.pad %plan on(core)
  %s21 = xfer.pad %plan on(core)
  %s22 = xfer.pad %plan on(core)
  %s23 = xfer.pad %plan on(core)
  %s24 = xfer.pad %plan on(core)
  %s25 = xfer.pad %plan on(core)
  %s26 = xfer.pad %plan on(core)
  %s27 = xfer.pad %plan on(core)
  %s28 = xfer.pad %plan on(core)
  %s29 = xfer.pad %plan on(core)
  %s30 = xfer.pad %plan on(core)
  %s31 = xfer.pad %plan on(core)
  %s32 = xfer.pad %plan on(core)
  %s33 = xfer.pad %plan on(core)
  %s34 = xfer.pad %plan on(core)
  %s35 = xfer.pad %plan on(core)
  %s36 = xfer.pad %plan on(core)
  %s37 = xfer.pad %plan on(core)
  %s38 = xfer.pad %plan on(core)
  %s39 = xfer.pad %plan on(core)
  %s40 = xfer.pad %plan on(core)
  %s41 = xfer.pad %plan on(core)
  %s42 = xfer.pad %plan on(core)
  %s43 = xfer.pad %plan on(core)
  %s44 = xfer.pad %plan on(core)
  %s45 = xfer.pad %plan on(core)
  %s46 = xfer.pad %plan on(core)
  %s47 = xfer.pad %plan on(core)
  %s48 = xfer.pad %plan on(core)
  %s49 = xfer.pad %plan on(core)
  %s50 = xfer.pad %plan on(core)
  %s51 = xfer.pad %plan on(core)
  %s52 = xfer.pad %plan on(core)
  %s53 = xfer.pad %plan on(core)
  %s54 = xfer.pad %plan on(core)
  %s55 = xfer.pad %plan on(core)
  %s56 = xfer.pad %plan on(core)
  %s57 = xfer.pad %plan on(core)
  %s58 = xfer.pad %plan on(core)
  %s59 = xfer.pad %plan on(core)
  %s60 = xfer.pad %plan on(core)
  %s61 = xfer.pad %plan on(core)
  %s62 = xfer.pad %plan on(core)
  %s63 = xfer.pad %plan on(core)
  %s64 = xfer.pad %plan on(core)
}

// -----

!experts = !faro.tokens<8xbf16, #faro.layout<order = [expert, token]>>
!routes = !faro.routes<topk = 1, experts = 1>
// expected-error@+1 {{'xfer.program' op expects an order in which neither 'token' nor 'choice' comes before 'source'}}
xfer.program @program_p11 dispatch(!experts, !routes) path(direct)
    attributes {row_stride = 16 : i64, streaming_threshold = 0 : i64} {
}

// -----

!experts = !faro.tokens<8xbf16, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 1, experts = 1>
xfer.program @program_p10 combine(!experts, !routes) path(direct)
    attributes {row_stride = 16 : i64, streaming_threshold = 0 : i64} {
  %a = xfer.ring "tx" slots(1) bytes(64) : !xfer.ring
  // expected-error@+1 {{'xfer.ring' op is the second ring "tx" of program 'program_p10'}}
  %b = xfer.ring "tx" slots(1) bytes(64) : !xfer.ring
}

// -----

!experts = !faro.tokens<8xbf16, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 1, experts = 1>
// expected-error@+1 {{'xfer.program' op expects at most 8 rings, found 9}}
xfer.program @program_p10_many combine(!experts, !routes) path(direct)
    attributes {row_stride = 16 : i64, streaming_threshold = 0 : i64} {
  %r0 = xfer.ring "0" slots(1) bytes(64) : !xfer.ring
  %r1 = xfer.ring "1" slots(1) bytes(64) : !xfer.ring
  %r2 = xfer.ring "2" slots(1) bytes(64) : !xfer.ring
  %r3 = xfer.ring "3" slots(1) bytes(64) : !xfer.ring
  %r4 = xfer.ring "4" slots(1) bytes(64) : !xfer.ring
  %r5 = xfer.ring "5" slots(1) bytes(64) : !xfer.ring
  %r6 = xfer.ring "6" slots(1) bytes(64) : !xfer.ring
  %r7 = xfer.ring "7" slots(1) bytes(64) : !xfer.ring
  %r8 = xfer.ring "8" slots(1) bytes(64) : !xfer.ring
}

// -----

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

// expected-error@+1 {{expects a slot at least, and multiples of 16 bytes that are loaded and stored of it, the former no more than the latter; found 3 of 100 in 128}}
func.func @staging_x4(%s: !xfer.staging<3 of 100 in 128>) {
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
