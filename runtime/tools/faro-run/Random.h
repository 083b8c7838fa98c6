// Random numbers that are functions of a key and a position, so that any rank can make any part of any rank's input.
#pragma once

#include <cstdint>

namespace faro::run {

/// The finaliser of splitmix64 (Steele, Lea, Flood 2014): a bijection that looks random.
inline uint64_t mix(uint64_t x) {
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9u;
  x ^= x >> 27;
  x *= 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

/// What a stream of numbers is for: streams with other purposes, ranks or tokens have nothing to do with each other.
enum class Stream : uint64_t { Rows = 1, Routing = 2, Weights = 3, Popularity = 4 };

inline uint64_t streamKey(uint64_t seed, Stream stream, uint64_t rank, uint64_t token) {
  uint64_t key = mix(seed + 0x9e3779b97f4a7c15u);
  key = mix(key ^ (uint64_t(stream) * 0x9e3779b97f4a7c15u));
  key = mix(key ^ (rank + 0x632be59bd9b4e019u));
  return mix(key ^ (token + 0x8cb92ba72f3d8dd7u));
}

/// splitmix64 itself.
class Random {
public:
  explicit Random(uint64_t key) : state_(key) {}
  uint64_t next() { return mix(state_ += 0x9e3779b97f4a7c15u); }
  /// In [0, 1).
  double unit() { return double(next() >> 11) * 0x1p-53; }
  /// In [0, bound); bound > 0.
  uint64_t below(uint64_t bound) { return uint64_t((static_cast<unsigned __int128>(next()) * bound) >> 64); }

private:
  uint64_t state_;
};

} // namespace faro::run
