// What a failure is and says.
#pragma once

#include "faro/status.h"

#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace faro::test {

/// The code, and a message that says all of these.
inline void expectStatus(const Status &status, faro_status code, const std::vector<std::string> &words) {
  EXPECT_EQ(status.code(), code) << status.message();
  for (const std::string &word : words)
    EXPECT_NE(status.message().find(word), std::string::npos) << "'" << word << "' in: " << status.message();
}

} // namespace faro::test
