#include "cli/touches.h"

#include <utility>

#include "os/channel.h"
#include "os/poller.h"

namespace sluice::cli {
namespace {

constexpr int kPatienceMilliseconds = 100;
// How often nothing may have come after the command's end, before the view's end is not waited for.
constexpr int kMostPatience = 50;

}  // namespace

void Touches::take(std::span<const uint8_t> bytes) {
  if (broken_) return;
  rest_.insert(rest_.end(), bytes.begin(), bytes.end());
  std::span<const uint8_t> left(rest_);
  for (;;) {
    const auto touch = wire::decode_touch(left);
    if (!touch.ok()) {
      broken_ = true;
      ++lost_;
      rest_.clear();
      return;
    }
    if (touch->length == 0) break;
    add(*touch);
    left = left.subspan(touch->length);
  }
  rest_.erase(rest_.begin(), rest_.end() - static_cast<ptrdiff_t>(left.size()));
}

void Touches::add(const wire::Touch& touch) {
  lost_ += touch.header.lost;
  if (touch.path.empty()) return;  // the source itself, of which rules say nothing
  const std::string path(touch.path);
  auto found = paths_.find(path);
  if (found == paths_.end()) {
    if (paths_.size() == kMostTouchedPaths || bytes_ + path.size() > kMostTouchedBytes) {
      ++lost_;
      return;
    }
    bytes_ += path.size();
    found = paths_.emplace(path, Touched{}).first;
  }
  found->second.ways |= 1u << static_cast<uint32_t>(touch.header.way);
  found->second.is_directory |= touch.header.is_directory != 0;
}

void TouchReader::begin(os::Fd pipe) {
  pipe_ = std::move(pipe);
  thread_ = std::thread([this] { read(); });
}

void TouchReader::read() {
  std::vector<uint8_t> buffer(64 * 1024);
  for (int patience = 0; patience < kMostPatience;) {
    const auto readable = os::wait_readable(pipe_.get(), kPatienceMilliseconds);
    if (!readable.ok() && readable.failure().error != EINTR) return;
    if (!readable.ok() || !*readable) {
      if (ending_) ++patience;
      continue;
    }
    const auto length = os::read_message(pipe_.get(), buffer);
    if (!length.ok() || *length == 0) return;
    touches_.take(std::span(buffer).first(*length));
  }
}

const Touches& TouchReader::finish() {
  ending_ = true;
  if (thread_.joinable()) thread_.join();
  return touches_;
}

}  // namespace sluice::cli
