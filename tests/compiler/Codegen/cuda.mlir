// The same kernels as for the CPU, with a tile of one 128-bit access a thread.
// RUN: faroc %faro_src/examples/02_deepseek_v3/moe.mlir --compile-to=kernels --target=cuda:sm_90 | FileCheck %s --check-prefix=GPU
// RUN: faroc %faro_src/examples/02_deepseek_v3/moe.mlir --compile-to=ptx --target=cuda:sm_90 | FileCheck %s --check-prefix=PTX
// RUN: faroc %faro_src/examples/02_deepseek_v3/moe.mlir --compile-to=ptx --target=cuda:sm_90 | FileCheck %s --check-prefix=TWICE

// RUN: faroc %faro_src/examples/02_deepseek_v3/moe.mlir --compile-to=ptx --target=cuda:sm_90 | FileCheck %s --check-prefix=WHOLE

// A kernel has one form: no thread's first cache keeps what it stores.
// GPU: gpu.module @kernels
// GPU: gpu.func @dispatch_push(%{{.*}}: !llvm.ptr<1> {llvm.noalias, llvm.readonly}, %{{.*}}: i64, {{.*}}) kernel
// GPU: gpu.block_id x
// GPU: gpu.thread_id x
// GPU-NOT: xfer.load
// GPU: gpu.return

// PTX: .target sm_90
// A row is read once, past the first cache, by 128 bits a thread; where nobody writes it meanwhile, by the read-only path.
// PTX-LABEL: .entry dispatch_push(
// PTX: ld.global.nc.L1::no_allocate.v4.b32
// PTX: st.global.L1::no_allocate.v4.b32
// PTX-LABEL: .entry combine_pull(
// PTX: ld.global.L1::no_allocate.v4.b32
// PTX: mul.rn.f32
// PTX: add.rn.f32
// PTX: st.global.L1::no_allocate.v4.b32

// Nothing is taken apart into bytes, and no thread has memory of its own.
// WHOLE-NOT: st.global.b8
// WHOLE-NOT: st.global.b16
// WHOLE-NOT: .local
// WHOLE-NOT: .entry {{.*}}_streaming

// Rows that are no multiple of 16 bytes lie where they lie: those of the user are read by elements.
// RUN: sed -e 's/7168xbf16/287xbf16/' %faro_src/examples/02_deepseek_v3/moe.mlir | faroc - --compile-to=ptx --target=cuda:sm_90 | FileCheck %s --check-prefix=ODD
// ODD-LABEL: .entry dispatch_push(
// ODD-NOT: ld.global.nc.L1::no_allocate
// ODD: ld.global.nc.b16
// ODD: st.global.L1::no_allocate.v4.b32
// ODD-LABEL: .entry combine_pull(
// ODD: ld.global.L1::no_allocate.v4.b32
// ODD: st.global.b16

// A thread has one access of each row, also where rows are few.
// RUN: sed -e 's/topk = 8/topk = 2/' %faro_src/examples/02_deepseek_v3/moe.mlir | faroc - --compile-to=ptx --target=cuda:sm_100 | FileCheck %s --check-prefix=FEW
// FEW-LABEL: .entry combine_pull(
// FEW-COUNT-2: ld.global.L1::no_allocate.v8.b32
// FEW-NOT: ld.global.L1::no_allocate.v8.b32
// FEW: st.global.L1::no_allocate.v8.b32

// The product is rounded before it is added.
// TWICE-NOT: fma.rn

// Sums of another type than the rows, and where they land.
// RUN: sed -e 's/faro.combine %%y, %%r/& partial(f32)/' %faro_src/examples/02_deepseek_v3/moe.mlir | faroc - --compile-to=ptx --target=cuda:sm_90 | FileCheck %s --check-prefix=PARTIAL
// PARTIAL-LABEL: .entry combine_share(
// PARTIAL: ld.global.L1::no_allocate.v4.b32
// PARTIAL: mul.rn.f32
// PARTIAL: add.rn.f32
// PARTIAL-LABEL: .entry combine_add(
// PARTIAL-DAG: ld.global.L1::no_allocate.v4.b32
// PARTIAL-DAG: st.global.L1::no_allocate.v4.b32
// PARTIAL-LABEL: .entry combine_land(
// PARTIAL: st.global.L1::no_allocate.v4.b32
