#include "cli/grafts.h"

#include <absl/strings/str_cat.h>
#include <fcntl.h>

#include <algorithm>
#include <cerrno>

#include "cli/output.h"
#include "cli/policy_values.h"
#include "cli/view_options.h"
#include "os/file.h"
#include "os/mount.h"

namespace sluice::cli {
namespace {

absl::Status unusable(std::string_view what) {
  return problem(absl::StatusCode::kInvalidArgument, what, kHowPlaces);
}

// What is wrong with a graft, and where it was written. What a policy says is as wrong as any word.
absl::Status of_graft(const PolicyGraft& graft, const Place& place, const absl::Status& status) {
  if (graft.place.file == nullptr) return status;
  return absl::Status(absl::StatusCode::kInvalidArgument,
                      absl::StrCat(place_text(place), ": ", status.message()));
}

// Where the tree that it is in can be looked at, the place is a directory of it.
absl::Status check_place(const PolicyGraft& graft, const os::Fd& tree, std::string_view rest) {
  const auto there = os::open_beneath(tree.get(), rest, O_PATH | O_DIRECTORY);
  if (there.ok()) return absl::OkStatus();
  const int error = there.failure().error;
  if (error != ENOENT && error != ENOTDIR && error != ELOOP)
    return absl::OkStatus();  // the service says
  return of_graft(graft, graft.place,
                  problem({ENOTDIR, core::Reason::kGraftPlace},
                          absl::StrCat("graft at ", in_quotes(graft.at))));
}

absl::StatusOr<os::Fd> open_graft(const PolicyGraft& graft) {
  auto source = open_source(graft.directory, "directory");
  if (!source.ok()) return of_graft(graft, graft.directory_place, source.status());
  constexpr uint64_t kFuse = 0x65735546;  // another view among them
  if (auto magic = os::filesystem_magic(source->fd.get()); magic.ok() && *magic == kFuse) {
    return of_graft(graft, graft.directory_place,
                    problem({EINVAL, core::Reason::kSourceStacked},
                            absl::StrCat("directory ", in_quotes(graft.directory))));
  }
  return std::move(source->fd);
}

}  // namespace

absl::Status add_grafts(Policy& policy, const std::vector<std::string>& words) {
  std::vector<std::string> places;
  for (const std::string& word : words) {
    const size_t equals = word.find('=');
    PolicyGraft graft{word.substr(0, equals),
                      equals == std::string::npos ? "" : word.substr(equals + 1),
                      false,
                      {},
                      {}};
    graft.read_only = graft.directory.ends_with(":ro");
    if (graft.read_only) graft.directory.resize(graft.directory.size() - 3);
    const core::Graft place{graft.at, graft.read_only};
    if (graft.directory.empty() || !core::valid_grafts({&place, 1})) {
      return unusable(absl::StrCat("--graft ", in_quotes(word), " is not AT=DIRECTORY"));
    }
    if (std::find(places.begin(), places.end(), graft.at) != places.end()) {
      return problem(absl::StatusCode::kInvalidArgument,
                     absl::StrCat("--graft: two at one place, ", in_quotes(graft.at)),
                     "name each place once");
    }
    places.push_back(graft.at);
    put_graft(policy, std::move(graft));
  }
  return absl::OkStatus();
}

std::vector<core::Graft> places_of(const std::vector<PolicyGraft>& grafts) {
  std::vector<core::Graft> places;
  for (const PolicyGraft& graft : grafts) places.push_back({graft.at, graft.read_only});
  return places;
}

absl::StatusOr<Grafts> open_grafts(const std::vector<PolicyGraft>& grafts, const os::Fd* source) {
  Grafts opened;
  if (grafts.size() > core::kMostGrafts) {
    return of_graft(grafts.back(), grafts.back().place,
                    problem(absl::StatusCode::kInvalidArgument,
                            absl::StrCat("there are more than ", core::kMostGrafts, " grafts"),
                            "graft fewer directories"));
  }
  for (const PolicyGraft& graft : grafts) {
    const core::Place place = core::place_of(opened.places, graft.at);
    const os::Fd* tree = place.root == 0 ? source : &opened.directories[place.root - 1];
    if (tree != nullptr && *tree) {
      if (auto status = check_place(graft, *tree, place.rest); !status.ok()) return status;
    }
    auto directory = open_graft(graft);
    if (!directory.ok()) return directory.status();
    opened.directories.push_back(*std::move(directory));
    opened.places.push_back({graft.at, graft.read_only});
  }
  return opened;
}

}  // namespace sluice::cli
