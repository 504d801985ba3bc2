// Whose writing no security module judges.
#include "core/label.h"

#include <gtest/gtest.h>

namespace sluice::core {
namespace {

// As the kernel gives them: AppArmor's of Debian and Ubuntu, SELinux's of Fedora's targeted policy, Smack's.
TEST(Label, WhoIsUnconfined) {
  for (const std::string_view label :
       {"", "unconfined", "podman (unconfined)", "unconfined_u:unconfined_r:unconfined_t:s0-s0:c0.c1023",
        "system_u:system_r:unconfined_service_t:s0", "unconfined_u:unconfined_r:unconfined_t"}) {
    EXPECT_TRUE(is_unconfined(label)) << label;
  }
  EXPECT_TRUE(is_unconfined(std::string_view("unconfined\0", 11))) << "with its end";
}

TEST(Label, WhoIsNot) {
  for (const std::string_view label :
       {// AppArmor, in its modes, stacked, and of a container's own policy namespace
        "/usr/sbin/cupsd (enforce)", "firefox (complain)", "unconfined (enforce)", "unconfined-looking (enforce)",
        "docker-default//&unconfined (enforce)", "docker-default (enforce)//&podman (unconfined)",
        ":lxd-box_<var-lib-lxd>:unconfined", ":lxd-box://&podman (unconfined)", ":lxd-box_<var-lib-lxd>:podman (unconfined)",
        // SELinux: user and role do not say it
        "unconfined_u:unconfined_r:mozilla_plugin_t:s0-s0:c0.c1023", "unconfined_u:unconfined_r:container_t:s0:c1,c2",
        "system_u:system_r:httpd_t:s0", "user_u:user_r:user_t:s0", "system_u:object_r:unlabeled_t:s0",
        "unconfined_u:unconfined_r:unconfined_t_not:s0", "unconfined_t", "unconfined_r:unconfined_t",
        // Smack, and nonsense
        "_", "User", "kernel", " unconfined", "unconfined ", ":", "::", ":::"}) {
    EXPECT_FALSE(is_unconfined(label)) << label;
  }
  EXPECT_FALSE(is_unconfined(std::string_view("unconfined\0x", 12)));
}

}  // namespace
}  // namespace sluice::core
