// RUN: faro-opt %s -split-input-file -xfer-emit-kernels | FileCheck %s
// RUN: faro-opt %s -split-input-file -xfer-emit-kernels="vector=32" | FileCheck %s --check-prefix=NARROW
// RUN: faro-opt %s -split-input-file -xfer-emit-kernels="vector=32 few-rows-vector=64" | FileCheck %s --check-prefix=FEW

!experts = !faro.tokens<256xbf16, #faro.layout<order = [expert, source]>>
!routes = !faro.routes<topk = 2, experts = 4>

// A token with all its rows: weights and addresses are loaded once. Two lines of each row at a time, the next token's asked
// for meanwhile; the product is rounded before it is added.
// CHECK-LABEL: func.func @pull(
// CHECK-SAME: %[[OUT:.*]]: !xfer.addr {llvm.noalias}, %{{.*}}: i64, %{{.*}}: !xfer.addr {llvm.noalias, llvm.readonly}, %[[ROWS:.*]]: !xfer.addr {llvm.noalias, llvm.readonly}, %[[WEIGHTS:.*]]: !xfer.addr {llvm.noalias, llvm.readonly}, %{{.*}}: i64, %{{.*}}: i64)
// CHECK: scf.if
// CHECK-COUNT-2: xfer.load %[[WEIGHTS]][{{.*}}] {alignment = 4 : i64} : f32
// CHECK: scf.forall (%{{.*}}) = (0) to (512) step (128)
// CHECK-NOT: scf.for %
// CHECK-COUNT-2: xfer.prefetch near
// CHECK: %[[V:.*]] = xfer.load %{{.*}} : vector<16xi32>
// CHECK: arith.shli %[[V]]
// CHECK: arith.andi %[[V]]
// CHECK: %[[PRODUCT:.*]] = arith.mulf %{{.*}} : vector<16xf32>
// CHECK: arith.addf %{{.*}}, %[[PRODUCT]] : vector<16xf32>
// CHECK-NOT: math.fma
// CHECK-COUNT-2: xfer.store {{.*}} : vector<16xi32>
// A token that dropped some: a loop over those it kept.
// CHECK: } else {
// CHECK: scf.for {{.*}} iter_args
// CHECK: xfer.load %[[WEIGHTS]][{{.*}}] {alignment = 4 : i64} : f32
// CHECK: %[[LOOPED:.*]] = arith.mulf %{{.*}} : vector<16xf32>
// CHECK: arith.addf %{{.*}}, %[[LOOPED]] : vector<16xf32>
// Narrower vectors, and of one row or two wider ones again.
// NARROW-LABEL: func.func @pull(
// NARROW: scf.forall ({{.*}}) = (0) to (512) step (64)
// NARROW: xfer.load {{.*}} : vector<8xi32>
// FEW-LABEL: func.func @pull(
// FEW: scf.forall ({{.*}}) = (0) to (512) step (128)
// FEW: xfer.load {{.*}} : vector<16xi32>
// CHECK-LABEL: func.func @pull_streaming(
// CHECK-COUNT-2: xfer.store %{{.*}} {alignment = 64 : i64, streaming} : vector<16xi32>
// CHECK: xfer.fence
xfer.program @program combine(!experts, !routes) path(direct)
    attributes {row_stride = 512 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %pull = xfer.pull %plan on(core) kernel(@pull) streaming(@pull_streaming)
}

// -----

!experts = !faro.tokens<257xf16, #faro.layout<order = [expert, source]>>
!routes = !faro.routes<topk = 17, experts = 17>

// The padding of a row may be read, and is stored by neither form.
// CHECK-LABEL: func.func @odd(
// CHECK: scf.forall (%{{.*}}) in (1)
// CHECK: xfer.load %{{.*}} : vector<32xi16>
// CHECK: arith.extf %{{.*}} : vector<32xf16> to vector<32xf32>
// CHECK: arith.truncf %{{.*}} : vector<32xf32> to vector<32xf16>
// CHECK: vector.shuffle %{{.*}} [0] : vector<32xi16>, vector<32xi16>
// CHECK: xfer.store %{{.*}} : vector<1xi16>
// CHECK-NOT: xfer.store
// CHECK-LABEL: func.func @odd_streaming(
// CHECK-COUNT-2: xfer.store %{{.*}} {alignment = 64 : i64, streaming} : vector<32xi16>
// CHECK: xfer.store %{{.*}} : vector<1xi16>
// CHECK-NOT: xfer.store
xfer.program @program combine(!experts, !routes) path(direct)
    attributes {row_stride = 576 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %pull = xfer.pull %plan on(core) kernel(@odd) streaming(@odd_streaming)
}

