#include "runtime/plan/PlanHash.h"

#include <bit>
#include <cstring>

namespace faro {

namespace {

/// Four lanes of the rounds of xxHash64 (Collet), so that four words are multiplied at a time; a batch's routing is
/// hashed in every prepare.
class Hash {
public:
  void add(uint64_t word) {
    lanes[next] = std::rotl(lanes[next] + word * Second, 31) * First;
    next = (next + 1) % 4;
    ++words;
  }
  void addAll(const int64_t *data, size_t count) {
    size_t i = 0;
    for (; next != 0 && i < count; ++i)
      add(uint64_t(data[i]));
    for (; i + 4 <= count; i += 4, words += 4)
      for (size_t lane = 0; lane < 4; ++lane)
        lanes[lane] = std::rotl(lanes[lane] + uint64_t(data[i + lane]) * Second, 31) * First;
    for (; i < count; ++i)
      add(uint64_t(data[i]));
  }
  uint64_t finish() const {
    uint64_t h = words;
    for (uint64_t lane : lanes)
      h = (std::rotl(h, 27) ^ lane) * First + Third;
    h = (h ^ h >> 33) * Second;
    h = (h ^ h >> 29) * Third;
    return h ^ h >> 32;
  }

private:
  static constexpr uint64_t First = 0x9e3779b185ebca87, Second = 0xc2b2ae3d27d4eb4f, Third = 0x165667b19e3779f9;
  uint64_t lanes[4] = {First + Second, Second, 0, 0 - First};
  uint64_t words = 0;
  size_t next = 0;
};

} // namespace

uint64_t programHash(const faro_abi_program &program) {
  Hash hash;
  hash.add(program.row.element);
  hash.add(program.row.columns);
  hash.add(program.row.stride);
  for (uint8_t key : program.layout.order)
    hash.add(key);
  hash.add(program.layout.align);
  hash.add(program.routes.topk);
  hash.add(program.routes.experts);
  hash.add(program.routes.placement);
  for (uint32_t e = 0; e < program.routes.table_size; ++e)
    hash.add(program.routes.table[e]);
  return hash.finish();
}

bool sameShuffle(const faro_abi_program &a, const faro_abi_program &b) {
  return a.row.element == b.row.element && a.row.columns == b.row.columns && a.row.stride == b.row.stride &&
         std::memcmp(&a.layout, &b.layout, sizeof a.layout) == 0 && a.routes.topk == b.routes.topk &&
         a.routes.experts == b.routes.experts && a.routes.placement == b.routes.placement &&
         (a.routes.table_size == 0 ||
          std::memcmp(a.routes.table, b.routes.table, a.routes.table_size * sizeof(uint32_t)) == 0);
}

uint64_t routingHash(const faro_abi_program &program, TopkIdx idx) {
  Hash hash;
  hash.add(programHash(program));
  hash.addAll(idx.data, size_t(idx.tokens) * program.routes.topk);
  return hash.finish();
}

uint64_t planHash(std::span<const uint64_t> ofRanks) {
  Hash hash;
  for (uint64_t part : ofRanks)
    hash.add(part);
  return hash.finish();
}

} // namespace faro
