#include "runtime/tools/faro-run/Supervisor.h"

#include "runtime/tools/faro-run/Child.h"
#include "runtime/tools/faro-run/Interrupts.h"
#include "runtime/tools/faro-run/LeftMemory.h"
#include "runtime/tools/faro-run/Progress.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <fstream>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

namespace faro::run {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// After a rank has failed, the others get so long to notice, clean up and say more.
constexpr auto Settling = 1500ms;
// After SIGTERM, before SIGKILL.
constexpr auto Grace = 2s;
// After the last report, before ranks that do not end are a fault.
constexpr auto Lingering = 20s;

/// By SIGSTOP or a debugger: it does nothing, whatever it last said that it does.
bool isStopped(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string text;
  std::getline(file, text, '\0');
  // Behind the program's name, which is in parentheses and may hold some itself.
  const size_t at = text.rfind(") ");
  return at != text.npos && at + 2 < text.size() && (text[at + 2] == 'T' || text[at + 2] == 't');
}

/// One rank's process, as seen from here.
struct Child {
  pid_t pid = -1; ///< -1: not started, or gone
  int report = -1;
  std::string received;
  std::optional<RankResult> result;
  Status error; ///< the first thing that went wrong
};

class Supervision {
public:
  Supervision(const Setup &setup, const ProgressBoard &board)
      : setup_(setup), board_(board), children_(setup.job.ranks()), line_(board, setup.options.repeat) {
    sigset_t watched;
    sigemptyset(&watched);
    // One that is ignored comes all the same where it is blocked.
    for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD})
      if (!isIgnored(signal))
        sigaddset(&watched, signal);
    ::sigprocmask(SIG_BLOCK, &watched, &before_);
    signals_ = ::signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
  }
  ~Supervision() {
    for (Child &child : children_)
      if (child.report >= 0)
        ::close(child.report);
    if (signals_ >= 0)
      ::close(signals_);
    ::sigprocmask(SIG_SETMASK, &before_, nullptr);
  }
  Supervision(const Supervision &) = delete;
  Supervision &operator=(const Supervision &) = delete;

  Outcome run(const ChildFactory &factory);

private:
  Status start(const ChildFactory &factory);
  void wait();
  void readSignals();
  void readReport(Child &child);
  void reap();
  void onExit(Child &child, int status);
  void onFailure(Child &child, Status error, bool explains);
  void onTime();
  void stop(Clock::time_point killAt);
  void sendAll(int signal);
  std::string describeStopped() const;
  bool anyLeft() const;
  uint32_t rankOf(const Child &child) const { return uint32_t(&child - children_.data()); }
  Outcome outcome() const;

  enum class State { Running, Settling, Terminating, Killed };
  const Setup &setup_;
  const ProgressBoard &board_;
  std::vector<Child> children_;
  std::vector<pid_t> killed_; ///< those that a signal has ended
  ProgressLine line_;
  sigset_t before_{};
  int signals_ = -1;
  State state_ = State::Running;
  Clock::time_point next_ = Clock::time_point::max(); ///< when the state gets sharper
  Clock::time_point lingerEnd_ = Clock::time_point::max();
  Status own_;          ///< what went wrong here, not in a rank
  std::string stopped_; ///< ranks that were stopped when the others were ended
  int interrupted_ = 0; ///< the signal that ended it
};

Status Supervision::start(const ChildFactory &factory) {
  if (signals_ < 0)
    return {FARO_UNAVAILABLE, fmt::format("cannot watch signals: {}", std::strerror(errno))};
  for (Child &child : children_) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0)
      return {FARO_UNAVAILABLE, fmt::format("cannot make a pipe for rank {}: {}", rankOf(child), std::strerror(errno))};
    child.report = ends[0];
    ::fcntl(child.report, F_SETFL, O_NONBLOCK);
    ChildOrders orders;
    orders.reportFd = ends[1];
    orders.boardFd = board_.fd();
    orders.outputFd = setup_.outputs.empty() ? -1 : setup_.outputs[rankOf(child)].fd();
    orders.parent = ::getpid();
    orders.end = setup_.deadline.end();
    const Expected<pid_t> pid = factory.start(rankOf(child), orders);
    ::close(ends[1]);
    if (!pid)
      return pid.status();
    child.pid = *pid;
  }
  return Status::ok();
}