// -----

!experts = !faro.tokens<7167xbf16, #faro.layout<order = [expert, source]>>
!routes = !faro.routes<topk = 17, experts = 17>

// Rows that begin anywhere in a line: tiles from the first whole line on. The first and the last of a row overlap their
// neighbours; with these they are stored plainly.
// CHECK-LABEL: func.func @anywhere(
// CHECK-LABEL: func.func @anywhere_streaming(
// CHECK: %[[OUT:.*]] = xfer.offset %arg0,
// CHECK: %[[START:.*]] = xfer.cast %[[OUT]] : !xfer.addr -> i64
// CHECK: %[[TO:.*]] = arith.subi %c0_i64, %[[START]]
// CHECK: %[[HEAD:.*]] = arith.andi %[[TO]], %c63_i64
// CHECK: %[[LEFT:.*]] = arith.subi %c14334_i64, %[[HEAD]]
// CHECK: %[[TILES:.*]] = arith.divui %[[LEFT]], %c128_i64
// CHECK: %[[LAST:.*]] = arith.addi %[[TILES]], %c1_i64
// CHECK: scf.forall
// CHECK: %[[FIRST:.*]] = arith.cmpi eq, %[[N:.*]], %c0_i64
// CHECK: %[[END:.*]] = arith.cmpi eq, %[[N]], %[[LAST]]
// CHECK: %[[INNER:.*]] = arith.addi %[[HEAD]],
// CHECK: arith.select %[[END]], %c14206_i64, %[[INNER]]
// CHECK: %[[HEADS:.*]] = arith.cmpi ule, %[[N]], %c1_i64
// CHECK: %[[BEFORE:.*]] = arith.addi %[[LAST]], %c-1_i64
// CHECK: %[[TAILS:.*]] = arith.cmpi uge, %[[N]], %[[BEFORE]]
// CHECK: %[[EDGE:.*]] = arith.ori %[[HEADS]], %[[TAILS]]
// CHECK: scf.if %[[EDGE]]
// CHECK-COUNT-2: xfer.store %{{.*}} : vector<16xi32>
// CHECK: } else {
// CHECK-COUNT-2: xfer.store %{{.*}} {alignment = 64 : i64, streaming} : vector<16xi32>
xfer.program @program combine(!experts, !routes) path(direct)
    attributes {row_stride = 14336 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %pull = xfer.pull %plan on(core) kernel(@anywhere) streaming(@anywhere_streaming)
}

// -----

!experts = !faro.tokens<7168xbf16, #faro.layout<order = [expert, source]>>
!routes = !faro.routes<topk = 17, experts = 17>

// More rows than registers: the loop alone. Far is the next token's row at the same place, near a kilobyte ahead within the
// row; for its last kilobyte, the start of the next token's.
// CHECK-LABEL: func.func @long(
// CHECK-NOT: scf.if
// CHECK: scf.forall (%{{.*}}) = (0) to (14336) step (128)
// CHECK: %[[AHEAD:.*]] = arith.addi %[[AT:.*]], %c1024_i64
// CHECK: %[[BEHIND:.*]] = arith.cmpi uge, %[[AHEAD]], %c14336_i64
// CHECK: %[[WRAPPED:.*]] = arith.addi %[[AHEAD]], %c-14336_i64
// CHECK: %[[NEAR:.*]] = arith.select %[[BEHIND]], %[[WRAPPED]], %[[AHEAD]]
// CHECK: xfer.prefetch far %[[NEXT:.*]][%[[AT]]]
// CHECK: %[[WHICH:.*]] = arith.select %[[BEHIND]], %[[NEXT]], %[[ROW:.*]] : !xfer.addr
// CHECK: xfer.prefetch near %[[WHICH]][%[[NEAR]]]
// CHECK: xfer.load %[[ROW]][
xfer.program @program combine(!experts, !routes) path(direct)
    attributes {row_stride = 14336 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %pull = xfer.pull %plan on(core) kernel(@long)
}

