/// What Linux offers and Swift's Glibc module hides: epoll, eventfd, accept4, gettid.
///
/// _GNU_SOURCE is not defined here: it changes members of types that other modules also import.
#ifndef NARROWGATE_CLINUX_H
#define NARROWGATE_CLINUX_H

#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

/// accept4(2): accepts a connection and sets SOCK_NONBLOCK and SOCK_CLOEXEC in the same call.
int clinux_accept4(int socket, struct sockaddr *address, socklen_t *length, int flags);

/// gettid(2): the kernel's name of the calling thread, for setpriority(2).
pid_t clinux_gettid(void);

/// sched_setattr(2): asks for turns of that many nanoseconds for the calling thread, which keeps its nice value. Between 0.1 and
/// 100 ms, from Linux 6.12 on; elsewhere, and under another scheduling class than the usual one, nothing happens.
void clinux_set_slice(uint64_t nanoseconds);

#endif
