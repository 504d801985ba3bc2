// libsluice for C++17 and later: sessions and backing ids that close themselves. <sluice/sluice.h> says what each
// call does. No exception is thrown: what failed is false, and error() is its errno.
#ifndef SLUICE_SLUICE_HPP
#define SLUICE_SLUICE_HPP

#include <sluice/sluice.h>

#include <utility>

namespace sluice {

// A backing id. It must not outlive its session.
class Backing {
 public:
  Backing() = default;
  Backing(Backing &&other) noexcept : session_(other.session_), id_(std::exchange(other.id_, 0)) {}
  Backing &operator=(Backing &&other) noexcept {
    if (this != &other) {
      reset();
      session_ = other.session_;
      id_ = std::exchange(other.id_, 0);
    }
    return *this;
  }
  Backing(const Backing &) = delete;
  Backing &operator=(const Backing &) = delete;
  ~Backing() { reset(); }

  explicit operator bool() const { return id_ > 0; }
  int id() const { return id_ > 0 ? id_ : 0; }
  int error() const { return id_ < 0 ? -id_ : 0; }
  // Not where it has ended with the service's process that gave it.
  bool valid() const { return id_ > 0 && sluice_backing_valid(session_, id_) == 1; }
  void reset() {
    if (id_ > 0) (void)sluice_backing_close(session_, id_);
    id_ = 0;
  }

 private:
  friend class Session;
  Backing(sluice_session *session, int id) : session_(session), id_(id) {}

  sluice_session *session_ = nullptr;
  int id_ = 0;  // negative: an errno
};

class Session {
 public:
  Session() = default;
  explicit Session(int connection_fd, const char *socket = nullptr)
      : error_(-sluice_open(connection_fd, socket, &session_)) {}
  // Of a connection that the service makes: sluice_connect(). The two descriptors are the caller's.
  static Session connect(int *connection_fd, int *mount_fd, const char *socket = nullptr) {
    Session session;
    session.error_ = -sluice_connect(socket, connection_fd, mount_fd, &session.session_);
    return session;
  }
  Session(Session &&other) noexcept
      : session_(std::exchange(other.session_, nullptr)), error_(other.error_) {}
  Session &operator=(Session &&other) noexcept {
    if (this != &other) {
      sluice_close(session_);
      session_ = std::exchange(other.session_, nullptr);
      error_ = other.error_;
    }
    return *this;
  }
  Session(const Session &) = delete;
  Session &operator=(const Session &) = delete;
  ~Session() { sluice_close(session_); }

  explicit operator bool() const { return session_ != nullptr; }
  int error() const { return error_; }

  // Only of a session that is one.
  Backing backing(int file_fd) { return Backing(session_, sluice_backing_open(session_, file_fd)); }
  sluice_session *get() { return session_; }

 private:
  sluice_session *session_ = nullptr;
  int error_ = 0;
};

}  // namespace sluice
#endif
