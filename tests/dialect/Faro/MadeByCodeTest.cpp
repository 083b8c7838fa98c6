// What no text can say, and code can: the constraints hold for types and attributes that are made by it, too.
#include "dialect/Faro/FaroDialect.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/Diagnostics.h"

#include <gtest/gtest.h>
#include <vector>

using namespace faro;

namespace {

class MadeByCode : public testing::Test {
protected:
  MadeByCode() {
    mlir::DialectRegistry registry;
    ir::registerFaroDialect(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
    context.getDiagEngine().registerHandler([this](mlir::Diagnostic &diagnostic) { said += diagnostic.str(); });
  }
  auto emit() {
    return [this] { return mlir::emitError(mlir::UnknownLoc::get(&context)); };
  }

  mlir::MLIRContext context;
  std::string said;
};

TEST_F(MadeByCode, LayoutL3) {
  EXPECT_TRUE(failed(ir::LayoutAttr::verify(emit(), llvm::ArrayRef<layout::Key>(), 2)));
  EXPECT_EQ(said, "expected a token-major layout to have align 1, found 2");
}

TEST_F(MadeByCode, TokensT1) {
  const auto layout = ir::LayoutAttr::getTokenMajor(&context);
  EXPECT_TRUE(failed(ir::TokensType::verify(emit(), llvm::ArrayRef<ir::Plane>(), layout)));
  EXPECT_EQ(said, "expected a row of at least one plane");
}

TEST_F(MadeByCode, RoutesR3) {
  const std::vector<int64_t> table{0, 1};
  EXPECT_TRUE(failed(ir::RoutesType::verify(emit(), 1, 2, layout::Placement::Kind::Block, table)));
  EXPECT_EQ(said, "expected a table only with a table placement");
}

} // namespace
