#include "wire/keeper_message.h"

#include <algorithm>
#include <cerrno>

#include "wire/cursor.h"
#include "wire/writer.h"

namespace sluice::wire {
namespace {

constexpr uint32_t kMagic = 0x504B4C53;  // "SLKP"
constexpr core::Failure kMalformed{EPROTO, core::Reason::kProtocol};
constexpr core::Failure kOther{EPROTO, core::Reason::kVersion};

// Every version begins with these two. A later hello may go on behind them.
struct Begin {
  uint32_t magic, version;
};
struct Rest {
  uint32_t taken, count;
};

constexpr std::string_view kKeep = "FDSTORE=1\nFDPOLL=0\nFDNAME=";
constexpr std::string_view kLetGo = "FDSTOREREMOVE=1\nFDNAME=";

bool belongs(char of) {
  return (of >= 'a' && of <= 'z') || (of >= 'A' && of <= 'Z') || (of >= '0' && of <= '9') || of == '.' || of == '_' ||
         of == '-';
}

}  // namespace

std::vector<uint8_t> encode_keeper_hello(uint32_t version) {
  Writer writer;
  writer.put(Begin{kMagic, version});
  return writer.finish();
}

core::Result<uint32_t> decode_keeper_hello(std::span<const uint8_t> bytes) {
  Reader reader(bytes);
  const auto begin = reader.take<Begin>();
  if (!reader.ok() || begin.magic != kMagic) return kMalformed;
  if (begin.version == 0) return kOther;
  if (begin.version <= kKeeperVersion && !reader.finished()) return kMalformed;
  return std::min(begin.version, kKeeperVersion);
}

std::vector<uint8_t> encode_keeper_welcome(KeeperWelcome welcome, uint32_t version) {
  Writer writer;
  writer.put(Begin{kMagic, version});
  writer.put(Rest{welcome.taken ? 1u : 0u, welcome.count});
  return writer.finish();
}

core::Result<KeeperWelcome> decode_keeper_welcome(std::span<const uint8_t> bytes) {
  Reader reader(bytes);
  const auto begin = reader.take<Begin>();
  if (!reader.ok() || begin.magic != kMagic) return kMalformed;
  if (begin.version == 0 || begin.version > kKeeperVersion) return kOther;
  const auto rest = reader.take<Rest>();
  if (!reader.finished() || rest.taken > 1 || rest.count > kMostKept || (rest.taken == 1 && rest.count != 0)) {
    return kMalformed;
  }
  return KeeperWelcome{rest.taken == 1, rest.count};
}

bool valid_kept_name(std::string_view name) {
  return !name.empty() && name.size() <= kKeptNameMost && std::all_of(name.begin(), name.end(), belongs);
}

std::string keep_words(std::string_view name) { return std::string(kKeep).append(name); }
std::string let_go_words(std::string_view name) { return std::string(kLetGo).append(name); }

core::Result<KeeperOrder> decode_keeper_order(std::span<const uint8_t> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const bool keep = text.substr(0, kKeep.size()) == kKeep;
  if (!keep && text.substr(0, kLetGo.size()) != kLetGo) return kMalformed;
  const std::string_view name = text.substr(keep ? kKeep.size() : kLetGo.size());
  if (!valid_kept_name(name)) return kMalformed;
  return KeeperOrder{keep, std::string(name)};
}

}  // namespace sluice::wire
