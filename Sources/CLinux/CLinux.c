#define _GNU_SOURCE
#include "CLinux.h"

#include <sched.h>
#include <sys/syscall.h>

int clinux_accept4(int socket, struct sockaddr *address, socklen_t *length, int flags) {
    return accept4(socket, address, length, flags);
}

pid_t clinux_gettid(void) {
    return gettid();
}

/* The first version of struct sched_attr, which Debian 12's C library does not declare. */
struct attributes {
    uint32_t size;
    uint32_t policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime;
    uint64_t deadline;
    uint64_t period;
};

void clinux_set_slice(uint64_t nanoseconds) {
    struct attributes attributes = {0};
    if (syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0 || attributes.policy != SCHED_OTHER) return;
    attributes.size = sizeof attributes;
    attributes.flags = 0;
    attributes.runtime = nanoseconds;
    (void)syscall(SYS_sched_setattr, 0, &attributes, 0);
}
