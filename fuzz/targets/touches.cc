// The record of a view, from a worker that may have been taken over: the same whatever pieces it
// comes in.
#include "cli/touches.h"

#include <fcntl.h>
#include <unistd.h>

#include "core/path.h"
#include "fuzz/target.h"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const size_t piece = 1 + data[0] % 64;
  const std::span stream(data + 1, size - 1);
  cli::Touches whole, pieces;
  whole.take(stream);
  for (size_t at = 0; at < stream.size(); at += piece) {
    pieces.take(stream.subspan(at, std::min(piece, stream.size() - at)));
  }
  FUZZ_HOLDS(whole.lost() == pieces.lost() && whole.paths().size() == pieces.paths().size());
  for (const auto& [path, touched] : whole.paths()) {
    FUZZ_HOLDS(!path.empty() && core::valid_relative(path));
    const auto other = pieces.paths().find(path);
    FUZZ_HOLDS(other != pieces.paths().end());
    FUZZ_HOLDS(other->second.ways == touched.ways &&
               other->second.is_directory == touched.is_directory);
    FUZZ_HOLDS(touched.ways != 0 && touched.ways < 1u << wire::kWays);
  }
  // By a pipe, as it comes.
  if (data[0] >= 240 && stream.size() <= 4096) {
    int ends[2];
    FUZZ_HOLDS(::pipe2(ends, O_CLOEXEC) == 0);
    cli::TouchReader reader;
    reader.begin(os::Fd(ends[0]));
    FUZZ_HOLDS(::write(ends[1], stream.data(), stream.size()) ==
               static_cast<ssize_t>(stream.size()));
    ::close(ends[1]);
    const cli::Touches& read = reader.finish();
    FUZZ_HOLDS(read.lost() == whole.lost() && read.paths().size() == whole.paths().size());
  }
  // What is taken apart is put together the same.
  const auto touch = wire::decode_touch(stream);
  if (!touch.ok() || touch->length == 0) return 0;
  uint8_t again[wire::kTouchMost];
  const size_t length = wire::encode_touch(touch->header, touch->path, again);
  FUZZ_HOLDS(length == touch->length &&
             std::ranges::equal(std::span(again, length), stream.first(length)));
  return 0;
}
