// All public headers, and a spec compiled just in time.
#include "faro/device_shuffle.h"
#include "faro/faro.h"
#include "faro/session.h"

#include <cstdio>
#include <fstream>
#include <iterator>

int main(int argc, char **argv) {
  if (argc != 2)
    return 2;
  std::ifstream file(argv[1]);
  const std::string spec(std::istreambuf_iterator<char>(file), {});
  const auto module = faro::Module::compile(spec, argv[1]);
  const auto ranks = faro::Communicator::createLocal(1, std::chrono::seconds(10));
  if (!module || !ranks) {
    std::fprintf(stderr, "%s\n", (module ? ranks.status() : module.status()).message().c_str());
    return 1;
  }
  const auto session = faro::Session::create((*ranks)[0], *module);
  std::puts(session ? "a session" : session.status().message().c_str());
  return session ? 0 : 1;
}
