// Sums are the same whatever arithmetic the thread that asks for them has set for itself, and it keeps what it has set.
#include "tests/differential/SmallJob.h"

#include <bit>
#include <cfenv>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

using namespace faro;
using namespace faro::differential;

namespace {

/// Rounds upwards, and takes subnormals for zero where the processor can, as torch.set_flush_denormal does.
class OtherArithmetic {
public:
  OtherArithmetic() {
    std::fegetenv(&before);
    std::fesetround(FE_UPWARD);
#if defined(__x86_64__)
    _mm_setcsr(_mm_getcsr() | FlushBits);
#endif
  }
  ~OtherArithmetic() { std::fesetenv(&before); }
  bool isThere() const {
#if defined(__x86_64__)
    if ((_mm_getcsr() & FlushBits) != FlushBits)
      return false;
#endif
    return std::fegetround() == FE_UPWARD;
  }

private:
  static constexpr unsigned FlushBits = 0x8040; // to zero, of results and of operands
  std::fenv_t before;
};

class Arithmetic : public SmallJob {};
INSTANTIATE_TEST_SUITE_P(, Arithmetic, testing::Values(1, 2), nodesName);

} // namespace

TEST_P(Arithmetic, ofTheThreadIsNotThatOfSums) {
  // Times 1 and 2^-25: to nearest, the second product is lost in the sum.
  std::vector<float> rows(Tokens * Columns), factors;
  for (uint32_t i = 0; i < rows.size(); ++i)
    rows[i] = i % 2 ? 1.0f : 0x1p-140f;
  for (uint32_t t = 0; t < Tokens; ++t)
    factors.insert(factors.end(), {1.0f, 0x1p-25f});
  expectAllOk(runPlanned(1, [&](uint32_t, Session &session, const Plans &plans) -> Status {
    std::vector<float> out(rows.size());
    auto received = session.dispatch(plans[0], {rows.data(), Tokens, Columns * sizeof(float)});
    if (!received)
      return received.status();
    const OtherArithmetic arithmetic;
    const Rows &y = received->rows;
    const Status status = session.combine(*combine, plans[0], {y.data, y.rows, y.stride}, factors.data(),
                                          {out.data(), Tokens, Columns * sizeof(float)});
    EXPECT_TRUE(arithmetic.isThere());
    for (uint32_t i = 0; i < out.size(); ++i)
      EXPECT_EQ(std::bit_cast<uint32_t>(out[i]), std::bit_cast<uint32_t>(rows[i])) << i;
    return status;
  }));
}
