// Signals that wait until UCX has made something whose name only UCX knows.
#pragma once

#include <csignal>

namespace faro::ucx {

/// While one lives, the signals by which people and launchers end a process wait. UCX makes shared memory in steps, the
/// last of which takes its name away or marks it for removal: a process that ends in between leaves it behind, for
/// good. Threads that UCX starts meanwhile keep these signals blocked, and leave them to the process's own.
class SignalsHeld {
public:
  SignalsHeld() {
    sigset_t held;
    sigemptyset(&held);
    for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT})
      sigaddset(&held, signal);
    pthread_sigmask(SIG_BLOCK, &held, &before_);
  }
  ~SignalsHeld() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsHeld(const SignalsHeld &) = delete;
  SignalsHeld &operator=(const SignalsHeld &) = delete;

private:
  sigset_t before_;
};

} // namespace faro::ucx
