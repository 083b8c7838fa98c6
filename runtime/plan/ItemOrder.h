// In which order a source enumerates its own items, so that counting up gives the rows that the layout asks for.
#pragma once

#include "faro/session.h"
#include "runtime/plan/Plan.h"

namespace faro {

struct ItemOrder {
  /// A source's items for one expert are adjacent at the destination: a cursor per expert. Else one per destination.
  bool blockPerExpert = true;
  /// Keys to sort by within a block, most significant first; empty where token by token, choice by choice is right.
  std::vector<faro_abi_key> sortKeys;
};

/// Requires a layout with neither token nor choice before source (the module's check).
ItemOrder itemOrder(const faro_abi_layout &layout);

/// The items' indices (into plan.choices), sorted by order.sortKeys; ties stay in the order (token, choice). Least
/// significant key first, one stable counting sort a key: O(items + experts + tokens).
std::vector<uint32_t> sortItems(const ItemOrder &order, const faro_abi_routes &routes, const Plan &plan, TopkIdx idx);

} // namespace faro