Outcome Supervision::run(const ChildFactory &factory) {
  own_ = start(factory);
  if (!own_)
    stop(Clock::now() + Grace);
  while (anyLeft())
    wait();
  removeSegmentsOf(killed_);
  // What they wrote last is still in the pipes.
  for (Child &child : children_)
    if (child.report >= 0)
      readReport(child);
  line_.clear();
  return outcome();
}

void Supervision::wait() {
  std::vector<pollfd> watched{{signals_, POLLIN, 0}};
  std::vector<Child *> owners;
  for (Child &child : children_)
    if (child.report >= 0) {
      watched.push_back({child.report, POLLIN, 0});
      owners.push_back(&child);
    }
  auto until = Clock::now() + line_.tick();
  for (Clock::time_point limit : {next_, lingerEnd_, state_ == State::Running ? setup_.deadline.end() : next_})
    until = std::min(until, limit);
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
  ::poll(watched.data(), nfds_t(watched.size()), int(std::clamp<int64_t>(left, 0, 1000)));
  for (size_t i = 0; i < owners.size(); ++i)
    if (watched[i + 1].revents)
      readReport(*owners[i]);
  readSignals();
  onTime();
}

void Supervision::readSignals() {
  signalfd_siginfo info{};
  bool exits = false;
  while (::read(signals_, &info, sizeof info) == ssize_t(sizeof info)) {
    if (info.ssi_signo == SIGCHLD) {
      exits = true;
    } else if (!interrupted_) {
      interrupted_ = int(info.ssi_signo);
      stop(Clock::now() + Grace);
    } else { // asked twice: no more patience
      stop(Clock::now());
    }
  }
  if (exits)
    reap();
}

void Supervision::readReport(Child &child) {
  char buffer[1 << 16];
  for (;;) {
    const ssize_t got = ::read(child.report, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0 && errno == EAGAIN)
      break;
    if (got <= 0) { // it has closed its end
      ::close(child.report);
      child.report = -1;
      break;
    }
    child.received.append(buffer, size_t(got));
  }
  size_t end;
  while ((end = child.received.find('\n')) != std::string::npos) {
    Expected<RankResult> report = decode(child.received.substr(0, end));
    child.received.erase(0, end + 1);
    if (report)
      child.result = std::move(*report);
    else
      onFailure(child, report.status(), false);
  }
  if (std::all_of(children_.begin(), children_.end(), [](const Child &other) { return other.result.has_value(); }))
    lingerEnd_ = std::min(lingerEnd_, Clock::now() + Lingering);
}

void Supervision::reap() {
  for (Child &child : children_) {
    int status = 0;
    if (child.pid <= 0)
      continue;
    const pid_t ended = ::waitpid(child.pid, &status, WNOHANG);
    if (ended == child.pid || (ended < 0 && errno == ECHILD)) // somebody else took its status
      onExit(child, ended < 0 ? 0 : status);
  }
}

void Supervision::onExit(Child &child, int status) {
  if (child.report >= 0)
    readReport(child);
  const pid_t pid = child.pid;
  child.pid = -1;
  if (WIFSIGNALED(status))
    killed_.push_back(pid);
  const bool stopped = state_ == State::Terminating || state_ == State::Killed;
  const Phase phase = Phase(board_.slot(rankOf(child)).phase.load());
  if (WIFSIGNALED(status) && !stopped) {
    const int signal = WTERMSIG(status);
    std::string hint;
    if (signal == SIGKILL)
      hint = "; if nobody killed it, this machine is out of memory";
    else if (signal == SIGBUS)
      hint = "; " + busErrorHint(setup_.options, phase >= Phase::Connecting);
    onFailure(child,
              {FARO_INTERNAL, fmt::format("rank {} (process {}) was ended by {} while {}{}", rankOf(child), pid,
                                          signalName(signal), phaseName(phase), hint)},
              true);
  } else if (WIFEXITED(status) && child.error && !(child.result && WEXITSTATUS(status) == 0) && !stopped) {
    onFailure(child,
              {FARO_INTERNAL, fmt::format("rank {} (process {}) ended with exit status {} while {}, without a report",
                                          rankOf(child), pid, WEXITSTATUS(status), phaseName(phase))},
              true);
  }
}

