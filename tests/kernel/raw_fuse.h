// A FUSE connection without libfuse: mounted by the test, served by a forked child, scripted by the
// test through shared memory. The test uses the mount, the child serves it, never the same process.
//
//   View view;                                   // root directory only, PASSTHROUGH negotiated
//   Node& node = view.Add("file", 0644);         // appears at once
//   view.Pass(node, view.Grant(fd));             // OPEN answers FOPEN_PASSTHROUGH from now on
//   view.Answer(kFsync, ENOSYS);                 // or kNever: read the request, leave it hanging
//   EXPECT_EQ(view.Seen(kFsync), 1u);
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "fuse_abi.h"
#include "process.h"
#include "sys.h"

namespace kerneltest {

inline constexpr uint64_t kRoot = 1;
inline constexpr int32_t kNever = -1;

// One file or directory of the tree. Lives in shared memory: a change holds from the next request.
struct Node {
  char name[32];
  uint64_t id;
  uint64_t parent;
  Attr attr;            // mode with the file type
  uint64_t valid_s;     // how long the kernel may cache the entry and the attributes
  uint32_t open_flags;  // FOPEN_ flags of the next reply to OPEN
  int32_t backing_id;
};

// What the server was asked last; a handler replies by Reply or Fail, or not at all.
struct Request {
  int dev;
  const InHeader* header;
  const void* body;

  void Reply(const void* data, size_t size) const;
  void Fail(int error) const;
  template <typename T>
  void Reply(const T& data) const {
    Reply(&data, sizeof(data));
  }
};
using Handler = std::function<void(const Request&)>;

struct Options {
  uint64_t init = kInitPassthrough;  // to negotiate; missing ones make the test skip
  uint32_t stack_depth = 1;
  bool default_permissions = true;
  bool allow_other = true;
  uint32_t max_write = 65536;
  uint16_t request_timeout = 0;  // seconds
  uid_t user = 0;                // user_id and group_id of the mount
  unsigned mount_attrs = 0;      // MOUNT_ATTR_ flags
  bool attach = true;            // at WorkDir()/view<n>; otherwise only mount_fd() leads to it
  std::string device = "/dev/fuse";
  const Who* server = nullptr;                // whom the server runs as, when not as the test does
  std::map<uint32_t, Handler> handlers = {};  // instead of the usual answer, in the server
};

class View {
 public:
  explicit View(const Options& options = {});
  ~View();
  View(const View&) = delete;
  View& operator=(const View&) = delete;

  int dev() const { return dev_.get(); }
  int mount_fd() const { return mount_.get(); }
  unsigned minor() const { return minor_; }      // number of the connection
  uint64_t offered() const { return offered_; }  // INIT flags of the kernel
  std::string Path(const std::string& name = "") const;

  // mode is that of a regular file unless it has a type.
  Node& Add(const std::string& name, mode_t mode = 0644, uint64_t parent = kRoot);
  Node& root();
  void Pass(Node& node, long backing_id) const;  // throws when backing_id is -errno

  // BACKING_OPEN and BACKING_CLOSE by the calling process: id or zero, or -errno.
  long Grant(int fd) const;
  long Revoke(long backing_id) const;

  uint32_t Seen(Opcode opcode) const;
  void Answer(Opcode opcode, int32_t error);  // errno, kNever, or zero for the usual answer
  std::string LastXattr() const;              // name in the last GETXATTR
  uint64_t LastUnique(Opcode opcode) const;   // of the last request
  long Notify(int32_t code, const void* data, size_t size) const;
  long Invalidate(const Node& node) const;  // attributes and data

  // Not while this process has a file of the view open, unless with FOPEN_NOFLUSH: the new server
  // would close its copy, which asks the server to flush.
  void StartServer();
  void KillServer();
  void Serve(int dev);  // by the calling thread, until the connection ends
  long Abort() const;   // through fusectl
  void CloseDev();      // the test's own fd; the server has another
  // The mount fd: then only the place where it is attached holds the mount. No Abort after it.
  void CloseMount();

 private:
  struct Shared;
  void Mount();
  void AnswerInit();
  void Dispatch(const Request& request);
  void AnswerUsually(const Request& request);

  Options options_;
  Shared* shared_ = nullptr;
  Fd dev_;
  Fd mount_;
  std::string point_;
  unsigned minor_ = 0;
  uint64_t offered_ = 0;
  pid_t server_ = -1;
};

// The FUSE device, opened and not mounted.
Fd OpenFuseDevice(const std::string& device = "/dev/fuse");

// The number behind "fuse_connection:" in the fdinfo of an fd, or -ENOENT.
long ConnectionInFdinfo(int fd);

}  // namespace kerneltest
