// 64 bits that stand for a batch: its program and everybody's routing. Handles carry it, so that a combine with another
// batch's routing is an error and not wrong numbers.
//
//   routingHash of each rank ─(all-gather, beside the counts)─► planHash, the same on all ranks
//
// Not cryptographic: it finds mistakes, not enemies.
#pragma once

#include "faro/session.h"
#include "runtime/abi/faro_abi.h"

#include <span>

namespace faro {

/// What a dispatch and its combine have in common: row, layout, routes.
uint64_t programHash(const faro_abi_program &program);
/// The same, compared in full.
bool sameShuffle(const faro_abi_program &a, const faro_abi_program &b);

/// This rank's part: the program and topk_idx, dropped choices included.
uint64_t routingHash(const faro_abi_program &program, TopkIdx idx);

/// `ofRanks` are the parts of all ranks, by rank.
uint64_t planHash(std::span<const uint64_t> ofRanks);

} // namespace faro
