// What the ucx transport says of a UCX that another library brought into the process, with a UCX that has nothing else.
#include "plugins/ucx/Version.h"

#include <gtest/gtest.h>
#include <string>
#include <ucp/api/ucp.h>

static unsigned loadedMajor, loadedMinor;

extern "C" void ucp_get_version(unsigned *major, unsigned *minor, unsigned *release) {
  *major = loadedMajor;
  *minor = loadedMinor;
  *release = 9;
}

namespace faro::ucx {
namespace {

Status check(unsigned major, unsigned minor) {
  loadedMajor = major;
  loadedMinor = minor;
  return checkVersion();
}

TEST(UcxVersion, ThatWasBuiltForOrANewerOneServes) {
  EXPECT_TRUE(check(UCP_API_MAJOR, UCP_API_MINOR));
  EXPECT_TRUE(check(UCP_API_MAJOR, UCP_API_MINOR + 1));
  EXPECT_TRUE(check(UCP_API_MAJOR + 1, 0));
}

TEST(UcxVersion, OlderThanTheOneBuiltForIsRefusedWithItsPlace) {
  const Status refused = check(UCP_API_MAJOR, UCP_API_MINOR - 1);
  EXPECT_EQ(refused.code(), FARO_VERSION_MISMATCH);
  for (const std::string &word :
       {"UCX " + std::to_string(UCP_API_MAJOR) + "." + std::to_string(UCP_API_MINOR - 1) + ".9",
        "for UCX " + std::to_string(UCP_API_MAJOR) + "." + std::to_string(UCP_API_MINOR),
        std::string("ucx_version_test")})
    EXPECT_NE(refused.message().find(word), std::string::npos) << word << " in: " << refused.message();
}

} // namespace
} // namespace faro::ucx
