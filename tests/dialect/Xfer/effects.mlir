// What the clean-up passes may do to leaf operations, and what not.
// RUN: faro-opt --cse --canonicalize %s | FileCheck %s

// CHECK-LABEL: func @loads(
// CHECK: %[[FIRST:.*]] = xfer.load
// CHECK-NOT: xfer.load
// CHECK: xfer.store %[[FIRST]]
// CHECK: %[[AFTER:.*]] = xfer.load
// CHECK: return %[[FIRST]], %[[AFTER]]
func.func @loads(%a: !xfer.addr, %b: !xfer.addr, %o: i64) -> (i32, i32) {
  %unused = xfer.load %b[%o] : i32
  %x = xfer.load %a[%o] : i32
  %y = xfer.load %a[%o] : i32
  // %b may be %a: what is loaded after is not what was loaded before.
  xfer.store %y, %b[%o] : i32
  %z = xfer.load %a[%o] : i32
  return %x, %z : i32, i32
}

// CHECK-LABEL: func @kept(
// CHECK-NEXT: xfer.prefetch
// CHECK-NEXT: xfer.store
// CHECK-NEXT: xfer.fence
// CHECK-NEXT: xfer.store
// CHECK-NEXT: return
func.func @kept(%a: !xfer.addr, %o: i64, %v: i32) {
  xfer.prefetch near %a[%o]
  xfer.store %v, %a[%o] : i32
  xfer.fence
  xfer.store %v, %a[%o] : i32
  return
}

// CHECK-LABEL: func @folds(
// CHECK-SAME: %[[A:.*]]: !xfer.addr, %[[I:.*]]: i64
// CHECK-NEXT: return %[[A]], %[[I]], %[[A]]
func.func @folds(%a: !xfer.addr, %i: i64) -> (!xfer.addr, i64, !xfer.addr) {
  %zero = arith.constant 0 : i64
  %bits = xfer.cast %a : !xfer.addr -> i64
  %back = xfer.cast %bits : i64 -> !xfer.addr
  %addr = xfer.cast %i : i64 -> !xfer.addr
  %same = xfer.cast %addr : !xfer.addr -> i64
  %here = xfer.offset %a, %zero : !xfer.addr
  return %back, %same, %here : !xfer.addr, i64, !xfer.addr
}
