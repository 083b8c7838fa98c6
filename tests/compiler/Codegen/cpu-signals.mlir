// RUN: faro-opt %s -scf-forall-to-for -convert-scf-to-cf -xfer-kernels-to-llvm | FileCheck %s

// CHECK-LABEL: llvm.func @signals
func.func @signals(%a: !xfer.addr, %n: i64) attributes {xfer.kernel} {
  // Of the whole system.
  // CHECK: llvm.store %{{.*}}, %{{.*}} atomic release {alignment = 8 : i64} : i64, !llvm.ptr
  xfer.signal %n, %a[%n]
  // CHECK: llvm.call_intrinsic "llvm.x86.sse2.pause"()
  // CHECK: llvm.load %{{.*}} atomic acquire {alignment = 8 : i64} : !llvm.ptr -> i64
  %m = xfer.poll %a[%n]
  // CHECK: llvm.call_intrinsic "llvm.readcyclecounter"()
  %now = xfer.clock
  return
}

// A block is one thread: it leads, and agrees with itself.
// CHECK-LABEL: llvm.func @block(
// CHECK-SAME: %[[A:.*]]: !llvm.ptr, %[[ONE:.*]]: i1)
func.func @block(%a: !xfer.addr, %one: i1) attributes {xfer.kernel} {
  // CHECK: llvm.call_intrinsic "llvm.x86.sse2.pause"()
  xfer.rest
  // CHECK: %[[LEADS:.*]] = llvm.mlir.constant(true) : i1
  %leads = xfer.leader
  %any = xfer.agree %one
  // CHECK: llvm.cond_br %[[LEADS]]
  // CHECK: llvm.cond_br %[[ONE]]
  scf.if %leads {
    scf.if %any {
      %zero = arith.constant 0 : i64
      xfer.signal %zero, %a[%zero]
    }
  }
  return
}
