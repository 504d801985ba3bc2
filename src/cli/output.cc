#include "cli/output.h"
#include "core/reason_text.h"

#include <absl/strings/str_cat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace sluice::cli {
namespace {

absl::StatusCode code_of(const core::Failure& failure) {
  using core::Reason;
  switch (failure.reason) {
    case Reason::kIdentityRoot:
    case Reason::kRuleSyntax:
    case Reason::kLimitRules:
      return absl::StatusCode::kInvalidArgument;
    case Reason::kSourceNotDirectory:
    case Reason::kSourceForeignMount:
    case Reason::kSourceFilesystem:
    case Reason::kSourceStacked:
    case Reason::kSourceUnreadable:
      return absl::StatusCode::kFailedPrecondition;
    case Reason::kKernelNoPassthrough:
    case Reason::kNoFuseDevice:
    case Reason::kProtectionMissing:
      return absl::StatusCode::kUnimplemented;
    case Reason::kNotPermitted:
    case Reason::kLimitViews:
    case Reason::kLimitViewsOfUser:
    case Reason::kLimitSetups:
    case Reason::kNameTaken:  // by somebody, for now
      return absl::StatusCode::kPermissionDenied;
    default:
      return failure.error == EPERM || failure.error == EACCES ? absl::StatusCode::kPermissionDenied
                                                               : absl::StatusCode::kInternal;
  }
}

}  // namespace

absl::Status problem(absl::StatusCode code, std::string_view what, std::string_view remedy) {
  std::string message(what);
  if (!remedy.empty()) absl::StrAppend(&message, "\n", std::string(remedy));
  return absl::Status(code, message);
}

absl::Status problem(const core::Failure& failure, std::string_view subject) {
  std::string what(subject);
  if (failure.reason == core::Reason::kSystem) {
    absl::StrAppend(&what, ": ", std::strerror(failure.error));
  } else {
    absl::StrAppend(&what, ": ", std::string(core::reason_text(failure.reason)));
  }
  return problem(code_of(failure), what, core::reason_remedy(failure.reason));
}

int report(const absl::Status& status) {
  if (status.ok()) return kExitOk;
  std::string text(status.message());
  if (const size_t line = text.find('\n'); line != std::string::npos) {
    text.replace(line, 1, "\n        try: ");
  }
  std::fprintf(stderr, "sluice: %s\n", text.c_str());
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
      return kExitUsage;
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kNotFound:
      return kExitDirectory;
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnavailable:
      return kExitRefused;
    case absl::StatusCode::kUnimplemented:
      return kExitHost;
    default:
      return kExitFailed;
  }
}

}  // namespace sluice::cli
