// "Did you mean": the known word that is nearest to a mistyped one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sluice::cli {

// The nearest of `known`, if at most a third of its letters (and at least one) differ; else empty.
// A transposition counts as one. Words of more than 64 bytes are nobody's slip.
std::string_view nearest(std::string_view word, const std::vector<std::string_view>& known);

// "did you mean WORD?", or, where nothing is near, `otherwise`.
std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& known,
                         std::string_view otherwise);

}  // namespace sluice::cli
