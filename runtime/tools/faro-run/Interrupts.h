// Signals that end this process: said once, in the report too, whatever the main thread is stuck in.
//
//   signal ─► handler: its number into a pipe ─► a thread of its own: says it, removes hidden files, exits
//
// The handler does what a handler may do; the thread may do anything.
#pragma once

#include <csignal>
#include <functional>
#include <thread>

namespace faro::run {

class Interrupts {
public:
  /// While it lives, SIGINT, SIGTERM, SIGHUP and SIGQUIT (unless they are ignored) and SIGBUS make `end` be called with
  /// the first of them, which does not return. One object at a time.
  explicit Interrupts(std::function<void(int signal)> end);
  ~Interrupts();
  Interrupts(const Interrupts &) = delete;
  Interrupts &operator=(const Interrupts &) = delete;

private:
  int pipe_[2] = {-1, -1};
  std::thread thread_;
};

/// Threads that are made while it lives get no signals but those of their own faults: the others are for the thread
/// that made them.
class NoSignalsForThreads {
public:
  NoSignalsForThreads();
  ~NoSignalsForThreads();
  NoSignalsForThreads(const NoSignalsForThreads &) = delete;
  NoSignalsForThreads &operator=(const NoSignalsForThreads &) = delete;

private:
  sigset_t before_;
};

/// Whether whoever started this process wanted it to go on after such a signal (nohup).
bool isIgnored(int signal);

/// "SIGTERM"
std::string signalName(int signal);

} // namespace faro::run
