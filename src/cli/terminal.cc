#include "cli/terminal.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <utility>

#include "os/poller.h"

namespace sluice::cli {
namespace {

// Another screen, without a cursor; and back.
constexpr std::string_view kBegin = "\x1b[?1049h\x1b[?25l";
constexpr std::string_view kEnd = "\x1b[?25h\x1b[?1049l";

void say(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, text.data(), text.size());
    if (written <= 0) return;
    text.remove_prefix(static_cast<size_t>(written));
  }
}

}  // namespace

core::Result<Terminal> Terminal::take() {
  struct termios before;
  if (::tcgetattr(STDIN_FILENO, &before) < 0 || ::isatty(STDOUT_FILENO) == 0) return os::failure();
  // Blocked before anything is changed, so that none ends this in between.
  auto signals = os::termination_signals();
  if (!signals.ok()) return signals.failure();
  struct termios now = before;
  now.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  now.c_cc[VSUSP] = _POSIX_VDISABLE;  // it would stop with the other screen on
  now.c_cc[VQUIT] = _POSIX_VDISABLE;
  now.c_cc[VMIN] = 0;
  now.c_cc[VTIME] = 0;
  if (::tcsetattr(STDIN_FILENO, TCSANOW, &now) < 0) return os::failure();
  say(kBegin);
  return Terminal(*std::move(signals), before);
}

Terminal::Terminal(Terminal&& other) noexcept
    : signals_(std::move(other.signals_)), before_(other.before_), ours_(std::exchange(other.ours_, false)) {}

Terminal::~Terminal() {
  if (!ours_) return;
  say(kEnd);
  ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
}

void Terminal::show(const std::vector<std::string>& lines) const {
  struct winsize size {};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_row == 0) size.ws_row = 24;
  if (size.ws_col == 0) size.ws_col = 80;
  std::string text = "\x1b[H";
  const size_t count = std::min<size_t>(lines.size(), size.ws_row);
  for (size_t i = 0; i < count; ++i) {
    text += i == 0 ? "" : "\r\n";
    text += lines[i].substr(0, size.ws_col);
    text += "\x1b[K";
  }
  say(text + "\x1b[J");
}

bool Terminal::ended_within(int milliseconds) const {
  struct pollfd waiting[] = {{STDIN_FILENO, POLLIN, 0}, {signals_.get(), POLLIN, 0}};
  if (::poll(waiting, 2, milliseconds) <= 0) return false;
  if (waiting[1].revents != 0) return true;
  if (waiting[0].revents == 0) return false;
  char key = 'q';  // where there is nothing to read, there is no terminal any more
  return ::read(STDIN_FILENO, &key, 1) <= 0 || key == 'q' || key == 'Q';
}

}  // namespace sluice::cli
