#include "RingProtocol.h"

#include <fmt/format.h>

namespace faro::test {

namespace {

/// Where the memory of one flow lies. Numbers of slices count from 1.
struct Flow {
  uint8_t owner = 1;    ///< among the flows of its rank, from 1
  uint8_t owners = 0;   ///< of all the rank's flows: [slot of tx], 0 while it is free
  uint8_t tx = 0;       ///< of all the rank's flows: [word][slot]
  uint8_t slotOf = 0;   ///< [entry]: the slot of tx that the slice has
  uint8_t posted = 0;   ///< [entry]: the slice posted last
  uint8_t rx = 0;       ///< [word][slot]
  uint8_t full = 0;     ///< [slot]: the slice that arrived last
  uint8_t credit = 0;   ///< slices that were read
  uint8_t answered = 0; ///< that of the flow whose slices this one answers
};

/// Adds the memory of the flows from one rank to another.
std::vector<Flow> addFlows(const RingProtocol &p, Model &model, const std::string &rank) {
  const auto several = [&](const std::string &name, unsigned count) {
    const auto first = uint8_t(model.names.size());
    for (unsigned i = 0; i < count; ++i)
      model.location(fmt::format("{} [{}]", name, i));
    return first;
  };
  std::vector<Flow> flows(p.flows);
  const uint8_t owners = several(rank + " owner of tx", p.slots);
  const uint8_t tx = several(rank + " tx", p.slots * p.wordsOfSlice);
  for (uint8_t f = 0; f < p.flows; ++f) {
    const std::string name = fmt::format("{} flow {}", rank, f);
    flows[f] = {.owner = uint8_t(f + 1), .owners = owners, .tx = tx, .slotOf = uint8_t(model.names.size())};
    for (uint8_t entry = 0; entry < p.slots; ++entry)
      model.location(fmt::format("{} slot of [{}]", name, entry), entry); // as a producer that never asks has it
    flows[f].posted = several(name + " posted", p.slots);
    flows[f].rx = several(name + " rx", p.rxSlots * p.wordsOfSlice);
    flows[f].full = several(name + " full", p.rxSlots);
    flows[f].credit = several(name + " credit", 1);
  }
  flows.front().answered = flows.back().credit;
  return flows;
}

/// Slice n of a flow, in the program of an actor.
class Slice {
public:
  Slice(const RingProtocol &p, const Flow &flow, uint8_t n, Actor &actor) : p(p), flow(flow), n(n), actor(actor) {}

  void produce() {
    if (!p.holdsAndWaits)
      awaitInput();
    const auto share = uint8_t((p.slots + p.flows - 1) / p.flows);
    if (p.producerWaits)
      actor.take({flow.owners, entry()}, flow.owner, p.slots, p.fair ? share : p.slots, p.take);
    if (p.holdsAndWaits)
      awaitInput();
    if (p.postFirst)
      actor.write(posted(), n, p.post);
    for (uint8_t word = 0; word < p.wordsOfSlice; ++word)
      actor.write(txWord(word), tag());
    if (!p.postFirst)
      actor.write(posted(), n, p.post);
  }

  void send() {
    awaitNumber(posted(), p.checksPosted, p.awaitPost);
    if (p.proxyWaits && n > p.rxSlots)
      actor.awaitAtLeast({flow.credit}, uint8_t(n - p.rxSlots), p.awaitCredit);
    if (p.freeFirst)
      giveBack();
    for (uint8_t word = 0; word < p.wordsOfSlice; ++word)
      actor.read(txWord(word), tag());
    if (!p.freeFirst && p.sentFirst)
      giveBack();
    if (p.fullFirst)
      actor.write(full(), n, p.full);
    for (uint8_t word = 0; word < p.wordsOfSlice; ++word)
      actor.write(rxWord(word), tag());
    if (!p.fullFirst)
      actor.write(full(), n, p.full);
    if (!p.freeFirst && !p.sentFirst)
      giveBack();
  }

