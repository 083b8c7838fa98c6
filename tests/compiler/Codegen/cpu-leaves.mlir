// RUN: faro-opt %s -scf-forall-to-for -convert-scf-to-cf -xfer-kernels-to-llvm="far=true page=true" | FileCheck %s
// RUN: faro-opt %s -scf-forall-to-for -convert-scf-to-cf -xfer-kernels-to-llvm="near=false in-order=false" | FileCheck %s --check-prefix=NONE

// CHECK-LABEL: llvm.func @leaves
// CHECK-SAME: (%[[A:.*]]: !llvm.ptr, %[[N:.*]]: i64)
// CHECK-NOT: xfer.kernel
func.func @leaves(%a: !xfer.addr, %n: i64) attributes {xfer.kernel} {
  // CHECK: %[[P:.*]] = llvm.getelementptr %[[A]][%[[N]]] : (!llvm.ptr, i64) -> !llvm.ptr, i8
  // CHECK: %[[V:.*]] = llvm.load %[[P]] {alignment = 1 : i64} : !llvm.ptr -> vector<16xi32>
  %v = xfer.load %a[%n] : vector<16xi32>
  // CHECK: llvm.inttoptr %[[N]] : i64 to !llvm.ptr
  %b = xfer.cast %n : i64 -> !xfer.addr
  // CHECK: llvm.store %[[V]], %{{.*}} {alignment = 64 : i64, nontemporal} : vector<16xi32>, !llvm.ptr
  xfer.store %v, %b[%n] {alignment = 64 : i64, streaming} : vector<16xi32>
  // CHECK: llvm.store %[[V]], %{{.*}} {alignment = 64 : i64} : vector<16xi32>, !llvm.ptr
  xfer.store %v, %b[%n] {alignment = 64 : i64} : vector<16xi32>
  // Into the first cache, or the second, for reading; a target leaves out what it does not gain by.
  // CHECK: "llvm.intr.prefetch"(%{{.*}}) <{cache = 1 : i32, hint = 3 : i32, rw = 0 : i32}>
  // NONE-NOT: llvm.intr.prefetch
  xfer.prefetch near %b[%n]
  // CHECK: "llvm.intr.prefetch"(%{{.*}}) <{cache = 1 : i32, hint = 2 : i32, rw = 0 : i32}>
  xfer.prefetch far %b[%n]
  // CHECK: "llvm.intr.prefetch"(%{{.*}}) <{cache = 1 : i32, hint = 3 : i32, rw = 0 : i32}>
  xfer.prefetch page %b[%n]
  // CHECK: "llvm.intr.prefetch"(%{{.*}}) <{cache = 1 : i32, hint = 3 : i32, rw = 0 : i32}>
  xfer.prefetch in_order %b[%n]
  // CHECK: llvm.call_intrinsic "llvm.x86.sse.sfence"()
  xfer.fence
  return
}
