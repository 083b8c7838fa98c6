#include "dialect/Layout/Layout.h"

#include <algorithm>

namespace faro::layout {

static constexpr std::array<const char *, 4> keyNames = {"expert", "source", "token", "choice"};

const char *keyName(Key key) { return keyNames[size_t(key)]; }

std::optional<Key> keyFromName(std::string_view name) {
  for (size_t i = 0; i < keyNames.size(); ++i)
    if (name == keyNames[i])
      return Key(i);
  return std::nullopt;
}

uint32_t valueOf(const Item &item, Key key) {
  switch (key) {
  case Key::Expert:
    return item.expert;
  case Key::Source:
    return item.source;
  case Key::Token:
    return item.token;
  case Key::Choice:
    return item.choice;
  }
  return 0;
}

std::optional<Order> Order::complete(std::span<const Key> prefix) {
  if (prefix.empty() || prefix.size() > 4)
    return std::nullopt;
  Order order;
  size_t count = 0;
  auto taken = [&](Key key) {
    return std::find(order.keys_.begin(), order.keys_.begin() + count, key) != order.keys_.begin() + count;
  };
  for (Key key : prefix) {
    if (taken(key))
      return std::nullopt;
    order.keys_[count++] = key;
  }
  // The expert comes last: given source, token and choice there is only one.
  for (Key key : {Key::Source, Key::Token, Key::Choice, Key::Expert})
    if (!taken(key))
      order.keys_[count++] = key;
  return order;
}

Order Order::tokenMajor() { return Order(); }

bool Order::less(const Item &a, const Item &b) const {
  for (Key key : keys_)
    if (valueOf(a, key) != valueOf(b, key))
      return valueOf(a, key) < valueOf(b, key);
  return false;
}

bool Order::placeableByCounts() const {
  for (Key key : keys_) {
    if (key == Key::Source)
      return true;
    if (key != Key::Expert)
      return false;
  }
  return false;
}

} // namespace faro::layout
