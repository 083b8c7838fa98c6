// A process that works only while it is asked to: a line goes in, a line comes out. No wait has no end.
#pragma once

#include "faro/status.h"

#include <chrono>
#include <memory>
#include <string>
#include <sys/types.h>
#include <vector>

namespace faro::bench {

class Child {
public:
  /// `arguments`: the program, a path or a name to look for in PATH, and what it is given. It inherits `memory`, a file
  /// descriptor, under the same number. `who` is what messages call it.
  static Expected<std::unique_ptr<Child>> start(std::string who, std::vector<std::string> arguments, int memory,
                                                std::chrono::milliseconds patience);
  /// Ends the process. It ends as well when this process does, however that comes about.
  ~Child();
  Child(const Child &) = delete;
  Child &operator=(const Child &) = delete;

  /// The answer, without the end of its line. Errors: the process ended, closed its output, or did not answer in time;
  /// they hold what it said on standard error. `what`: for messages.
  Expected<std::string> ask(const std::string &line, const std::string &what);
  /// An error about this process, with what it said on standard error, if anything.
  Status error(const std::string &what);

private:
  Child(std::string who, std::chrono::milliseconds patience) : who(std::move(who)), patience(patience) {}
  Status spawn(std::vector<std::string> arguments, int memory);
  Status send(const std::string &line, const std::string &what);
  bool takeLine(std::string &line);
  void listen(std::chrono::milliseconds longest);
  bool hasEnded();
  std::string howItEnded();

  const std::string who;
  const std::chrono::milliseconds patience; ///< for an answer
  pid_t process = -1;
  int commands = -1, answers = -1, errors = -1; ///< its standard input, output and error; -1: closed
  bool ended = false;
  int status = 0;           ///< once it has ended
  std::string unread, said; ///< of its answers; the end of what came on standard error
};

} // namespace faro::bench
