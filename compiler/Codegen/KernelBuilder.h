// Small words for writing kernels: integers, addresses and loops at one location.
#pragma once

#include "dialect/Xfer/XferDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/DenseMap.h"

#include <cstdint>
#include <functional>

namespace faro::compiler {

class KernelBuilder {
public:
  /// Writes the body of `function`, which is empty yet.
  KernelBuilder(mlir::OpBuilder &builder, mlir::func::FuncOp function)
      : builder(builder), loc(function.getLoc()), entry(&function.getBody().front()) {}

  mlir::OpBuilder &builder;
  mlir::Location loc;

  mlir::Type i(unsigned bits) { return builder.getIntegerType(bits); }
  mlir::VectorType vectorOf(int64_t lanes, mlir::Type element) { return mlir::VectorType::get(lanes, element); }

  /// One operation for each constant, at the function's start: kernels are there to be read, too.
  mlir::Value constant(mlir::TypedAttr value);
  mlir::Value constant(int64_t value) { return constant(builder.getI64IntegerAttr(value)); }
  mlir::Value zero(mlir::Type type) { return constant(builder.getZeroAttr(type)); }
  mlir::Value toIndex(mlir::Value value);
  mlir::Value fromIndex(mlir::Value value);
  mlir::Value add(mlir::Value a, mlir::Value b);
  mlir::Value add(mlir::Value a, int64_t b);
  mlir::Value mul(mlir::Value a, mlir::Value b);
  mlir::Value mul(mlir::Value a, int64_t b);

  /// Element `at` of an array of T, naturally aligned.
  mlir::Value element(mlir::Value array, mlir::Value at, mlir::Type type);
  /// The same of u32, as an i64.
  mlir::Value elementU32(mlir::Value array, mlir::Value at);
  /// The same of addresses.
  mlir::Value elementAddr(mlir::Value array, mlir::Value at);

  mlir::Value offset(mlir::Value addr, mlir::Value bytes) {
    return faro::xfer::OffsetOp::create(builder, loc, addr.getType(), addr, bytes);
  }
  mlir::Value load(mlir::Value addr, mlir::Value offset, mlir::Type type, int64_t alignment);
  void store(mlir::Value value, mlir::Value addr, mlir::Value offset, int64_t alignment, bool streaming);

  using Body = std::function<void(mlir::Value at)>;
  /// Independent iterations, spread over a device's blocks or over the threads of one block; in order on a CPU.
  void overBlocks(mlir::Value begin, mlir::Value end, const Body &body);
  void overThreads(int64_t end, int64_t step, const Body &body);
  void overThreads(mlir::Value end, const Body &body);
  /// Iterations in order.
  void loop(mlir::Value begin, mlir::Value end, const Body &body);
  /// Iterations in order that hand values on.
  using FoldBody = std::function<llvm::SmallVector<mlir::Value>(mlir::Value at, mlir::ValueRange values)>;
  mlir::ValueRange fold(mlir::Value begin, mlir::Value end, mlir::ValueRange init, const FoldBody &body);

private:
  void forall(mlir::OpFoldResult begin, mlir::OpFoldResult end, int64_t step, mlir::Attribute mapping,
              const Body &body);

  mlir::Block *entry;
  mlir::Operation *last = nullptr; ///< of the constants
  llvm::DenseMap<mlir::Attribute, mlir::Value> constants;
};

/// One load and store of a row's tile.
struct Piece {
  int64_t offset = 0;
  int64_t bytes = 0;
};

/// [begin, end) in whole vectors, and what is left in powers of two.
llvm::SmallVector<Piece> piecesOf(int64_t begin, int64_t end, int64_t vector);

/// The largest power of two, at most 64, that divides every given number. Zero is divided by all.
int64_t alignmentOf(std::initializer_list<int64_t> numbers);

} // namespace faro::compiler
