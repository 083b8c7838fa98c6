#include "runtime/core/Thread.h"
#include "runtime/tools/faro-run/Child.h"

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

extern char **environ;

namespace faro::run {

namespace {

Status randomBytes(void *out, size_t size) {
  if (::getrandom(out, size, 0) != ssize_t(size))
    return {FARO_UNAVAILABLE, fmt::format("the system gives no random numbers: {}", std::strerror(errno))};
  return Status::ok();
}

bool portIsFree(uint16_t port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket < 0)
    return false;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  const bool free =
      ::bind(socket, reinterpret_cast<const sockaddr *>(&address), sizeof address) == 0 && ::listen(socket, 1) == 0;
  ::close(socket);
  return free;
}

/// A port below those that the kernel hands to outgoing connections, so that none of them takes it before rank 0 does.
Expected<uint16_t> freePort() {
  constexpr uint16_t First = 20000, Count = 12000;
  for (int attempt = 0; attempt < 200; ++attempt) {
    uint16_t random = 0;
    FARO_RETURN_IF_ERROR(randomBytes(&random, sizeof random));
    const uint16_t port = uint16_t(First + random % Count);
    if (portIsFree(port))
      return port;
  }
  return Status(FARO_UNAVAILABLE, fmt::format("found no free port between {} and {} on the loopback interface", First,
                                              First + Count - 1));
}

/// Text for execve, which wants plain arrays that exist before the fork.
class ExecStrings {
public:
  explicit ExecStrings(std::vector<std::string> strings) : strings_(std::move(strings)) {
    for (std::string &text : strings_)
      pointers_.push_back(text.data());
    pointers_.push_back(nullptr);
  }
  char **data() { return pointers_.data(); }

private:
  std::vector<std::string> strings_;
  std::vector<char *> pointers_;
};

// FARO_MASTER_PORT and FARO_NODE would win over the MASTER_PORT and GROUP_RANK that are chosen here.
constexpr std::array Overridden = {"RANK",        "WORLD_SIZE",       "LOCAL_RANK",      "LOCAL_WORLD_SIZE",
                                   "GROUP_RANK",  "GROUP_WORLD_SIZE", "FARO_NODE",       "MASTER_ADDR",
                                   "MASTER_PORT", "FARO_MASTER_PORT", "FARO_JOB_SECRET", "FARO_TRANSPORT",
                                   "FARO_TIMEOUT"};

bool isOverridden(const char *entry) {
  for (const char *name : Overridden)
    if (const size_t length = std::strlen(name); std::strncmp(entry, name, length) == 0 && entry[length] == '=')
      return true;
  return false;
}

} // namespace

std::string ChildOrders::encode() const {
  return fmt::format("{}:{}:{}:{}:{}", reportFd, boardFd, outputFd, parent,
                     std::chrono::nanoseconds(end.time_since_epoch()).count());
}

bool ChildOrders::decode(const std::string &text, ChildOrders &orders) {
  long long parent = 0, end = 0;
  int used = 0;
  if (std::sscanf(text.c_str(), "%d:%d:%d:%lld:%lld%n", &orders.reportFd, &orders.boardFd, &orders.outputFd, &parent,
                  &end, &used) != 5 ||
      size_t(used) != text.size())
    return false;
  orders.parent = pid_t(parent);
  orders.end = std::chrono::steady_clock::time_point(std::chrono::nanoseconds(end));
  return true;
}

Expected<ChildFactory> ChildFactory::create(int argc, char **argv, const Topology &topology,
                                            const std::string &transport) {
  ChildFactory factory;
  factory.arguments_.assign(argv, argv + argc);
  factory.topology_ = topology;
  factory.transport_ = transport;
  Expected<uint16_t> port = freePort();
  if (!port)
    return port.status();
  factory.port_ = std::to_string(*port);
  uint64_t secret[2];
  FARO_RETURN_IF_ERROR(randomBytes(secret, sizeof secret));
  factory.secret_ = fmt::format("{:016x}{:016x}", secret[0], secret[1]);
  return factory;
}

Expected<pid_t> ChildFactory::start(uint32_t rank, const ChildOrders &orders) const {
  // Behind the program's name: whatever the arguments end with, it is still read as an option.
  std::vector<std::string> arguments = arguments_;
  arguments.insert(arguments.begin() + 1, "--internal-child=" + orders.encode());
  std::vector<std::string> environment;
  for (char **entry = environ; *entry; ++entry)
    if (!isOverridden(*entry))
      environment.push_back(*entry);
  const auto set = [&](const char *name, const std::string &value) {
    environment.push_back(fmt::format("{}={}", name, value));
  };
  set("RANK", std::to_string(rank));
  set("WORLD_SIZE", std::to_string(topology_.ranks()));
  const uint32_t node = topology_.nodeOf(rank);
  set("LOCAL_RANK", std::to_string(topology_.localIndex(rank)));
  set("LOCAL_WORLD_SIZE", std::to_string(topology_.ranksOf(node).size()));
  set("GROUP_RANK", std::to_string(node));
  set("GROUP_WORLD_SIZE", std::to_string(topology_.nodes()));
  set("MASTER_ADDR", "127.0.0.1");
  set("MASTER_PORT", port_);
  set("FARO_JOB_SECRET", secret_);
  set("FARO_TRANSPORT", transport_);
  ExecStrings argv(std::move(arguments)), envp(std::move(environment));

  const pid_t pid = ::fork();
  if (pid < 0)
    return Status(FARO_UNAVAILABLE, fmt::format("cannot start rank {}: {}", rank,
                                                errno == EAGAIN ? describeNoThread(std::strerror(errno))
                                                                : std::string(std::strerror(errno))));
  if (pid > 0)
    return pid;

  // The child. Only calls that are safe between fork and exec.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != orders.parent) // the parent died before the line above
    ::_exit(1);
  // Ctrl-C at a terminal goes to the parent's group: the parent passes it on, and says so once.
  ::setpgid(0, 0);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int fd : {orders.reportFd, orders.boardFd, orders.outputFd})
    if (fd >= 0)
      ::fcntl(fd, F_SETFD, 0);
  ::execve("/proc/self/exe", argv.data(), envp.data());
  ::_exit(127);
}

} // namespace faro::run
