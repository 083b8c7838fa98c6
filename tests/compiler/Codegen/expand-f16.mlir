// RUN: faro-opt %s -xfer-expand-f16 | FileCheck %s

// Without F16C no conversion may be left: LLVM would call a library. That the numbers are right is tested by running
// them on all values (EveryValueTest).
// CHECK-LABEL: func.func @f16
// CHECK-NOT: arith.extf
// CHECK-NOT: arith.truncf
// CHECK: return
func.func @f16(%v: vector<8xf16>, %s: f16) -> (vector<8xf16>, f16) {
  %a = arith.extf %v : vector<8xf16> to vector<8xf32>
  %b = arith.truncf %a : vector<8xf32> to vector<8xf16>
  %c = arith.extf %s : f16 to f32
  %d = arith.truncf %c : f32 to f16
  return %b, %d : vector<8xf16>, f16
}

// Other types are not ours.
// CHECK-LABEL: func.func @others
// CHECK: arith.extf %{{.*}} : f32 to f64
func.func @others(%a: f32) -> f64 {
  %b = arith.extf %a : f32 to f64
  return %b : f64
}
