#include "runtime/plan/PlanRecord.h"

#include "runtime/plan/PlanHash.h"

#include <cstring>
#include <fmt/format.h>
#include <type_traits>

namespace faro {

/// Calls field(x) for every field, in the order in which they stand in a record.
template <typename Record, typename Field> static void forEachField(Record &r, Field field) {
  field(r.program);
  field(r.windows);
  field(r.topk);
  field(r.tokens);
  field(r.items);
  field(r.rows);
  field(r.remoteItems);
  field(r.pieces);
  field(r.sends);
  field(r.receives);
  field(r.transitRows);
  field(r.partialRows);
}

namespace {

template <typename T> struct IsVector : std::false_type {};
template <typename T> struct IsVector<std::vector<T>> : std::true_type {};

struct Encoder {
  Bytes bytes;

  template <typename T> void operator()(const T &value) {
    if constexpr (IsVector<T>::value) {
      (*this)(uint64_t(value.size()));
      put(value.data(), value.size() * sizeof(typename T::value_type));
    } else {
      put(&value, sizeof value);
    }
  }
  void put(const void *data, size_t size) {
    const auto *begin = static_cast<const std::byte *>(data);
    bytes.insert(bytes.end(), begin, begin + size);
  }
};

struct Decoder {
  std::span<const std::byte> left;
  bool torn = false;

  template <typename T> void operator()(T &value) {
    if constexpr (IsVector<T>::value) {
      uint64_t size = 0;
      (*this)(size);
      if (size > left.size() / sizeof(typename T::value_type)) {
        torn = true;
        return;
      }
      value.resize(size);
      get(value.data(), size * sizeof(typename T::value_type));
    } else {
      get(&value, sizeof value);
    }
  }
  void get(void *data, size_t size) {
    torn |= size > left.size();
    if (torn || size == 0)
      return;
    std::memcpy(data, left.data(), size);
    left = left.subspan(size);
  }
};

} // namespace

PlanRecord PlanRecord::of(const Plan &plan, const NodePlan *across) {
  PlanRecord record;
  record.program = programHash(*plan.program);
  record.windows = planHash(plan.rowsOfRank);
  record.topk = plan.program->routes.topk;
  record.tokens = uint32_t(plan.tokens);
  for (size_t i = 0; i < plan.places.size(); ++i)
    record.items.push_back({plan.places[i].rank, plan.places[i].row, plan.choices[i]});
  if (!across)
    return record;
  for (uint32_t row = 0; row < across->remoteRows(); ++row)
    record.rows.push_back(
        {across->rowToken[row], across->rowItems[row], across->rowItems[row + 1] - across->rowItems[row]});
  record.remoteItems = across->items;
  record.pieces = across->pieces;
  record.sends = across->sends;
  record.receives = across->receives;
  record.transitRows = across->transitRowsOfRank;
  record.partialRows = across->partialRowsOfRank;
  return record;
}

Bytes PlanRecord::encode() const {
  Encoder encoder;
  forEachField(*this, [&](const auto &field) { encoder(field); });
  return std::move(encoder.bytes);
}

Expected<PlanRecord> PlanRecord::decode(const Bytes &bytes) {
  PlanRecord record;
  Decoder decoder{bytes, false};
  forEachField(record, [&](auto &field) { decoder(field); });
  if (decoder.torn || !decoder.left.empty())
    return Status(FARO_DATA_LOSS,
                  fmt::format("a plan's record of {} bytes is {}", bytes.size(), decoder.torn ? "torn" : "too long"));
  return record;
}

} // namespace faro
