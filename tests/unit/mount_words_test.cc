// The words of mount.sluice: what divides them, what is taken, what is refused, and whose line it was.
#include "cli/mount_words.h"

#include <gtest/gtest.h>

#include "cli/fstab.h"
#include "cli/mount_field.h"

namespace sluice::cli {
namespace {

absl::StatusOr<MountWords> take(const std::vector<std::string>& words) {
  auto divided = divide_mount_words(words);
  if (!divided.ok()) return divided;
  if (auto status = take_mount_options(&*divided); !status.ok()) return status;
  return divided;
}
absl::StatusOr<MountWords> take_options(const std::string& options) {
  return take({"/source", "/target", "-o", options});
}
std::string refusal_of(const std::string& options) {
  const auto taken = take_options(options);
  return taken.ok() ? "taken" : std::string(taken.status().message());
}
std::vector<std::string> values(const std::string& list) {
  std::vector<std::string> out;
  const auto options = split_mount_options(list);
  if (!options.ok()) return {"refused"};
  for (const MountOption& option : *options) out.push_back(option.name + (option.value ? "|" + *option.value : ""));
  return out;
}
using Strings = std::vector<std::string>;

TEST(MountWords, CommasDivideOutsideOfQuotesAndUnescaped) {
  EXPECT_EQ(values("ro,hide=*.key"), (Strings{"ro", "hide|*.key"}));
  EXPECT_EQ(values("hide=\"a,b\",ro"), (Strings{"hide|a,b", "ro"}));
  EXPECT_EQ(values("\"hide=a,b\",ro"), (Strings{"hide=a,b", "ro"}));  // as mount(8) divides it
  EXPECT_EQ(values("hide=a\\,b,ro"), (Strings{"hide|a,b", "ro"}));
  EXPECT_EQ(values("hide=a\\\\,ro"), (Strings{"hide|a\\", "ro"}));
  EXPECT_EQ(values("hide=a\\\"b,ro"), (Strings{"hide|a\"b", "ro"}));
  EXPECT_EQ(values("hide=\\*x,hide=\\!y"), (Strings{"hide|\\*x", "hide|\\!y"}));
  EXPECT_EQ(values("graft=a=/b:ro"), (Strings{"graft|a=/b:ro"}));
  EXPECT_EQ(values("a=,b"), (Strings{"a|", "b"}));
  EXPECT_EQ(values(",,ro,,"), (Strings{"ro"}));
  EXPECT_EQ(values(""), Strings());
  EXPECT_EQ(values("hide=a\\"), (Strings{"hide|a\\"}));
  EXPECT_EQ(values("hide=\"a,ro"), (Strings{"refused"}));
}
TEST(MountWords, WhatMountGivesIsTaken) {
  const auto words = take({"/source", "/target", "-s", "-f", "-n", "-v", "-o",
                           "rw,policy=office,identity=alice,hide=a,hide=b,coherence=2s,name=n,graft=x=/y,socket=/s",
                           "-t", "fuse.sluice", "-N", "/proc/9/ns/mnt"});
  ASSERT_TRUE(words.ok()) << words.status();
  EXPECT_EQ(words->view.source, "/source");
  EXPECT_EQ(words->target, "/target");
  EXPECT_EQ(words->view.policy, "office");
  EXPECT_EQ(words->view.identity, "alice");
  EXPECT_EQ(words->view.hide, (Strings{"a", "b"}));
  EXPECT_EQ(words->view.coherence, "2s");
  EXPECT_EQ(words->view.name, "n");
  EXPECT_EQ(words->view.graft, (Strings{"x=/y"}));
  EXPECT_EQ(words->view.socket, "/s");
  EXPECT_EQ(words->mount_namespace, "/proc/9/ns/mnt");
  EXPECT_TRUE(words->fake && words->sloppy && words->verbose);
  EXPECT_FALSE(words->view.read_only || words->no_programs);
}
TEST(MountWords, LettersMayStandTogetherAndValuesBehindThem) {
  const auto words = take({"-fvoro,name=n", "/source", "-N/ns", "--", "-target"});
  ASSERT_TRUE(words.ok()) << words.status();
  EXPECT_TRUE(words->fake && words->verbose && words->view.read_only);
  EXPECT_EQ(words->view.name, "n");
  EXPECT_EQ(words->mount_namespace, "/ns");
  EXPECT_EQ(words->target, "-target");
}
TEST(MountWords, OfReadOnlyAndReadWriteTheLastCounts) {
  EXPECT_TRUE(take_options("rw,ro")->view.read_only);
  EXPECT_FALSE(take_options("ro,rw")->view.read_only);
  EXPECT_TRUE(take({"/s", "/t", "-o", "rw", "-r"})->view.read_only);
  EXPECT_FALSE(take({"/s", "/t", "-o", "ro", "-w"})->view.read_only);
  EXPECT_TRUE(take_options("exec,noexec")->no_programs);
  EXPECT_FALSE(take_options("noexec,exec")->no_programs);
}
TEST(MountWords, DeviceNodesAreAskedForByTheirNameAlone) {
  EXPECT_TRUE(take_options("identity=preserve,device_nodes")->view.device_nodes);
  EXPECT_FALSE(take_options("identity=preserve")->view.device_nodes);
  EXPECT_EQ(refusal_of("device_nodes=1"), "option \"device_nodes\" takes no value\nwrite it as device_nodes");
  EXPECT_EQ(refusal_of("device_node"), "no option \"device_node\"\ndid you mean \"device_nodes\"?");
}
TEST(MountWords, WhatIsSaidToOthersIsIgnored) {
  EXPECT_TRUE(take_options("defaults,noauto,auto,nofail,_netdev,user,users,nouser,owner,group,nosuid,nodev,exec,async,"
                           "comment=a b,comment,x-systemd.automount,x-systemd.requires=a.service,x-gvfs-show,X-mount.mkdir=0755")
                  .ok());
}
TEST(MountWords, WhatWouldNotBeHeededIsRefusedByItsName) {
  EXPECT_EQ(refusal_of("polici=office"), "no option \"polici\"\ndid you mean \"policy\"?");
  EXPECT_EQ(refusal_of("noatime"), "no option \"noatime\"\nsee mount.sluice --help");
  EXPECT_EQ(refusal_of("x"), "no option \"x\"\nsee mount.sluice --help");
  EXPECT_EQ(refusal_of("policy=a,ro,policy=a"), "option \"policy\" is given twice\nleave one of them out");
  EXPECT_EQ(refusal_of("policy"), "option \"policy\" has no value\nwrite it as policy=VALUE");
  EXPECT_EQ(refusal_of("hide="), "option \"hide\" has no value\nwrite it as hide=VALUE");
  EXPECT_EQ(refusal_of("ro=1"), "option \"ro\" takes no value\nwrite it as ro");
  EXPECT_EQ(refusal_of("suid"), "option \"suid\": a view is always nosuid\nleave it out");
  EXPECT_EQ(refusal_of("dev"), "option \"dev\": a view is always nodev\nleave it out");
  for (const char* other : {"remount", "bind", "rbind", "move", "allow_other"}) {
    EXPECT_NE(refusal_of(other), "taken") << other;
  }
}
TEST(MountWords, SloppyForgivesWhatIsUnknownAndNothingElse) {
  EXPECT_TRUE(take({"/s", "/t", "-s", "-o", "noatime"}).ok());
  EXPECT_FALSE(take({"/s", "/t", "-s", "-o", "suid"}).ok());
  EXPECT_FALSE(take({"/s", "/t", "-s", "-o", "policy"}).ok());
  EXPECT_FALSE(take({"/s", "/t", "-s", "-o", "name=a,name=b"}).ok());
}
TEST(MountWords, WrongWords) {
  for (const Strings& words : std::vector<Strings>{{}, {"/s"}, {"/s", "/t", "/u"}, {"/s", "/t", "-x"}, {"/s", "/t", "-o"},
                                                   {"/s", "/t", "-N"}, {"/s", "/t", "--ro"}, {"/s", "/t", "-t", "ext4"}}) {
    EXPECT_FALSE(take(words).ok()) << words.size();
  }
  EXPECT_TRUE(take({"--help"})->help);
  EXPECT_TRUE(take({"-V"})->version);
}

TEST(MountField, OctalAndNothingElse) {
  EXPECT_EQ(unescape_mount_field("a\\040b\\011\\134\\043"), "a b\t\\#");
  EXPECT_EQ(unescape_mount_field("\\04"), "\\04");
  EXPECT_EQ(unescape_mount_field("\\x40\\999\\400"), "\\x40\\999\\400");
  EXPECT_EQ(unescape_mount_field("\\"), "\\");
}

std::string place_of(const std::string& text, const Strings& words) {
  return fstab_place("fstab", text, *divide_mount_words(words));
}
TEST(FstabPlace, TheLineWithSourceTargetAndOptions) {
  const std::string text =
      "# /s /t sluice ro 0 0\n"
      "/s /t ext4 hid=x 0 0\n"
      "\n"
      "/s\t/t  sluice  rw,nofail,hid=x  0 0\n"
      "/s /u fuse.sluice hid=a\\040b\n"
      "/s /v sluice\n";
  EXPECT_EQ(place_of(text, {"/s", "/t", "-o", "rw,hid=x"}), "fstab:4");
  EXPECT_EQ(place_of(text, {"/s/", "/t/", "-o", "rw"}), "fstab:4");
  EXPECT_EQ(place_of(text, {"/s", "/u", "-o", "hid=a b"}), "fstab:5");
  EXPECT_EQ(place_of(text, {"/s", "/v", "-o", "rw"}), "fstab:6");
  EXPECT_EQ(place_of(text, {"/s", "/t", "-o", "rw,other"}), "");  // by hand, with other options
  EXPECT_EQ(place_of(text, {"/x", "/t", "-o", "rw"}), "");
  EXPECT_EQ(place_of("", {"/x", "/t"}), "");
}

}  // namespace
}  // namespace sluice::cli
