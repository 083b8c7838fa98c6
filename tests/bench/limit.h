// A limit that is one function on the bench of an operation.
#pragma once

#include "tests/bench/harness.h"

#include <memory>

namespace faro::bench {

template <typename Bench> class Limit : public Method {
public:
  using Work = void (*)(Bench &);
  Limit(Bench &b, const char *limitName, Kind limitKind, Work w) : Method(limitName, limitKind), bench(b), work(w) {}
  void run() override { work(bench); }

private:
  Bench &bench;
  Work work;
};

template <typename Bench>
void addLimit(Methods &methods, Bench &bench, const char *name, Kind kind, typename Limit<Bench>::Work work) {
  methods.push_back(std::make_unique<Limit<Bench>>(bench, name, kind, work));
}

} // namespace faro::bench
