// A resident push: launched once, it does pushes as they are asked for. The host posts them into a queue in memory that
// both reach, and sees by a word a block when they are done.
//
//   for this block                                        id, id + count, ...
//     n = pushes that it has done
//     until it is to leave, or has waited for long
//       the leader: until queue.posted > n; the others wait for it
//       push n: for each row t = begin + id, in steps of count: as in any other push
//       when all threads are done: state.done = n + 1
//     state.left = launch
//
// Blocks do not wait for each other: one may be a push ahead, and each may leave by itself. What is posted to a block
// that has left is done by the next launch. Nothing that it reads is known not to change while it runs.
#include "compiler/Codegen/EmitKernel.h"
#include "compiler/Codegen/KernelBuilder.h"

#include <cstddef>

namespace faro::compiler {
namespace {

using namespace mlir;

class ResidentPush {
public:
  ResidentPush(KernelBuilder &kernel, const KernelShape &shape, const EmitKernelsOptions &options, ValueRange arguments)
      : kernel(kernel), builder(kernel.builder), loc(kernel.loc), shape(shape), options(options), queue(arguments[0]),
        launch(arguments[2]), linger(arguments[3]) {
    auto block = xfer::BlockOp::create(builder, loc);
    id = block.getId();
    count = block.getCount();
    state = kernel.offset(arguments[1], kernel.mul(id, sizeof(faro_abi_block_state)));
    leads = xfer::LeaderOp::create(builder, loc);
  }

  void emit() {
    Value done = kernel.load(state, doneAt(), kernel.i(64), 8);
    scf::WhileOp::create(
        builder, loc, TypeRange{kernel.i(64)}, ValueRange{done},
        [&](OpBuilder &, Location, ValueRange n) { scf::ConditionOp::create(builder, loc, awaitPush(n[0]), n); },
        [&](OpBuilder &, Location, ValueRange n) {
          push(n[0]);
          Value next = kernel.add(n[0], 1);
          tell(next, doneAt());
          scf::YieldOp::create(builder, loc, next);
        });
    tell(launch, kernel.constant(offsetof(faro_abi_block_state, left)));
  }

private:
  Value doneAt() { return kernel.constant(offsetof(faro_abi_block_state, done)); }
  Value compare(arith::CmpIPredicate predicate, Value a, Value b) {
    return arith::CmpIOp::create(builder, loc, predicate, a, b);
  }
  Value poll(int64_t offset) { return xfer::PollOp::create(builder, loc, queue, kernel.constant(offset)); }

  /// Whether push n is posted; false when the block is to leave. The same for all its threads.
  Value awaitPush(Value n) {
    using Predicate = arith::CmpIPredicate;
    auto seen = scf::IfOp::create(
        builder, loc, leads,
        [&](OpBuilder &, Location) {
          Value begin = xfer::ClockOp::create(builder, loc);
          auto wait = scf::WhileOp::create(
              builder, loc, TypeRange{kernel.i(64)}, ValueRange(),
              [&](OpBuilder &, Location, ValueRange) {
                // In this order: what was posted before it was told to leave it does.
                Value stays = compare(Predicate::ult, poll(offsetof(faro_abi_push_queue, leave)), launch);
                Value posted = poll(offsetof(faro_abi_push_queue, posted));
                Value waited = arith::SubIOp::create(builder, loc, xfer::ClockOp::create(builder, loc), begin);
                Value patient = compare(Predicate::ult, waited, linger);
                Value missing = compare(Predicate::ule, posted, n);
                Value waits =
                    arith::AndIOp::create(builder, loc, missing, arith::AndIOp::create(builder, loc, stays, patient));
                scf::ConditionOp::create(builder, loc, waits, posted);
              },
              [&](OpBuilder &, Location, ValueRange) {
                xfer::RestOp::create(builder, loc);
                scf::YieldOp::create(builder, loc);
              });
          scf::YieldOp::create(builder, loc, compare(Predicate::ugt, wait.getResult(0), n));
        },
        [&](OpBuilder &, Location) { scf::YieldOp::create(builder, loc, kernel.zero(kernel.i(1))); });
    return xfer::AgreeOp::create(builder, loc, seen.getResult(0));
  }

  void push(Value n) {
    Value number = arith::AndIOp::create(builder, loc, n, kernel.constant(FARO_ABI_QUEUE_ENTRIES - 1));
    Value at = kernel.add(kernel.mul(number, sizeof(faro_abi_queue_entry)), offsetof(faro_abi_push_queue, entries));
    Value entry = kernel.offset(queue, at);
    const auto word = [&](size_t offset) {
      return kernel.load(entry, kernel.constant(int64_t(offset)), kernel.i(64), 8);
    };
    const auto address = [&](size_t offset) -> Value {
      return xfer::CastOp::create(builder, loc, queue.getType(), word(offset));
    };
    const PushArguments arguments{
        address(offsetof(faro_abi_queue_entry, source)),  word(offsetof(faro_abi_queue_entry, source_stride)),
        address(offsetof(faro_abi_queue_entry, offsets)), address(offsetof(faro_abi_queue_entry, destinations)),
        word(offsetof(faro_abi_queue_entry, begin)),      word(offsetof(faro_abi_queue_entry, end))};
    scf::ForOp::create(builder, loc, kernel.add(arguments.begin, id), arguments.end, count, ValueRange(),
                       [&](OpBuilder &, Location, Value token, ValueRange) {
                         emitPushToken(kernel, shape, options, arguments, token);
                         scf::YieldOp::create(builder, loc);
                       });
  }

  /// Once all threads of the block are here.
  void tell(Value value, Value at) {
    xfer::AgreeOp::create(builder, loc, leads);
    scf::IfOp::create(builder, loc, leads, [&](OpBuilder &, Location) {
      xfer::FenceOp::create(builder, loc);
      xfer::SignalOp::create(builder, loc, value, state, at);
      scf::YieldOp::create(builder, loc);
    });
  }

  KernelBuilder &kernel;
  OpBuilder &builder;
  const Location loc;
  const KernelShape &shape;
  const EmitKernelsOptions &options;
  Value queue, launch, linger, id, count, state, leads;
};

} // namespace

func::FuncOp emitResidentPush(OpBuilder &builder, Location loc, llvm::StringRef name, const KernelShape &shape,
                              const EmitKernelsOptions &options) {
  OpBuilder::InsertionGuard guard(builder);
  auto function = func::FuncOp::create(builder, loc, name, residentType(builder.getContext()));
  builder.setInsertionPointToStart(function.addEntryBlock());
  KernelBuilder kernel(builder, function);
  ResidentPush(kernel, shape, options, function.getArguments()).emit();
  func::ReturnOp::create(builder, loc);
  return function;
}

} // namespace faro::compiler
