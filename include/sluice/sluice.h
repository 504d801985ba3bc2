/* libsluice: the kernel's FUSE passthrough for a server without privilege.
 *
 * A FUSE server that answers OPEN with a backing id has the kernel read and write the file itself. The kernel
 * gives such ids (ioctl FUSE_DEV_IOC_BACKING_OPEN, Linux 6.9) only to CAP_SYS_ADMIN of the host. This library
 * asks the kernel first, and where that says EPERM the Sluice service of the host, which gives an id for what
 * the server could do with the file itself, and for no more. libsluice(3) is the manual.
 *
 *     struct sluice_session *session;
 *     sluice_open(fuse_session_fd(fuse), NULL, &session);
 *     ...
 *     int id = sluice_backing_open(session, fd);          in the answer to OPEN or CREATE
 *     if (id > 0) { passthrough, with this id } else { serve it as ever }
 *     ...
 *     sluice_backing_close(session, id);                  in the answer to the last RELEASE
 *
 * Functions return a value >= 0, or a negative errno. All may be called by any thread at any time, but for
 * sluice_close(), which must be the last one on its session. None raises a signal or is cut short by one; none
 * may be called by a signal handler. All descriptors are borrowed.
 *
 * C and C++; <sluice/sluice.hpp> closes sessions and ids by itself. */
#ifndef SLUICE_SLUICE_H
#define SLUICE_SLUICE_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define SLUICE_API __attribute__((visibility("default")))
#else
#define SLUICE_API
#endif

/* One FUSE connection, and the way to its ids. */
struct sluice_session;

/* Begins a session for the connection that connection_fd, an open /dev/fuse, serves or will serve. It may be
 * called before the connection is mounted. Nobody is asked yet, so this neither waits nor fails for lack of a
 * service. socket: where the service listens; NULL: /run/sluice/sluice.sock, or what the environment variable
 * SLUICE_SOCKET names, unless the program is set-user-ID.
 *
 * The session holds a duplicate (close-on-exec) of connection_fd until sluice_close(). A FUSE connection ends
 * with its mount or with its last descriptor: a server that ends a connection by closing its descriptor calls
 * sluice_close() as well.
 *
 * 0 and a session; or -EBADF, -EMFILE, -ENOMEM, -ENAMETOOLONG (of socket). */
SLUICE_API int sluice_open(int connection_fd, const char *socket, struct sluice_session **session);

/* Has the service make a connection, and begins the session of it: for kernels that do not say which connection a
 * descriptor serves (before Linux 6.16), where the service cannot know one that it has not made.
 *
 * connection_fd: the /dev/fuse to serve; INIT has not been read, and to read does not wait (O_NONBLOCK). mount_fd: the
 * mount, detached, which the caller attaches in a mount namespace where it may: move_mount(mount_fd, "", AT_FDCWD,
 * path, MOVE_MOUNT_F_EMPTY_PATH). Both are the caller's own, and close-on-exec. The mount is for the caller's uid and
 * gid alone, with default_permissions, nosuid and nodev, which cannot be taken off. Requests have, and attributes mean,
 * the ids of the host, whatever the caller's user namespace calls them. Once its broker is lost, such a session finds
 * another only where the kernel does say so.
 *
 * 0; or -EAGAIN (no service answers), -EPERM and what else the service refuses with, -ENAMETOOLONG, -EMFILE, -ENOMEM. */
SLUICE_API int sluice_connect(const char *socket, int *connection_fd, int *mount_fd, struct sluice_session **session);

/* A backing id, > 0, for the regular file that file_fd has open. How it is open bounds what the id can do:
 * O_RDONLY gives an id that reads, O_RDWR one that reads and writes, and the kernel refuses (EIO to the
 * application) who opens for writing by an id that reads. O_WRONLY, O_PATH, and O_APPEND with O_RDWR are
 * refused. file_fd may be closed afterwards.
 *
 * While a file is open through the mount, all opens of it must have the same id: keep one id for an inode, with a
 * count of its opens. An id counts until it is closed, until sluice_close(), or until the service's process for
 * this connection is lost, see sluice_backing_valid(); what is open stays open in any case.
 *
 * Whatever the failure, the answer to OPEN without an id is right. -EAGAIN: no service answers, or it is
 * restarting; ask again at the next open. The first such call may take up to a second, since a service that
 * restarts is waited for; while none answers, the others fail at once. -EPERM, -EACCES: the service refuses. -ETIMEDOUT: it did not answer
 * within five seconds. -EBADF, -ENOTTY (a kernel without passthrough), -EINVAL (not a regular file), and what
 * else the kernel says. sluice_last_reason() says why. */
SLUICE_API int sluice_backing_open(struct sluice_session *session, int file_fd);

/* Closes an id of this connection. What is open by it stays open. 0; -EINVAL; -ENOENT: there is no such id any
 * more; -EAGAIN: no service answers, and the id ends with the connection. */
SLUICE_API int sluice_backing_close(struct sluice_session *session, int backing_id);

/* Whether an id that was not closed still is one: 1; or 0, where it has ended with the service's process that gave it,
 * as when that was ended, or a service ended that leaves its brokers to nobody. It asks nobody, and tells what is so now.
 *
 * While a file is open through the mount by an id that has ended, the kernel opens it again in no way (EIO), and takes
 * no other id for its inode. The answer to OPEN is then ESTALE, and that to the LOOKUP which follows is another inode
 * for the same file (another nodeid), which gets an id of its own: the application notices nothing. */
SLUICE_API int sluice_backing_valid(struct sluice_session *session, int backing_id);

/* Ends the session, and the ids that the service gave it. NULL: does nothing. */
SLUICE_API void sluice_close(struct sluice_session *session);

/* Why the last call of this thread failed, of whatever session: a number for the three functions below. 0: it did
 * not fail. The errno alone, where the reason is 1 ("system"). */
SLUICE_API unsigned sluice_last_reason(void);

/* Of a reason: a stable word, as in the service's log and in sluice(7); what happened, in a line; and what to do, or an
 * empty text. Never NULL, and valid for ever. A number that this version does not know is "unknown". */
SLUICE_API const char *sluice_reason_name(unsigned reason);
SLUICE_API const char *sluice_reason_text(unsigned reason);
SLUICE_API const char *sluice_reason_remedy(unsigned reason);

/* The version of the library, as "0.1.0". */
SLUICE_API const char *sluice_version(void);

#ifdef __cplusplus
}
#endif
#endif