// -----

!experts = !faro.tokens<7168xbf16, #faro.layout<order = [expert, source]>>
!routes = !faro.routes<topk = 8, experts = 16>

// In each kilobyte, one line of each of the next token's rows.
// CHECK-LABEL: func.func @pages(
// CHECK: scf.forall (%[[AT:.*]]) = (0) to (14336) step (128)
// CHECK: %[[WITHIN:.*]] = arith.andi %{{.*}}, %c1023
// CHECK: %[[FIRST:.*]] = arith.cmpi ult, %[[WITHIN]], %c128
// CHECK: scf.if %[[FIRST]] {
// CHECK-COUNT-8: xfer.prefetch page
// CHECK-NOT: xfer.prefetch
// CHECK: }
// CHECK: arith.addi %{{.*}}, %c1024_i64
xfer.program @program combine(!experts, !routes) path(direct)
    attributes {row_stride = 14336 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %pull = xfer.pull %plan on(core) kernel(@pages)
}

// -----

!experts = !faro.tokens<7168xbf16, #faro.layout<order = [expert, source]>>
!routes = !faro.routes<topk = 9, experts = 16>

// More rows than that hide each other's pages.
// CHECK-LABEL: func.func @many(
// CHECK: scf.forall (%{{.*}}) = (0) to (14336) step (128)
// CHECK-NOT: arith.cmpi ult
// CHECK-NOT: xfer.prefetch page
// CHECK: xfer.prefetch near
xfer.program @program combine(!experts, !routes) path(direct)
    attributes {row_stride = 14336 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %pull = xfer.pull %plan on(core) kernel(@many)
}

// -----

!experts = !faro.tokens<256xbf16, #faro.layout<order = [expert, source]>>
!routes = !faro.routes<topk = 2, experts = 4>

// Partial sums of another element. Items to a share: even and odd columns are put in order, and stored as f32. How many
// items lie on one node differs from token to token, so there is the loop alone.
// CHECK-LABEL: func.func @share(
// CHECK-NOT: scf.if
// CHECK: scf.forall (%{{.*}}) = (0) to (512) step (128)
// CHECK: xfer.load %{{.*}} : vector<16xi32>
// CHECK: arith.shli
// CHECK: vector.shuffle %{{.*}} [0, 16, 1, 17, {{.*}}] : vector<16xf32>, vector<16xf32>
// CHECK-COUNT-4: xfer.store %{{.*}} : vector<16xi32>
// CHECK-NOT: xfer.store
// What lands are rows of f32.
// CHECK-LABEL: func.func @land(
// CHECK: scf.forall (%{{.*}}) = (0) to (1024) step (512)
// Shares to the result.
// CHECK-LABEL: func.func @add(
// CHECK: scf.forall (%{{.*}}) = (0) to (1024) step (128)
// CHECK: xfer.load %{{.*}} : vector<32xi32>
// CHECK: arith.addf %{{.*}} : vector<32xf32>
// CHECK: vector.shuffle %{{.*}} [0, 2, 4, {{.*}}] : vector<32xf32>, vector<32xf32>
// CHECK: vector.shuffle %{{.*}} [1, 3, 5, {{.*}}] : vector<32xf32>, vector<32xf32>
// CHECK-COUNT-1: xfer.store %{{.*}} : vector<16xi32>
// CHECK-NOT: xfer.store
// CHECK-LABEL: func.func @add_streaming(
// CHECK: xfer.store %{{.*}} {alignment = 64 : i64, streaming} : vector<16xi32>
// CHECK: xfer.fence
xfer.program @program combine(!experts, !routes) path(hierarchical) partial(f32)
    attributes {row_stride = 512 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %tx = xfer.ring "tx" slots(8) bytes(65536) : !xfer.ring
  %rx = xfer.ring "rx" slots(8) bytes(65536) : !xfer.ring
  %part = xfer.reduce %plan into(%tx) acquires(%tx) on(core) kernel(@share)
  %land = xfer.fan_out %plan from(%rx) releases(%rx) on(core) kernel(@land)
  %sum = xfer.pull %plan on(core) kernel(@add) streaming(@add_streaming) share(@share)
}
