#include "tests/ptx/Arithmetic.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace faro::test::ptx {
namespace {

int64_t extended(uint64_t value, uint32_t bits) {
  return bits >= 64 ? int64_t(value) : int64_t(value << (64 - bits)) >> (64 - bits);
}
float asFloat(uint64_t value) { return std::bit_cast<float>(uint32_t(value)); }
uint64_t ofFloat(float value) { return std::isnan(value) ? 0x7fffffff : std::bit_cast<uint32_t>(value); }
uint64_t toHalf(float value) { return std::isnan(value) ? 0x7fff : std::bit_cast<uint16_t>(_Float16(value)); }
float fromHalf(uint64_t value) { return float(std::bit_cast<_Float16>(uint16_t(value))); }

/// `f(a, b, c)` for each lane, of `bits` bits.
template <typename F> bool each(const LaneValues &of, uint32_t bits, F f) {
  const uint64_t mask = masked(~uint64_t(0), bits);
  uint64_t *const results = of.results;
  for (uint32_t lane = of.first; lane < of.last; ++lane)
    results[lane] = uint64_t(f(of.a[lane], of.b[lane], of.c[lane])) & mask;
  return true;
}

/// `as` makes of an operand what is compared.
template <typename As> bool compareAs(Comparison comparison, const LaneValues &of, As as) {
  switch (comparison) {
  case Comparison::Equal:
    return each(of, 1, [as](auto a, auto b, auto) { return as(a) == as(b); });
  case Comparison::NotEqual:
    return each(of, 1, [as](auto a, auto b, auto) { return as(a) != as(b); });
  case Comparison::Less:
    return each(of, 1, [as](auto a, auto b, auto) { return as(a) < as(b); });
  case Comparison::LessEqual:
    return each(of, 1, [as](auto a, auto b, auto) { return as(a) <= as(b); });
  case Comparison::Greater:
    return each(of, 1, [as](auto a, auto b, auto) { return as(a) > as(b); });
  case Comparison::GreaterEqual:
    return each(of, 1, [as](auto a, auto b, auto) { return as(a) >= as(b); });
  case Comparison::Unordered:
    return each(of, 1, [as](auto a, auto b, auto) { return as(a) != as(a) || as(b) != as(b); });
  }
  return false;
}

bool compare(const Instruction &at, const LaneValues &of) {
  if (at.type.kind == 'f')
    return compareAs(at.comparison, of, [](uint64_t value) { return asFloat(value); });
  if (at.type.kind == 's')
    return compareAs(at.comparison, of, [bits = at.type.bits](uint64_t value) { return extended(value, bits); });
  return compareAs(at.comparison, of, [](uint64_t value) { return value; });
}

bool convert(const Instruction &at, const LaneValues &of) {
  const Type to = at.type;
  const uint32_t from = at.from.bits;
  if (to.kind != 'f' && at.from.kind == 's')
    return each(of, to.bits, [from](auto a, auto, auto) { return extended(masked(a, from), from); });
  if (to.kind != 'f')
    return each(of, to.bits, [from](auto a, auto, auto) { return masked(a, from); });
  if (to.bits == 32 && from == 16)
    return each(of, 32, [](auto a, auto, auto) { return ofFloat(fromHalf(a)); });
  return each(of, 16, [](auto a, auto, auto) { return toHalf(asFloat(a)); });
}

bool unsignedOf(const Instruction &at, const LaneValues &of) {
  const uint32_t bits = at.type.bits;
  switch (at.op) {
  case Op::Add:
    return each(of, bits, [](auto a, auto b, auto) { return a + b; });
  case Op::Subtract:
    return each(of, bits, [](auto a, auto b, auto) { return a - b; });
  case Op::Multiply:
    return each(of, bits, [](auto a, auto b, auto) { return a * b; });
  case Op::MultiplyHigh:
    return each(of, bits, [bits](auto a, auto b, auto) { return uint64_t((unsigned __int128)(a)*b >> bits); });
  case Op::MultiplyWide:
    return each(of, 2 * bits, [](auto a, auto b, auto) { return a * b; });
  case Op::MultiplyAdd:
    return each(of, bits, [](auto a, auto b, auto c) { return a * b + c; });
  case Op::Minimum:
    return each(of, bits, [](auto a, auto b, auto) { return std::min(a, b); });
  case Op::Maximum:
    return each(of, bits, [](auto a, auto b, auto) { return std::max(a, b); });
  case Op::And:
    return each(of, bits, [](auto a, auto b, auto) { return a & b; });
  case Op::Or:
    return each(of, bits, [](auto a, auto b, auto) { return a | b; });
  case Op::Xor:
    return each(of, bits, [](auto a, auto b, auto) { return a ^ b; });
  case Op::Not:
    return each(of, bits, [](auto a, auto, auto) { return ~a; });
  case Op::Negate:
    return each(of, bits, [](auto a, auto, auto) { return 0 - a; });
  // A shift by all bits or more leaves none.
  case Op::ShiftLeft:
    return each(of, bits, [bits](auto a, auto b, auto) { return masked(b, 32) >= bits ? 0 : a << masked(b, 32); });
  case Op::ShiftRight:
    return each(of, bits, [bits](auto a, auto b, auto) { return masked(b, 32) >= bits ? 0 : a >> masked(b, 32); });
  case Op::ExtractBits:
    return each(of, bits, [bits](auto a, auto b, auto c) {
      return (b & 255) >= bits ? 0 : masked(a >> (b & 255), uint32_t(c & 255));
    });
  default:
    return false;
  }
}

/// Where the sign makes a difference; else as without.
bool signedOf(const Instruction &at, const LaneValues &of) {
  const uint32_t bits = at.type.bits;
  const auto as = [bits](uint64_t value) { return extended(value, bits); };
  switch (at.op) {
  case Op::MultiplyHigh:
    return each(of, bits, [=](auto a, auto b, auto) { return uint64_t((__int128(as(a)) * as(b)) >> bits); });
  case Op::MultiplyWide:
    return each(of, 2 * bits, [=](auto a, auto b, auto) { return uint64_t(as(a)) * uint64_t(as(b)); });
  case Op::Minimum:
    return each(of, bits, [=](auto a, auto b, auto) { return std::min(as(a), as(b)); });
  case Op::Maximum:
    return each(of, bits, [=](auto a, auto b, auto) { return std::max(as(a), as(b)); });
  case Op::ShiftRight:
    return each(of, bits, [=](auto a, auto b, auto) { return as(a) >> std::min<uint64_t>(masked(b, 32), 63); });
  case Op::ExtractBits:
    return false;
  default:
    return unsignedOf(at, of);
  }
}

/// f32, by itself or two at once.
template <typename F> bool floatOf(bool isPair, const LaneValues &of, F f) {
  const auto one = [f](uint64_t a, uint64_t b) { return ofFloat(f(asFloat(a), asFloat(b))); };
  if (!isPair)
    return each(of, 32, [one](auto a, auto b, auto) { return one(a, b); });
  return each(of, 64, [one](auto a, auto b, auto) { return one(a >> 32, b >> 32) << 32 | one(a, b); });
}

} // namespace

bool isOfRegisters(Op op) { return op >= Op::Move && op <= Op::ConvertPair; }

bool compute(const Instruction &at, const LaneValues &of) {
  switch (at.op) {
  case Op::Move:
    return each(of, at.type.bits, [](auto a, auto, auto) { return a; });
  case Op::Select:
    return each(of, at.type.bits, [](auto a, auto b, auto c) { return c ? a : b; });
  case Op::Compare:
    return compare(at, of);
  case Op::Convert:
    return convert(at, of);
  case Op::ConvertPair: // the first goes to the upper half
    return each(of, 32, [](auto a, auto b, auto) { return toHalf(asFloat(a)) << 16 | toHalf(asFloat(b)); });
  default:
    break;
  }
  if (at.type.kind == 'f')
    switch (at.op) {
    case Op::Add:
      return floatOf(at.type.isPair, of, [](float a, float b) { return a + b; });
    case Op::Multiply:
      return floatOf(at.type.isPair, of, [](float a, float b) { return a * b; });
    default:
      return false;
    }
  return at.type.kind == 's' ? signedOf(at, of) : unsignedOf(at, of);
}

} // namespace faro::test::ptx
