// The kernels that plan a batch on a device, beside those that move its rows.
// RUN: faroc %faro_src/examples/02_deepseek_v3/moe.mlir --compile-to=kernels --target=cuda:sm_90 | FileCheck %s --check-prefix=GPU
// RUN: faroc %faro_src/examples/02_deepseek_v3/moe.mlir --compile-to=ptx --target=cuda:sm_80 > %t.ptx
// RUN: FileCheck %s --check-prefix=PTX < %t.ptx
// RUN: FileCheck %s --check-prefix=WHOLE < %t.ptx

// GPU: gpu.func @dispatch_plan_count(%{{.*}}: !llvm.ptr<1> {llvm.noalias, llvm.readonly}, %{{.*}}: !llvm.ptr<1> {llvm.noalias, llvm.readonly}, %{{.*}}: !llvm.ptr<1>, %{{.*}}: i64) kernel
// GPU-NOT: xfer.
// GPU-DAG: gpu.func @dispatch_plan_weigh

// A choice is one read for all experts of a warp.
// PTX-LABEL: .entry dispatch_plan_count(
// PTX: ld.global.nc.b64
// PTX-LABEL: .entry dispatch_plan_scan(
// What was stored before a word is there for whoever has seen it, on any device: the scope is the system.
// PTX-LABEL: .entry dispatch_plan_meet(
// PTX: st.release.sys.global.b64
// PTX: mov.u64 {{.*}}, %globaltimer;
// PTX: [[LOOP:.*]]:
// PTX: ld.acquire.sys.global.b64
// PTX: mov.u64 {{.*}}, %globaltimer;
// PTX: bra [[LOOP]];
// PTX-LABEL: .entry dispatch_plan_offsets(
// PTX-LABEL: .entry dispatch_plan_place(
// PTX-LABEL: .entry dispatch_plan_pad(
// PTX: st.global.L1::no_allocate.v4.b32
// PTX-LABEL: .entry dispatch_plan_weigh(

// The same plan every time, and no memory of a thread or a block.
// WHOLE-NOT: atom.
// WHOLE-NOT: {{[^.]}}red.
// WHOLE-NOT: .local
// WHOLE-NOT: .shared

// Nothing plans for a CPU alone, on a device for another order, or where align leaves no padding to zero.
// RUN: faroc %faro_src/examples/02_deepseek_v3/moe.mlir --compile-to=kernels | FileCheck %s --check-prefix=CPU
// RUN: sed -e 's/expert, source, token/source, expert, token/' %faro_src/examples/02_deepseek_v3/moe.mlir | faroc - --compile-to=kernels --target=cuda:sm_90 | FileCheck %s --check-prefix=CPU
// RUN: sed -e 's/, align = 128//' %faro_src/examples/02_deepseek_v3/moe.mlir | faroc - --compile-to=kernels --target=cuda:sm_90 | FileCheck %s --check-prefix=PACKED
// CPU: @dispatch_push
// CPU-NOT: dispatch_plan
// PACKED: @dispatch_plan_place
// PACKED-NOT: @dispatch_plan_pad
// PACKED: @dispatch_plan_weigh
