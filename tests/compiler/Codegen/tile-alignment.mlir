// Tiles begin where the last one ends, so no access promises more than a tile has, however rows are aligned.
// RUN: faro-opt %s -xfer-emit-kernels="tile=16 vector=16 row-alignment=64" | FileCheck %s
// RUN: faro-opt %s -xfer-emit-kernels="tile=32 vector=16 row-alignment=64" | FileCheck %s --check-prefix=LARGER

!experts = !faro.tokens<256xbf16, #faro.layout<order = [expert, source]>>
!narrow = !faro.tokens<240xbf16, #faro.layout<order = [expert, source]>>
!routes = !faro.routes<topk = 2, experts = 4>

// CHECK-LABEL: func.func @push(
// CHECK: scf.forall (%{{.*}}) = (0) to (512) step (16)
// CHECK: xfer.load %{{.*}} {alignment = 16 : i64} : vector<4xi32>
// CHECK: xfer.store %{{.*}} {alignment = 16 : i64} : vector<4xi32>
// LARGER-LABEL: func.func @push(
// LARGER: xfer.load %{{.*}} {alignment = 32 : i64} : vector<4xi32>
// LARGER: xfer.load %{{.*}} {alignment = 16 : i64} : vector<4xi32>
xfer.program @dispatch dispatch(!experts, !routes) path(direct)
    attributes {row_stride = 512 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %push = xfer.push %plan on(core) kernel(@push)
}

// Rows of no whole lines.
// CHECK-LABEL: func.func @narrow_push(
// CHECK: xfer.load %{{.*}} {alignment = 16 : i64} : vector<4xi32>
// CHECK: xfer.store %{{.*}} {alignment = 16 : i64} : vector<4xi32>
xfer.program @narrow dispatch(!narrow, !routes) path(direct)
    attributes {row_stride = 480 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %push = xfer.push %plan on(core) kernel(@narrow_push)
}

// CHECK-LABEL: func.func @pull(
// CHECK: scf.forall (%{{.*}}) = (0) to (512) step (16)
// CHECK: xfer.load %{{.*}} {alignment = 16 : i64} : vector<4xi32>
// CHECK: xfer.store %{{.*}} {alignment = 16 : i64} : vector<4xi32>
xfer.program @combine combine(!experts, !routes) path(direct)
    attributes {row_stride = 512 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %pull = xfer.pull %plan on(core) kernel(@pull)
}
// CHECK-NOT: alignment = {{32|64}}
