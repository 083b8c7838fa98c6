#include "tests/bench/device/child.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace faro::bench {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr size_t LongestAnswer = 1 << 16, LongestSaid = 1 << 12, Quoted = 900;

static void closeEnd(int &fd) {
  if (fd >= 0)
    ::close(fd);
  fd = -1;
}

Expected<std::unique_ptr<Child>> Child::start(std::string who, std::vector<std::string> arguments, int memory,
                                              milliseconds patience) {
  std::unique_ptr<Child> child(new Child(std::move(who), patience));
  FARO_RETURN_IF_ERROR(child->spawn(std::move(arguments), memory));
  return child;
}

Status Child::spawn(std::vector<std::string> arguments, int memory) {
  int in[2] = {-1, -1}, out[2] = {-1, -1}, said[2] = {-1, -1}, failure[2] = {-1, -1};
  // Its input is a socket: writing to a pipe that nobody reads any more would be a signal.
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in) != 0 || ::pipe2(out, O_CLOEXEC) != 0 ||
      ::pipe2(said, O_CLOEXEC) != 0 || ::pipe2(failure, O_CLOEXEC) != 0)
    return error(fmt::format("cannot be started: no pipes to it: {}", std::strerror(errno)));
  std::vector<char *> argv;
  for (std::string &argument : arguments)
    argv.push_back(argument.data());
  argv.push_back(nullptr);

  const pid_t parent = ::getpid();
  process = ::fork();
  if (process == 0) {
    // Only calls that are safe between fork and exec. Its own group, so that what it starts ends with it.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::setpgid(0, 0);
    if (::getppid() == parent && ::dup2(in[1], 0) == 0 && ::dup2(out[1], 1) == 1 && ::dup2(said[1], 2) == 2 &&
        ::fcntl(memory, F_SETFD, 0) == 0)
      ::execvp(argv[0], argv.data());
    const int why = errno;
    [[maybe_unused]] const ssize_t wrote = ::write(failure[1], &why, sizeof why);
    ::_exit(127);
  }
  const int forkFailed = process < 0 ? errno : 0;
  closeEnd(in[1]), closeEnd(out[1]), closeEnd(said[1]), closeEnd(failure[1]);
  commands = in[0], answers = out[0], errors = said[0];
  int why = forkFailed;
  if (!forkFailed && ::read(failure[0], &why, sizeof why) != ssize_t(sizeof why))
    why = 0; // closed by exec
  closeEnd(failure[0]);
  if (why)
    return Status(FARO_INVALID_ARGUMENT, fmt::format("{} cannot be started: {}", who, std::strerror(why)));
  ::fcntl(answers, F_SETFL, O_NONBLOCK);
  ::fcntl(errors, F_SETFL, O_NONBLOCK);
  return Status::ok();
}

Child::~Child() {
  if (process > 0 && !ended) {
    ::kill(-process, SIGKILL);
    // A process that is in the middle of a call of a driver may take a while to go.
    for (const auto end = Clock::now() + std::chrono::seconds(10); !hasEnded() && Clock::now() < end;)
      ::usleep(1000);
  }
  closeEnd(commands), closeEnd(answers), closeEnd(errors);
}

bool Child::hasEnded() {
  siginfo_t seen{};
  if (!ended && ::waitid(P_PID, id_t(process), &seen, WEXITED | WNOHANG | WNOWAIT) == 0 && seen.si_pid == process) {
    ::kill(-process, SIGKILL); // what it left, while its number is nobody else's
    ended = ::waitpid(process, &status, 0) == process;
  }
  return ended;
}

bool Child::takeLine(std::string &taken) {
  const size_t end = unread.find('\n');
  if (end == std::string::npos)
    return false;
  taken = unread.substr(0, end);
  unread.erase(0, end + 1);
  return true;
}

/// All that is there. False at its end.
static bool readAll(int fd, std::string &into, size_t longest) {
  char part[4096];
  while (into.size() <= longest) {
    const ssize_t got = ::read(fd, part, sizeof part);
    if (got > 0)
      into.append(part, size_t(got));
    else
      return got < 0 && (errno == EAGAIN || errno == EINTR);
  }
  return true;
}

void Child::listen(milliseconds longest) {
  pollfd ends[2] = {{answers, POLLIN, 0}, {errors, POLLIN, 0}}; // poll passes over those that are -1
  if (::poll(ends, 2, int(longest.count())) < 0)
    return;
  if (errors >= 0) {
    if (!readAll(errors, said, said.size() + LongestSaid))
      closeEnd(errors);
    if (said.size() > LongestSaid)
      said.erase(0, said.size() - LongestSaid);
  }
  if (answers >= 0 && !readAll(answers, unread, LongestAnswer))
    closeEnd(answers);
}

Status Child::send(const std::string &text, const std::string &what) {
  const std::string whole = text + "\n";
  const ssize_t sent = ::send(commands, whole.data(), whole.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent == ssize_t(whole.size()))
    return Status::ok();
  // It reads each line before it answers, and lines are far shorter than a socket holds.
  if (sent < 0 && (errno == EPIPE || errno == ECONNRESET))
    return error(fmt::format("{} when it was asked to {}", howItEnded(), what));
  return error(fmt::format("cannot be asked to {}: {}", what, sent < 0 ? std::strerror(errno) : "it does not read"));
}

Expected<std::string> Child::ask(const std::string &text, const std::string &what) {
  FARO_RETURN_IF_ERROR(send(text, what));
  const auto deadline = Clock::now() + patience;
  for (std::string answer;;) {
    if (takeLine(answer))
      return answer;
    if (unread.size() > LongestAnswer)
      return error(
          fmt::format("answers more than {} bytes without the end of a line when asked to {}", LongestAnswer, what));
    // What it wrote before it ended is read after it was seen to have ended.
    const bool over = hasEnded() || answers < 0;
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now());
    if (!over && left.count() <= 0)
      return error(fmt::format("does not answer within {:g} s when asked to {} (--torch-timeout)",
                               double(patience.count()) * 1e-3, what));
    // In short steps: its end is not seen here while a process that it started holds the line.
    listen(over ? milliseconds(0) : std::min(left, milliseconds(100)));
    if (over && unread.find('\n') == std::string::npos)
      return error(fmt::format("{} when it was asked to {}", howItEnded(), what));
  }
}

std::string Child::howItEnded() {
  // It may have closed its output a moment before it ends.
  for (const auto end = Clock::now() + std::chrono::seconds(1); !hasEnded() && Clock::now() < end;)
    listen(milliseconds(10));
  if (!ended)
    return "closed its output";
  if (WIFSIGNALED(status))
    return fmt::format("was ended by signal {} ({})", WTERMSIG(status), ::strsignal(WTERMSIG(status)));
  return fmt::format("ended with exit status {}", WEXITSTATUS(status));
}

/// Lines, side by side: a message is one line.
static std::string inOneLine(const std::string &text) {
  std::string out;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    if (end > begin)
      out += (out.empty() ? "" : " | ") + text.substr(begin, end - begin);
    begin = end + 1;
  }
  return out.size() > Quoted ? "..." + out.substr(out.size() - Quoted) : out;
}

Status Child::error(const std::string &what) {
  listen(milliseconds(0));
  const std::string quoted = inOneLine(said);
  return Status(FARO_INTERNAL, fmt::format("{}{} {}{}{}", who, process > 0 ? fmt::format(" (process {})", process) : "",
                                           what, quoted.empty() ? "" : "; on standard error it said: ", quoted));
}

} // namespace faro::bench
