#include "core/appearance.h"

#include <algorithm>
#include <cerrno>

namespace sluice::core {
namespace {

// As stat(2) has them.
constexpr uint32_t kType = 0170000;
constexpr uint32_t kRegular = 0100000;
constexpr uint32_t kExecuteBits = 0111;

}  // namespace

void after(const Terms& terms, Attributes* attributes) {
  const bool regular = (attributes->mode & kType) == kRegular;
  const TermValue& access = terms.of(Term::kAccess);
  if (access.effect == Effect::kMask) attributes->size = attributes->blocks = 0;
  if (access.effect == Effect::kWindow && regular) {
    const uint64_t from = std::min(access.value, attributes->size);
    attributes->size = std::min(access.value2, attributes->size - from);
    attributes->blocks = (attributes->size + 511) / 512;
  }
  const TermValue& owner = terms.of(Term::kOwner);
  const TermValue& group = terms.of(Term::kGroup);
  const TermValue& mode = terms.of(Term::kMode);
  if (owner.effect == Effect::kOwner) attributes->uid = static_cast<uint32_t>(owner.value);
  if (group.effect == Effect::kGroup) attributes->gid = static_cast<uint32_t>(group.value);
  if (mode.effect == Effect::kMode) {
    const auto keep = static_cast<uint32_t>(mode.value >> 16);
    attributes->mode = (attributes->mode & (kType | keep)) | static_cast<uint32_t>(mode.value & 07777);
  }
  if (regular && terms.of(Term::kExecution).effect == Effect::kNoExecute) {
    attributes->mode &= ~kExecuteBits;
  }
}

Outcome may_change(const Terms& terms, Term attribute) {
  if (terms.of(attribute) == TermValue{}) return Done{};
  return Failure{EPERM, Reason::kOverridden};
}

}  // namespace sluice::core
