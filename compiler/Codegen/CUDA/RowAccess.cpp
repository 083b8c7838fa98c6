// NVPTX drops the hints that LLVM has for this (nontemporal), so they are written as PTX:
//
//   ld.global.nc.L1::no_allocate   a row is read once, by one thread: in the cache it would only push out offsets and
//                                  addresses. `nc`, the read-only path, where nobody writes the memory while the kernel
//                                  runs, as the kernel's argument says (llvm.readonly)
//   ld.global.L1::no_allocate      the same for rows whose addresses come from memory
//   st.global.L1::no_allocate      what is stored is read by others
#include "compiler/Codegen/CUDA/RowAccess.h"

#include "compiler/Codegen/CPU/LeafToLLVM.h"
#include "compiler/Codegen/CUDA/BulkCopies.h"
#include "dialect/Xfer/XferDialect.h"

#include "mlir/Conversion/LLVMCommon/Pattern.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

namespace faro::compiler {
namespace {

using namespace mlir;

/// How a value is loaded or stored: so many accesses, of so many 32-bit words each. None when that is not possible.
struct Accesses {
  int64_t count = 0, words = 0;
};

Accesses accessesOf(Type type, int64_t alignment, int64_t widest) {
  auto vector = dyn_cast<VectorType>(type);
  if (!vector || vector.getRank() != 1 || vector.getElementTypeBitWidth() != 32)
    return {};
  for (int64_t words = widest / 4; words >= 4; words /= 2)
    if (alignment >= 4 * words && vector.getNumElements() % words == 0)
      return {vector.getNumElements() / words, words};
  return {};
}

/// "{$first, $first + 1, ...}"
std::string operandList(int64_t first, int64_t words) {
  std::string list;
  for (int64_t i = first; i < first + words; ++i)
    list += (i == first ? "{$" : ", $") + std::to_string(i);
  return list + "}";
}

/// "what,what,..."
std::string repeated(StringRef what, int64_t times) {
  std::string text;
  for (int64_t i = 0; i < times; ++i)
    text += (i ? "," : "") + what.str();
  return text;
}

constexpr StringLiteral ReadOnly = "read_only";

bool isReadOnly(Value address) {
  while (auto offset = address.getDefiningOp<xfer::OffsetOp>())
    address = offset.getBase();
  auto argument = dyn_cast<BlockArgument>(address);
  auto function = argument ? dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp()) : nullptr;
  return function && function.getArgAttr(argument.getArgNumber(), LLVM::LLVMDialect::getReadonlyAttrName());
}

Value number(ConversionPatternRewriter &rewriter, Location loc, int64_t value) {
  return LLVM::ConstantOp::create(rewriter, loc, rewriter.getI32IntegerAttr(int32_t(value)));
}

struct RowLoad : ConvertOpToLLVMPattern<xfer::LoadOp> {
  RowLoad(const LLVMTypeConverter &converter, int64_t widest)
      : ConvertOpToLLVMPattern(converter, /*benefit=*/2), widest(widest) {}
  LogicalResult matchAndRewrite(xfer::LoadOp op, OpAdaptor adaptor, ConversionPatternRewriter &rewriter) const final {
    const auto [accesses, each] = accessesOf(op.getType(), op.getAlignment(), widest);
    if (accesses == 0)
      return failure();
    const Location loc = op.getLoc();
    const bool readOnly = op->hasAttr(ReadOnly);
    Type i32 = rewriter.getI32Type();
    Type several = LLVM::LLVMStructType::getLiteral(getContext(), SmallVector<Type>(each, i32));
    Type words = VectorType::get(accesses * each, i32);
    Value address = addressOf(rewriter, loc, adaptor.getBase(), adaptor.getOffset());
    Value vector = LLVM::PoisonOp::create(rewriter, loc, words);
    for (int64_t access = 0; access < accesses; ++access) {
      // With side effects where memory may change between two loads: fences must not be passed.
      auto loaded = ptx(rewriter, loc, several, address,
                        Twine("ld.global") + (readOnly ? ".nc" : "") + ".L1::no_allocate.v" + Twine(each) + ".b32 " +
                            operandList(0, each) + ", [$" + Twine(each) + " + " + Twine(access * 4 * each) + "];",
                        repeated("=r", each) + ",l", /*hasSideEffects=*/!readOnly);
      for (int64_t i = 0; i < each; ++i) {
        Value word = LLVM::ExtractValueOp::create(rewriter, loc, loaded.getResult(0), i);
        vector = LLVM::InsertElementOp::create(rewriter, loc, vector, word, number(rewriter, loc, access * each + i));
      }
    }
    rewriter.replaceOp(op,
                       words == op.getType() ? vector : LLVM::BitcastOp::create(rewriter, loc, op.getType(), vector));
    return success();
  }
  const int64_t widest;
};

struct RowStore : ConvertOpToLLVMPattern<xfer::StoreOp> {
  RowStore(const LLVMTypeConverter &converter, int64_t widest)
      : ConvertOpToLLVMPattern(converter, /*benefit=*/2), widest(widest) {}
  LogicalResult matchAndRewrite(xfer::StoreOp op, OpAdaptor adaptor, ConversionPatternRewriter &rewriter) const final {
    const auto [accesses, each] = accessesOf(op.getValue().getType(), op.getAlignment(), widest);
    if (accesses == 0)
      return failure();
    const Location loc = op.getLoc();
    Type words = VectorType::get(accesses * each, rewriter.getI32Type());
    Value vector = adaptor.getValue();
    if (vector.getType() != words)
      vector = LLVM::BitcastOp::create(rewriter, loc, words, vector);
    Value address = addressOf(rewriter, loc, adaptor.getBase(), adaptor.getOffset());
    for (int64_t access = 0; access < accesses; ++access) {
      SmallVector<Value> operands{address};
      for (int64_t i = 0; i < each; ++i)
        operands.push_back(
            LLVM::ExtractElementOp::create(rewriter, loc, vector, number(rewriter, loc, access * each + i)));
      ptx(rewriter, loc, TypeRange(), operands,
          "st.global.L1::no_allocate.v" + Twine(each) + ".b32 [$0 + " + Twine(access * 4 * each) + "], " +
              operandList(1, each) + ";",
          "l," + repeated("r", each) + ",~{memory}", /*hasSideEffects=*/true);
    }
    rewriter.eraseOp(op);
    return success();
  }
  const int64_t widest;
};

} // namespace

void markReadOnlyLoads(ModuleOp kernels) {
  kernels.walk([](xfer::LoadOp load) {
    if (isReadOnly(load.getBase()))
      load->setAttr(ReadOnly, UnitAttr::get(load.getContext()));
  });
}

void populateRowAccess(LLVMTypeConverter &converter, RewritePatternSet &patterns, int64_t accessBytes) {
  patterns.add<RowLoad, RowStore>(converter, accessBytes);
}

} // namespace faro::compiler