  void consume() {
    awaitNumber(full(), p.checksFull, p.awaitFull);
    if (p.creditFirst)
      actor.write({flow.credit}, n, p.credit);
    for (uint8_t word = 0; word < p.wordsOfSlice; ++word)
      actor.read(rxWord(word), tag());
    if (!p.creditFirst)
      actor.write({flow.credit}, n, p.credit);
  }

private:
  /// Slices of flow 0 answer those of the last flow.
  void awaitInput() {
    if (p.answers && flow.owner == 1)
      actor.awaitAtLeast({flow.answered}, n, Order::Acquire);
  }
  void awaitNumber(Place flag, bool exactly, Order order) {
    if (exactly)
      actor.await(flag, n, order);
    else
      actor.awaitAtLeast(flag, 1, order);
  }
  void giveBack() { actor.write({flow.owners, entry()}, 0, p.free); }

  uint8_t entry() const { return uint8_t(flow.slotOf + n % p.slots); }
  Place posted() const { return {uint8_t(flow.posted + n % p.slots)}; }
  Place full() const { return {uint8_t(flow.full + n % p.rxSlots)}; }
  Place txWord(uint8_t word) const { return {uint8_t(flow.tx + word * p.slots), entry()}; }
  Place rxWord(uint8_t word) const { return {uint8_t(flow.rx + word * p.rxSlots + n % p.rxSlots)}; }
  /// Of no other slice of the rank: 12 is the second one of the first flow.
  uint8_t tag() const { return uint8_t(flow.owner * 10 + n); }

  const RingProtocol &p;
  const Flow &flow;
  const uint8_t n;
  Actor &actor;
};

using Part = void (Slice::*)();

} // namespace

Model modelOf(const RingProtocol &p) {
  Model model;
  const uint8_t ranks = p.bothWays ? 2 : 1;
  std::vector<std::vector<Flow>> flows; // of each rank that sends
  for (uint8_t rank = 0; rank < ranks; ++rank)
    flows.push_back(addFlows(p, model, fmt::format("rank {}", rank)));
  const auto add = [&p](Actor &actor, const Flow &flow, uint8_t n, Part part) { (Slice(p, flow, n, actor).*part)(); };
  const auto addAll = [&](Actor &actor, const Flow &flow, Part part) {
    for (uint8_t n = 1; n <= p.slices; ++n)
      add(actor, flow, n, part);
  };

  for (uint8_t rank = 0; rank < ranks; ++rank) {
    const std::vector<Flow> &out = flows[rank], &in = flows[ranks - 1 - rank];
    // A proxy serves a rank's flows in turn and waits for none of them, so each may as well have its own.
    for (const Flow &flow : out)
      addAll(model.actor(fmt::format("proxy {}, flow {}", rank, flow.owner - 1)), flow, &Slice::send);
    if (p.parts == Parts::Alternating || p.parts == Parts::ProducerFirst) {
      Actor &kernel = model.actor(fmt::format("kernel {}", rank));
      if (p.parts == Parts::ProducerFirst) {
        addAll(kernel, out.front(), &Slice::produce);
        addAll(kernel, in.front(), &Slice::consume);
        continue;
      }
      for (uint8_t n = 1; n <= p.slices; ++n) {
        add(kernel, out.front(), n, &Slice::produce);
        add(kernel, in.front(), n, &Slice::consume);
      }
      continue;
    }
    for (const Flow &flow : out)
      addAll(model.actor(fmt::format("producer {}, flow {}", rank, flow.owner - 1)), flow, &Slice::produce);
    if (p.parts == Parts::Apart) {
      for (const Flow &flow : in)
        addAll(model.actor(fmt::format("consumer {}, flow {}", rank, flow.owner - 1)), flow, &Slice::consume);
      continue;
    }
    Actor &consumer = model.actor(fmt::format("consumer {}", rank));
    for (uint8_t n = 1; n <= p.slices; ++n)
      for (const Flow &flow : in)
        add(consumer, flow, n, &Slice::consume);
  }
  return model;
}

} // namespace faro::test
