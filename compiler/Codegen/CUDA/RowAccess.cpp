// NVPTX drops the hints that LLVM has for this (nontemporal), so they are written as PTX:
//
//   ld.global.nc.L1::no_allocate   a row is read once, by one thread: in the cache it would only push out offsets and
//                                  addresses. `nc`, the read-only path, where nobody writes the memory while the kernel
//                                  runs, as the kernel's argument says (llvm.readonly)
//   ld.global.L1::no_allocate      the same for rows whose addresses come from memory
//   st.global.L1::no_allocate      what is stored past the cache is read by others
#include "compiler/Codegen/CUDA/RowAccess.h"

#include "compiler/Codegen/CPU/LeafToLLVM.h"
#include "dialect/Xfer/XferDialect.h"

#include "mlir/Conversion/LLVMCommon/Pattern.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

namespace faro::compiler {
namespace {

using namespace mlir;

/// Of one access: as wide as the oldest architecture has them.
constexpr int64_t Words = 4;

/// How many accesses load or store a value; 0 if that is not possible.
int64_t accessesOf(Type type, int64_t alignment) {
  auto vector = dyn_cast<VectorType>(type);
  if (!vector || vector.getRank() != 1 || vector.getElementTypeBitWidth() != 32 || alignment < 4 * Words)
    return 0;
  return vector.getNumElements() % Words == 0 ? vector.getNumElements() / Words : 0;
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

/// One instruction of PTX.
LLVM::InlineAsmOp ptx(ConversionPatternRewriter &rewriter, Location loc, TypeRange results, ValueRange operands,
                      const Twine &code, StringRef constraints, bool hasSideEffects) {
  return LLVM::InlineAsmOp::create(rewriter, loc, results, operands, code.str(), constraints, hasSideEffects,
                                   /*is_align_stack=*/false, LLVM::TailCallKind::None, LLVM::AsmDialectAttr(),
                                   ArrayAttr());
}

struct RowLoad : ConvertOpToLLVMPattern<xfer::LoadOp> {
  RowLoad(const LLVMTypeConverter &converter) : ConvertOpToLLVMPattern(converter, /*benefit=*/2) {}
  LogicalResult matchAndRewrite(xfer::LoadOp op, OpAdaptor adaptor, ConversionPatternRewriter &rewriter) const final {
    const int64_t accesses = accessesOf(op.getType(), op.getAlignment());
    if (accesses == 0)
      return failure();
    const Location loc = op.getLoc();
    const bool readOnly = op->hasAttr(ReadOnly);
    Type i32 = rewriter.getI32Type();
    Type four = LLVM::LLVMStructType::getLiteral(getContext(), SmallVector<Type>(Words, i32));
    Type words = VectorType::get(accesses * Words, i32);
    Value address = addressOf(rewriter, loc, adaptor.getBase(), adaptor.getOffset());
    Value vector = LLVM::PoisonOp::create(rewriter, loc, words);
    for (int64_t access = 0; access < accesses; ++access) {
      // With side effects where memory may change between two loads: fences must not be passed.
      auto loaded = ptx(rewriter, loc, four, address,
                        Twine("ld.global") + (readOnly ? ".nc" : "") +
                            ".L1::no_allocate.v4.b32 {$0, $1, $2, $3}, [$4 + " + Twine(access * 4 * Words) + "];",
                        "=r,=r,=r,=r,l", /*hasSideEffects=*/!readOnly);
      for (int64_t i = 0; i < Words; ++i) {
        Value word = LLVM::ExtractValueOp::create(rewriter, loc, loaded.getResult(0), i);
        vector = LLVM::InsertElementOp::create(rewriter, loc, vector, word, number(rewriter, loc, access * Words + i));
      }
    }
    rewriter.replaceOp(op,
                       words == op.getType() ? vector : LLVM::BitcastOp::create(rewriter, loc, op.getType(), vector));
    return success();
  }
};

struct RowStore : ConvertOpToLLVMPattern<xfer::StoreOp> {
  RowStore(const LLVMTypeConverter &converter) : ConvertOpToLLVMPattern(converter, /*benefit=*/2) {}
  LogicalResult matchAndRewrite(xfer::StoreOp op, OpAdaptor adaptor, ConversionPatternRewriter &rewriter) const final {
    const int64_t accesses = accessesOf(op.getValue().getType(), op.getAlignment());
    if (accesses == 0 || !op.getStreaming())
      return failure();
    const Location loc = op.getLoc();
    Type words = VectorType::get(accesses * Words, rewriter.getI32Type());
    Value vector = adaptor.getValue();
    if (vector.getType() != words)
      vector = LLVM::BitcastOp::create(rewriter, loc, words, vector);
    Value address = addressOf(rewriter, loc, adaptor.getBase(), adaptor.getOffset());
    for (int64_t access = 0; access < accesses; ++access) {
      SmallVector<Value> operands{address};
      for (int64_t i = 0; i < Words; ++i)
        operands.push_back(
            LLVM::ExtractElementOp::create(rewriter, loc, vector, number(rewriter, loc, access * Words + i)));
      ptx(rewriter, loc, TypeRange(), operands,
          "st.global.L1::no_allocate.v4.b32 [$0 + " + Twine(access * 4 * Words) + "], {$1, $2, $3, $4};",
          "l,r,r,r,r,~{memory}", /*hasSideEffects=*/true);
    }
    rewriter.eraseOp(op);
    return success();
  }
};

} // namespace

void markReadOnlyLoads(ModuleOp kernels) {
  kernels.walk([](xfer::LoadOp load) {
    if (isReadOnly(load.getBase()))
      load->setAttr(ReadOnly, UnitAttr::get(load.getContext()));
  });
}

void populateRowAccess(LLVMTypeConverter &converter, RewritePatternSet &patterns) {
  patterns.add<RowLoad, RowStore>(converter);
}

} // namespace faro::compiler
