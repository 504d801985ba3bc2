// Reads policies: text in, rules or diagnostics out.
//
//   file      := "default kill" line*          comments and empty lines may stand before it
//   line      := "include" NAME | rule | "#" comment | empty
//   rule      := CALL [ "when" condition ("and" condition)* ]
//   condition := "arg" 0..5 [ "&" value ] "==" value | "arg" 0..5 ("<=" | ">=") value
//   value     := sum | "~" item | "~" "(" sum ")" | "(" sum ")"
//   sum       := item ("|" item)*
//   item      := a symbol or a number (decimal, 0x..., or 0... for octal)
//
// "~A|B" is refused: it reads as ~(A|B) to some and as (~A)|B to others.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "sandbox/compiler/policy.h"

namespace sluice::sandbox {

// The text of a file, or none where it cannot be read. Parsing does no I/O of its own.
using Loader = std::function<std::optional<std::string>(const std::string& path)>;

// Appends the rules of the file and of what it includes (NAME.policy beside it) to policy, as they
// were written: numbers, widths and masks are for resolve(). False where it added a diagnostic.
bool parse_policy(const std::string& path, bool extra, const Loader& load, Policy& policy,
                  Diagnostics& diagnostics);

}  // namespace sluice::sandbox
