// The same kernels as for the CPU, with a tile of one 128-bit access a thread.
// RUN: faroc %faro_src/examples/02_deepseek_v3/moe.mlir --compile-to=kernels --target=cuda:sm_90 | FileCheck %s --check-prefix=GPU
// RUN: faroc %faro_src/examples/02_deepseek_v3/moe.mlir --compile-to=ptx --target=cuda:sm_90 | FileCheck %s --check-prefix=PTX
// RUN: faroc %faro_src/examples/02_deepseek_v3/moe.mlir --compile-to=ptx --target=cuda:sm_90 | FileCheck %s --check-prefix=TWICE

// GPU: gpu.module @kernels
// GPU: gpu.func @dispatch_push(%{{.*}}: !llvm.ptr<1> {llvm.noalias, llvm.readonly}, %{{.*}}: i64, {{.*}}) kernel
// GPU: gpu.block_id x
// GPU: gpu.thread_id x
// GPU-NOT: xfer.load
// GPU: gpu.return

// PTX: .target sm_90
// PTX-LABEL: .entry dispatch_push(
// PTX: ld.global.nc.v4.b32
// PTX: st.global.v4.b32
// PTX-LABEL: .entry dispatch_push_streaming(
// PTX: st.global.v4.b32
// PTX: fence.acq_rel.sys
// PTX-LABEL: .entry combine_pull(
// PTX-LABEL: .entry combine_pull_streaming(
// PTX-DAG: ld.global{{(\.nc)?}}.v4.b32
// PTX-DAG: mul.rn.f32
// PTX-DAG: add.rn.f32
// PTX-DAG: st.global.v4.b32

// The product is rounded before it is added.
// TWICE-NOT: fma.rn

// Sums of another type than the rows, and where they land.
// RUN: sed -e 's/faro.combine %%y, %%r/& partial(f32)/' %faro_src/examples/02_deepseek_v3/moe.mlir | faroc - --compile-to=ptx --target=cuda:sm_90 | FileCheck %s --check-prefix=PARTIAL
// PARTIAL-LABEL: .entry combine_share(
// PARTIAL: ld.global{{(\.nc)?}}.v4.b32
// PARTIAL: mul.rn.f32
// PARTIAL: add.rn.f32
// PARTIAL-LABEL: .entry combine_land(
// PARTIAL: st.global.v4.b32
// PARTIAL-LABEL: .entry combine_add(
// PARTIAL: ld.global{{(\.nc)?}}.v4.b32
// PARTIAL-LABEL: .entry combine_add_streaming(
// PARTIAL: st.global.v4.b32
