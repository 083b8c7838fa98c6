#include "runtime/tools/faro-run/Interrupts.h"

#include "runtime/core/Thread.h"
#include "runtime/tools/faro-run/OutputFile.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace faro::run {

namespace {

constexpr std::array Sent = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

/// Where handlers write to; -1: nobody reads.
std::atomic<int> writeEnd{-1};

void pass(int signal) {
  const int error = errno;
  const unsigned char number = static_cast<unsigned char>(signal);
  (void)!::write(writeEnd.load(), &number, 1);
  errno = error;
}

extern "C" void onInterrupt(int signal) { pass(signal); }

/// Memory that is not there is touched by the thread that this runs on, which cannot go on.
extern "C" void onBusError(int signal) {
  pass(signal);
  // Should it hold what the telling thread needs, that must not last for ever.
  ::sleep(5);
  constexpr char Message[] = "faro-run: ended by SIGBUS: a file that it reads was cut off\n";
  (void)!::write(STDERR_FILENO, Message, sizeof Message - 1);
  removeTemporaries();
  ::_exit(1);
}

void handle(int signal, void (*handler)(int)) {
  struct sigaction action{};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  ::sigaction(signal, &action, nullptr);
}

} // namespace

Interrupts::Interrupts(std::function<void(int)> end) {
  // Without a pipe there are no handlers: signals then end the process as they always do.
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return;
  readEnd_ = FileDescriptor(ends[0]);
  writeEnd_ = FileDescriptor(ends[1]);
  auto thread = startThread("the thread that tells of signals", [this, end = std::move(end)] {
    unsigned char signal = 0;
    ssize_t got;
    while ((got = ::read(readEnd_.get(), &signal, 1)) < 0 && errno == EINTR) {
    }
    if (got == 1 && signal != 0)
      end(signal);
  });
  if (!thread)
    return; // as without a pipe
  thread_ = std::move(*thread);
  writeEnd = writeEnd_.get();
  for (int signal : Sent)
    if (!isIgnored(signal))
      handle(signal, onInterrupt);
  handle(SIGBUS, onBusError);
}

Interrupts::~Interrupts() {
  if (!thread_.joinable())
    return;
  for (int signal : Sent)
    if (!isIgnored(signal))
      handle(signal, SIG_DFL);
  handle(SIGBUS, SIG_DFL);
  pass(0);
  thread_.join();
  writeEnd = -1;
}

bool isIgnored(int signal) {
  struct sigaction now{};
  return ::sigaction(signal, nullptr, &now) == 0 && now.sa_handler == SIG_IGN;
}

std::string signalName(int signal) {
  const char *name = ::sigabbrev_np(signal);
  return name ? fmt::format("SIG{}", name) : fmt::format("signal {}", signal);
}

} // namespace faro::run
