// Which connection an open /dev/fuse serves, as the kernel writes it.
#include "wire/fdinfo.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::wire {
namespace {

// Of Linux 6.18, of a device that is mounted.
constexpr std::string_view kMounted =
    "pos:\t0\nflags:\t0100002\nmnt_id:\t25\nino:\t90\nfuse_connection:\t72\n";

TEST(Fdinfo, TheConnection) {
  EXPECT_EQ(connection_in_fdinfo(kMounted), 72u);
  EXPECT_EQ(connection_in_fdinfo("fuse_connection:\t1"), 1u) << "without the last line feed";
  EXPECT_EQ(connection_in_fdinfo("fuse_connection: \t1048575\npos:\t0\n"), 1048575u);
}

TEST(Fdinfo, ThereIsNone) {
  for (const std::string_view text : {"", "\n", "\n\n\n", "pos:\t0\nflags:\t0100002\nmnt_id:\t25\nino:\t90\n",
                                      "pos:\t0\nx fuse_connection:\t72\n", "fuse_connections:\t72\n", "fuse_connection",
                                      "some_other_line:\t72\n"}) {
    EXPECT_FALSE(connection_in_fdinfo(text)) << text;
  }
}

// The number is the kernel's or there is none: the first line of that name decides.
TEST(Fdinfo, WhatIsNoNumber) {
  for (const char* value : {"", "\t", "\t0", "\t-1", "\t+1", "\t1x", "\t0x10", "\t1 ", "\t12345678", "\t18446744073709551688"}) {
    EXPECT_FALSE(connection_in_fdinfo(std::string("pos:\t0\nfuse_connection:") + value + "\nfuse_connection:\t72\n"))
        << value;
  }
}

TEST(Fdinfo, CutAnywhere) {
  for (size_t length = 0; length < kMounted.size(); ++length) {
    const auto found = connection_in_fdinfo(std::string(kMounted.substr(0, length)));
    EXPECT_TRUE(!found || *found == 7u || *found == 72u) << length;
  }
}

}  // namespace
}  // namespace sluice::wire
