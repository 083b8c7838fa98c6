// The inner loops: copies and weighted sums, in the widest form the processor has. Every peer and every limit uses
// these same loops, so that a ratio between two methods is about what they move and not about who was better
// vectorised. Any row size and any alignment works; whole cache lines go past the cache, their remainders do not
// (storing part of a line past the cache costs a read and a write of memory).
#pragma once

#include "tests/bench/options.h"

#include <cstddef>
#include <cstdint>

namespace faro::bench {

/// "avx512", "avx2" or "plain".
const char *kernelTarget();

/// Copies past the cache. Weakly ordered: call storeFence() before telling anybody that it is done.
void copyStreaming(char *dst, const char *src, size_t bytes);

/// Stores the row at src to `places` rows, past the cache: 512 bytes of it at a time in registers, each stored to all
/// places. Rows that are not made of whole, aligned cache lines are copied one after the other. Needs a storeFence().
void replicateStreaming(char *const *dst, size_t places, const char *src, size_t bytes);

/// Stores the row at src to `places` rows that lie one behind the other, with plain stores.
void replicatePlain(char *dst, size_t places, const char *src, size_t bytes);

/// Makes earlier streaming stores visible before any later store.
void storeFence();

/// Zeros past the cache. Needs a storeFence().
void zeroStreaming(char *dst, size_t bytes);
/// The same, or by memset where the rows they are among are few. Needs a storeFence().
void zero(char *dst, size_t bytes, size_t inAll);

/// The rows of one sum, and their weights.
struct RowList {
  const char *rows[MaxTopk];
  const float *weights = nullptr;
  int count = 0;
};

/// Makes `next` good for weightedSum, which prefetches as many of its rows as `now` has: where it is shorter it gets
/// rows of `now`, since a prefetch of what is in the cache costs nothing.
inline void fillUp(RowList &next, const RowList &now) {
  for (int i = next.count; i < now.count; ++i)
    next.rows[i] = now.rows[i];
}

/// Which lines a sum asks for while it works: k short streams are too short for the prefetchers of the hardware. Which
/// is the faster differs between vendors.
enum class Ahead {
  NextToken, ///< the first now.count rows of `next` at the same offsets, into the L2 cache
  Near       ///< the same rows a kilobyte or more ahead, near their end the beginning of those of `next`, into the L1
};
/// The better one for this processor: every peer's, so that Faro is not ahead for this.
Ahead bestAhead();

/// dst[c] = round(sum over i of weights[i] x rows[i][c]): f32, each product rounded, then added, in the order of the
/// list, from +0. Finite values only. `streaming`: whole lines past the cache.
void weightedSum(Element element, char *dst, const RowList &now, const RowList &next, size_t bytes, bool streaming,
                 Ahead ahead = bestAhead());

/// The traffic of weightedSum without its arithmetic: dst = bitwise or of the rows.
void orRows(char *dst, const RowList &now, const RowList &next, size_t bytes);

/// Reads everything.
void readAll(const char *src, size_t bytes);

} // namespace faro::bench
