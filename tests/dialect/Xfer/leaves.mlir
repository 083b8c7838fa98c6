// Leaf operations print as they were read, from the pretty and from the generic form.
// RUN: faro-opt %s | faro-opt | FileCheck %s
// RUN: faro-opt --mlir-print-op-generic %s | faro-opt | FileCheck %s

module @kernels {
  // CHECK: func.func @kernel(%arg0: !xfer.addr, %arg1: i64, %arg2: index, %arg3: f32) attributes {xfer.kernel}
  func.func @kernel(%a: !xfer.addr, %off: i64, %i: index, %w: f32) attributes {xfer.kernel} {
    // CHECK: %[[BITS:.*]] = xfer.cast %arg0 : !xfer.addr -> i64
    %bits = xfer.cast %a : !xfer.addr -> i64
    // CHECK: %[[SUM:.*]] = arith.addi
    %sum = arith.addi %bits, %off : i64
    // CHECK: %[[B:.*]] = xfer.cast %[[SUM]] : i64 -> !xfer.addr
    %b = xfer.cast %sum : i64 -> !xfer.addr
    // CHECK: %[[C:.*]] = xfer.offset %[[B]], %arg1 : !xfer.addr
    %c = xfer.offset %b, %off : !xfer.addr
    // CHECK: %[[V:.*]] = xfer.load %[[C]][%arg1] {alignment = 64 : i64} : vector<16xi32>
    %v = xfer.load %c[%off] {alignment = 64} : vector<16xi32>
    // CHECK: %[[S:.*]] = xfer.load %[[C]][%arg1] : i32
    %s = xfer.load %c[%off] : i32
    // CHECK: xfer.prefetch near %[[C]][%arg1]
    xfer.prefetch near %c[%off]
    // CHECK: xfer.prefetch far %[[C]][%arg1]
    xfer.prefetch far %c[%off]
    // CHECK: xfer.prefetch page %[[C]][%arg1]
    xfer.prefetch page %c[%off]
    // CHECK: xfer.store %[[V]], %arg0[%arg1] {alignment = 64 : i64, streaming} : vector<16xi32>
    xfer.store %v, %a[%off] {alignment = 64, streaming} : vector<16xi32>
    // CHECK: xfer.store %[[S]], %arg0[%arg1] {alignment = 4 : i64} : i32
    xfer.store %s, %a[%off] {alignment = 4} : i32
    // CHECK: xfer.store %arg3, %arg0[%arg1] : f32
    xfer.store %w, %a[%off] {alignment = 1} : f32
    // CHECK: xfer.fence
    xfer.fence
    // CHECK: %[[ID:.*]], %{{.*}} = xfer.block
    %id, %count = xfer.block
    // CHECK: %[[SLOTS:.*]] = xfer.staging_memory : !xfer.staging<2 of 48 in 64>
    %slots = xfer.staging_memory : !xfer.staging<2 of 48 in 64>
    // CHECK: xfer.bulk_load %[[SLOTS]][%[[ID]]], %arg0 : !xfer.staging<2 of 48 in 64>
    xfer.bulk_load %slots[%id], %a : !xfer.staging<2 of 48 in 64>
    // CHECK: xfer.bulk_await %[[SLOTS]][%[[ID]]] phase(%arg1) : !xfer.staging<2 of 48 in 64>
    xfer.bulk_await %slots[%id] phase(%off) : !xfer.staging<2 of 48 in 64>
    // CHECK: xfer.bulk_store %[[SLOTS]][%[[ID]]], %[[C]] : !xfer.staging<2 of 48 in 64>
    xfer.bulk_store %slots[%id], %c : !xfer.staging<2 of 48 in 64>
    // CHECK: xfer.bulk_commit
    xfer.bulk_commit
    // CHECK: xfer.bulk_drain left(1)
    xfer.bulk_drain left(1)
    // CHECK: xfer.bulk_drain left(0) written
    xfer.bulk_drain left(0) written
    return
  }
}
