// RUN: faro-opt %s -split-input-file -xfer-emit-kernels | FileCheck %s
// RUN: faro-opt %s -split-input-file -xfer-emit-kernels="tile=16 vector=16 row-alignment=16 prefetch=0" | FileCheck %s --check-prefix=GPU
// RUN: faro-opt %s -split-input-file -xfer-emit-kernels="tile=128 vector=32 block=300" | FileCheck %s --check-prefix=BLOCK

!experts = !faro.tokens<320xbf16, #faro.layout<order = [expert, source]>>
!routes = !faro.routes<topk = 3, experts = 4>

// Whole tiles in a loop over the row; each destination gets eight lines at a time, past the cache in the streaming form.
// CHECK: module @kernels
// CHECK-LABEL: func.func @p(
// CHECK-SAME: %[[SRC:.*]]: !xfer.addr {llvm.noalias, llvm.readonly}, %{{.*}}: i64, %[[OFFSETS:.*]]: !xfer.addr {llvm.noalias, llvm.readonly}, %[[DST:.*]]: !xfer.addr {llvm.noalias, llvm.readonly}, %{{.*}}: i64, %{{.*}}: i64) attributes {xfer.kernel}
// CHECK: scf.forall
// CHECK: arith.cmpi ult
// CHECK: scf.if
// CHECK: scf.forall (%{{.*}}) = (0) to (512) step (512)
// CHECK-COUNT-8: xfer.load %{{.*}} : vector<16xi32>
// CHECK: scf.for
// CHECK: xfer.load %[[DST]][{{.*}}] {alignment = 8 : i64} : i64
// CHECK-COUNT-8: xfer.store %{{.*}} {alignment = 64 : i64} : vector<16xi32>
// CHECK-NOT: xfer.store
// CHECK: mapping = [#gpu.thread<x>]
// The remainder of two lines is one thread's.
// CHECK: scf.forall (%{{.*}}) in (1)
// CHECK-COUNT-2: xfer.load %{{.*}} : vector<16xi32>
// CHECK-COUNT-2: xfer.store %{{.*}} {alignment = 64 : i64} : vector<16xi32>
// CHECK: mapping = [#gpu.block<x>]
// CHECK-NOT: xfer.prefetch
// CHECK-NOT: xfer.fence
// CHECK: return
// Blocks of two tiles; the fifth tile is a block of its own. Each is read again for every destination. The other form has tiles.
// BLOCK-LABEL: func.func @p(
// BLOCK: scf.forall (%{{.*}}) = (0) to (640) step (128)
// BLOCK-COUNT-4: xfer.load %{{.*}} : vector<8xi32>
// BLOCK: scf.for
// BLOCK-LABEL: func.func @p_streaming(
// BLOCK: scf.forall (%{{.*}}) = (0) to (512) step (256)
// BLOCK: scf.for
// BLOCK: xfer.prefetch page
// BLOCK-COUNT-2: xfer.prefetch in_order
// BLOCK: scf.for
// BLOCK: xfer.load %{{.*}} {alignment = 8 : i64} : i64
// BLOCK: scf.for
// BLOCK-COUNT-4: xfer.load %{{.*}} : vector<8xi32>
// BLOCK-COUNT-4: xfer.store %{{.*}} {alignment = {{32|64}} : i64, streaming} : vector<8xi32>
// BLOCK: scf.forall (%{{.*}}) in (1)
// BLOCK-COUNT-4: xfer.store %{{.*}} {alignment = {{32|64}} : i64, streaming} : vector<8xi32>
// BLOCK-NOT: xfer.store
// BLOCK: xfer.fence
// Past the cache, the next token's destinations are asked for where a page of theirs begins, and the source ahead.
// CHECK-LABEL: func.func @p_streaming(
// CHECK: scf.forall (%[[AT:.*]]) = (0) to (512) step (512)
// CHECK: %[[IN_PAGE:.*]] = arith.andi
// CHECK: arith.cmpi ult, %[[IN_PAGE]]
// CHECK: scf.if
// CHECK: xfer.prefetch page
// CHECK-COUNT-8: xfer.prefetch in_order
// CHECK-NOT: xfer.prefetch
// CHECK-COUNT-10: xfer.store %{{.*}} {alignment = 64 : i64, streaming} : vector<16xi32>
// CHECK: xfer.fence

// GPU-LABEL: func.func @p(
// GPU: scf.forall (%{{.*}}) = (0) to (640) step (16)
// GPU-COUNT-1: xfer.load %{{.*}} {alignment = 16 : i64} : vector<4xi32>
// GPU-COUNT-1: xfer.store %{{.*}} {alignment = 16 : i64} : vector<4xi32>
// GPU-NOT: xfer.store
// GPU: mapping = [#gpu.thread<x>]
// GPU-NOT: xfer.prefetch
xfer.program @padded dispatch(!experts, !routes) path(direct)
    attributes {row_stride = 640 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %push = xfer.push %plan on(core) kernel(@p) streaming(@p_streaming)
}

// -----

!experts = !faro.tokens<257xbf16, #faro.layout<order = [expert, source]>>
!routes = !faro.routes<topk = 2, experts = 4>

// 514 bytes in a stride of 576: the last line is loaded from the row's last 64 bytes, moved down, and filled with zeros.
// CHECK-LABEL: func.func @odd(
// CHECK: %[[LAST:.*]] = xfer.load %{{.*}} : vector<32xi16>
// CHECK: vector.shuffle %[[LAST]], %{{.*}} [31, 32, 32, 32,
// CHECK: xfer.store %{{.*}} {alignment = 64 : i64} : vector<32xi16>
xfer.program @program dispatch(!experts, !routes) path(direct)
    attributes {row_stride = 576 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %push = xfer.push %plan on(core) kernel(@odd)
}

// -----

!experts = !faro.tokens<7xbf16, #faro.layout<order = [expert, source]>>
!routes = !faro.routes<topk = 2, experts = 4>

// 14 bytes next to each other: powers of two, and nothing is known of where they lie.
// CHECK-LABEL: func.func @tiny(
// CHECK: xfer.load %{{.*}} : vector<2xi32>
// CHECK: xfer.load %{{.*}} : vector<1xi32>
// CHECK: xfer.load %{{.*}} : i16
// CHECK: xfer.store %{{.*}} : vector<2xi32>
// CHECK: xfer.store %{{.*}} : vector<1xi32>
// CHECK: xfer.store %{{.*}} : i16
// CHECK-NOT: xfer.store
xfer.program @program dispatch(!experts, !routes) path(direct)
    attributes {row_stride = 14 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %push = xfer.push %plan on(core) kernel(@tiny)
}
