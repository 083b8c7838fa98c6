// A control of its own for ranks on several nodes, which need no MPI then: one TCP connection from each rank to rank 0.
#pragma once

#include "faro/communicator.h"
#include "tests/bench/control.h"

#include <functional>

namespace faro::bench {

class StarControl : public Control {
public:
  /// Collective. Rank 0 listens on place.masterAddress (numeric) and place.masterPort, and takes in who knows the job's
  /// secret. Ends the job when not all ranks come within place.timeout.
  explicit StarControl(const CommunicatorOptions &place);
  ~StarControl() override;

  void barrier() override { allgather(""); }
  std::vector<std::string> allgather(const std::string &mine) override;

  /// Called now and then while waiting: a wire may have to answer others meanwhile.
  std::function<void()> idle = [] {};

private:
  void put(int peer, const void *data, size_t bytes);
  void get(int peer, void *data, size_t bytes);
  void putText(int peer, const std::string &text);
  std::string getText(int peer);
  void meetAll(const CommunicatorOptions &place);
  void joinRankZero(const CommunicatorOptions &place);

  std::vector<int> sockets; ///< by rank; of ranks other than 0: only that to rank 0
};

} // namespace faro::bench
