// Holes of the kernel's FUSE that a worker which was taken over could use, and how to tell.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::cli {

struct KernelVersion {
  int major = 0;
  int minor = 0;
  friend auto operator<=>(const KernelVersion&, const KernelVersion&) = default;
};
// Of a release such as "6.18.44-rt"; 0.0: not to be read.
KernelVersion version_of(std::string_view release);

struct KernelHole {
  std::string_view name;
  std::string_view what;
  KernelVersion from;   // the first release that has it
  KernelVersion fixed;  // the first release without; stable kernels have the fix too, which no number tells
};

// Those that are in what a worker may write: its replies. Sources: the kernel's CVE announcements; the
// first is in fuse_add_dirent_to_cache() since names may have 4,095 bytes (6.15), the second in
// fuse_do_readpage().
inline constexpr std::array<KernelHole, 2> kKernelHoles = {{
    {"CVE-2026-31694", "a listing with an overlong name writes past a page of the kernel", {6, 15}, {7, 1}},
    {"CVE-2024-44947", "a page beyond the end of a file shows old memory", {6, 9}, {6, 11}},
}};

// Those that this release has, unless its maker has taken the fix over.
std::vector<const KernelHole*> holes_of(KernelVersion version);

}  // namespace sluice::cli
