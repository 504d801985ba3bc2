#include "fuzz/message.h"

#include <algorithm>
#include <cstring>
#include <random>

namespace sluice::fuzz {
namespace {

using Bytes = std::vector<uint8_t>;

// By the engine, within the room that there is.
void mutate(Bytes& bytes, size_t most) {
  const size_t before = bytes.size();
  bytes.resize(std::max<size_t>(most, 1));
  bytes.resize(LLVMFuzzerMutate(bytes.data(), std::min(before, most), bytes.size()));
}

}  // namespace

size_t mutate_message(size_t prefix, size_t header, const std::vector<PartLength>& parts,
                      uint8_t* data, size_t size, size_t most, unsigned seed) {
  std::minstd_rand random(seed);
  const auto below = [&](size_t limit) { return random() / 7 % limit; };
  // Now and then anything at all. What is too short has no parts yet.
  if (size < prefix + header || most <= prefix + header || below(16) == 0)
    return LLVMFuzzerMutate(data, size, most);

  Bytes front(data, data + prefix), head(data + prefix, data + prefix + header);
  Bytes rest(data + prefix + header, data + size);
  std::vector<Bytes> pieces;
  for (const PartLength& part : parts) {
    uint32_t count;
    std::memcpy(&count, head.data() + part.offset, sizeof(count));
    const size_t length = std::min<size_t>(size_t{count} * part.unit, rest.size());
    pieces.emplace_back(rest.begin(), rest.begin() + static_cast<ptrdiff_t>(length));
    rest.erase(rest.begin(), rest.begin() + static_cast<ptrdiff_t>(length));
  }
  pieces.push_back(std::move(rest));

  size_t room = most - prefix - header;
  for (const Bytes& piece : pieces) room -= std::min(room, piece.size());
  bool lengths_lie = false;
  switch (const size_t what = below(8); what) {
    case 0: {  // a word of the header
      if (header < 4) break;
      static constexpr uint32_t kEdges[] = {0,  1,   2,    3,    5,          16,
                                            64, 255, 4095, 4096, 0x7fffffff, 0xffffffff};
      const uint32_t value = kEdges[below(std::size(kEdges))];
      std::memcpy(head.data() + below(header / 4) * 4, &value, sizeof(value));
      lengths_lie = below(4) == 0;
      break;
    }
    case 1:
      for (size_t i = 1 + below(3); i-- > 0;)
        head[below(header)] ^= static_cast<uint8_t>(1u << below(8));
      lengths_lie = below(4) == 0;
      break;
    case 2:
      if (prefix > 0) front[below(prefix)] = static_cast<uint8_t>(random());
      [[fallthrough]];
    default: {
      const size_t which = below(pieces.size());
      Bytes& piece = pieces[which];
      mutate(piece, piece.size() + std::min<size_t>(room, 4096));
      if (which < parts.size()) piece.resize(piece.size() / parts[which].unit * parts[which].unit);
      break;
    }
  }
  for (size_t i = 0; i < parts.size() && !lengths_lie; ++i) {
    const auto count = static_cast<uint32_t>(pieces[i].size() / parts[i].unit);
    std::memcpy(head.data() + parts[i].offset, &count, sizeof(count));
  }
  Bytes all = std::move(front);
  all.insert(all.end(), head.begin(), head.end());
  for (const Bytes& piece : pieces) all.insert(all.end(), piece.begin(), piece.end());
  all.resize(std::min(all.size(), most));
  std::copy(all.begin(), all.end(), data);
  return all.size();
}

}  // namespace sluice::fuzz