/// `explains`: nothing that another rank might still say can explain more.
void Supervision::onFailure(Child &child, Status error, bool explains) {
  if (child.error && !error)
    child.error = std::move(error);
  if (state_ == State::Running && !explains) {
    state_ = State::Settling;
    next_ = Clock::now() + Settling;
  } else if (explains && state_ != State::Killed) {
    stop(Clock::now() + Grace);
  }
}

void Supervision::onTime() {
  const Clock::time_point now = Clock::now();
  if (state_ == State::Running && now >= setup_.deadline.end()) {
    own_ = {FARO_DEADLINE_EXCEEDED,
            fmt::format("not done after {:g} s (--timeout): {}", setup_.options.timeout, board_.describe())};
    stop(now + Grace);
  }
  if (state_ == State::Running && now >= lingerEnd_) {
    own_ = {FARO_DEADLINE_EXCEEDED, "all ranks have reported, but not all of them end"};
    stop(now + Grace);
  }
  if (now < next_)
    return;
  if (state_ == State::Settling) {
    stop(now + Grace);
  } else if (state_ == State::Terminating) {
    sendAll(SIGKILL);
    state_ = State::Killed;
    next_ = Clock::time_point::max();
  }
}

void Supervision::stop(Clock::time_point killAt) {
  if (state_ == State::Killed)
    return;
  if (state_ != State::Terminating)
    stopped_ = describeStopped();
  sendAll(SIGTERM);
  // A rank that was stopped gets no other signal before it goes on.
  sendAll(SIGCONT);
  next_ = state_ == State::Terminating ? std::min(next_, killAt) : killAt;
  state_ = State::Terminating;
}

void Supervision::sendAll(int signal) {
  for (const Child &child : children_)
    if (child.pid > 0) // not reaped: the number is still this child's
      ::kill(child.pid, signal);
}

std::string Supervision::describeStopped() const {
  constexpr int Most = 8;
  std::string text;
  int stopped = 0;
  for (const Child &child : children_)
    if (child.pid > 0 && isStopped(child.pid) && ++stopped <= Most)
      text += fmt::format("; rank {} (process {}) is stopped, by SIGSTOP or a debugger", rankOf(child), child.pid);
  return stopped > Most ? text + fmt::format("; {} more are, too", stopped - Most) : text;
}

bool Supervision::anyLeft() const {
  return std::any_of(children_.begin(), children_.end(), [](const Child &child) { return child.pid > 0; });
}

Outcome Supervision::outcome() const {
  Outcome outcome;
  if (interrupted_) {
    outcome.status = {FARO_ABORTED, fmt::format("ended by {}; all ranks are gone", signalName(interrupted_))};
    outcome.exitStatus = 128 + interrupted_;
    return outcome;
  }
  outcome.status = own_;
  for (const Child &child : children_)
    if (!child.error) {
      if (outcome.status || explanatoryRank(child.error.code()) < explanatoryRank(outcome.status.code()))
        outcome.status = child.error;
    } else if (child.result) {
      outcome.results.push_back(*child.result);
    }
  if (outcome.status && outcome.results.size() != children_.size())
    outcome.status = {FARO_INTERNAL, "not all ranks have reported"};
  if (!outcome.status && !stopped_.empty())
    outcome.status = {outcome.status.code(), outcome.status.message() + stopped_};
  outcome.exitStatus = outcome.status ? 0 : 1;
  return outcome;
}

} // namespace

Outcome runProcesses(const Setup &setup, int argc, char **argv, const std::string &transport) {
  const auto failed = [](const Status &status) { return Outcome{status, 1, {}}; };
  Expected<ChildFactory> factory = ChildFactory::create(argc, argv, setup.job.topology, transport);
  if (!factory)
    return failed(factory.status());
  Expected<ProgressBoard> board = ProgressBoard::create(setup.job.ranks());
  if (!board)
    return failed(board.status());
  Supervision supervision(setup, *board);
  return supervision.run(*factory);
}

} // namespace faro::run
