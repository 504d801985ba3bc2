// Reads OpenMetrics text from standard input and prints what is wrong with it: nothing, if it is valid.
#include <cstdio>
#include <iostream>
#include <iterator>
#include <string>

#include "open_metrics.h"

int main() {
  const std::string text{std::istreambuf_iterator<char>(std::cin), {}};
  for (const std::string& complaint : sluice::test::read_open_metrics(text).complaints) {
    std::printf("%s\n", complaint.c_str());
  }
}
