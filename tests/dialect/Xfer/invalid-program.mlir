// Programs: one constraint of dialect/README.md a split, named after its label.
// RUN: faro-opt %s -split-input-file -verify-diagnostics

// expected-error@+1 {{'xfer.program' op expects the rows of the experts' side, found token-major '!faro.tokens<8xf32>'}}
xfer.program @program_p1 dispatch(!faro.tokens<8xf32>, !faro.routes<topk = 1, experts = 1>) path(direct)
    attributes {row_stride = 32 : i64, streaming_threshold = 0 : i64} {
}

// -----

!experts = !faro.tokens<8xf32, #faro.layout<order = [expert]>>
// expected-error@+1 {{'xfer.program' op expects a row_stride of 32 to 95 bytes for rows of 8xf32, found 31}}
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

!experts = !faro.tokens<8xf32, #faro.layout<order = [expert]>>
// expected-error@+1 {{'xfer.program' op expects a row_stride of 32 to 95 bytes for rows of 8xf32, found 96}}
xfer.program @program_p2_most dispatch(!experts, !faro.routes<topk = 1, experts = 1>) path(direct)
    attributes {row_stride = 96 : i64, streaming_threshold = 0 : i64} {
}

// -----

!experts = !faro.tokens<8xf32, #faro.layout<order = [expert]>>
// expected-error@+1 {{'xfer.program' op expects a row_stride of whole elements of 4 bytes, found 38}}
xfer.program @program_p2_elements dispatch(!experts, !faro.routes<topk = 1, experts = 1>) path(direct)
    attributes {row_stride = 38 : i64, streaming_threshold = 0 : i64} {
}

// -----

!experts = !faro.tokens<8xf32, #faro.layout<order = [expert]>>
module @program_p12 {
  // expected-error@+1 {{'xfer.program' op expects another name than 'kernels', which is that of the module that kernels lie in}}
  xfer.program @kernels dispatch(!experts, !faro.routes<topk = 1, experts = 1>) path(direct)
      attributes {row_stride = 32 : i64, streaming_threshold = 0 : i64} {
  }
}

// -----

!experts = !faro.tokens<8xf32, #faro.layout<order = [expert]>>
module {
  // expected-error@+1 {{'xfer.program' op expects a name that is not empty and holds no zero byte}}
  xfer.program @"" dispatch(!experts, !faro.routes<topk = 1, experts = 1>) path(direct)
      attributes {row_stride = 32 : i64, streaming_threshold = 0 : i64} {
  }
}

// -----

!experts = !faro.tokens<8xf32, #faro.layout<order = [expert]>>
module {
  // expected-error@+1 {{'xfer.program' op expects a name that is not empty and holds no zero byte}}
  xfer.program @"a\00b" dispatch(!experts, !faro.routes<topk = 1, experts = 1>) path(direct)
      attributes {row_stride = 32 : i64, streaming_threshold = 0 : i64} {
  }
}

// -----

// A table is held against the mesh on this level, too.
!experts = !faro.tokens<8xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 1, experts = 2, placement = table [0, 2]>
module attributes {faro.mesh = #faro.mesh<nodes = 1, ranks_per_node = 2>} {
  // expected-error@+1 {{'xfer.program' op places expert 1 on rank 2, but the module's mesh has 2 ranks}}
  xfer.program @module_m3 dispatch(!experts, !routes) path(direct)
      attributes {row_stride = 32 : i64, streaming_threshold = 0 : i64} {
  }
}
