// Signals that end this process: said once, in the report too, whatever the main thread is stuck in.
//
//   signal ─► handler: its number into a pipe ─► a thread of its own: says it, removes hidden files, exits
//
// The handler does what a handler may do; the thread may do anything.
#pragma once

#include "runtime/core/Socket.h"

#include <csignal>
#include <functional>
#include <string>
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
  FileDescriptor readEnd_, writeEnd_;
  std::thread thread_;
};

/// Whether whoever started this process wanted it to go on after such a signal (nohup).
bool isIgnored(int signal);

/// "SIGTERM"
std::string signalName(int signal);

} // namespace faro::run
