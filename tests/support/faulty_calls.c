/* The calls of the system as they may be and seldom are: interrupted, with nothing there, a few bytes at a time.
 *
 * Knows the calls that libc exports, in whose place it is loaded (LD_PRELOAD). Refuses to lose a byte or an event: what
 * it does is what a kernel is allowed to do, so whoever calls has to come to the same with it as without it.
 *
 *   FAULTS_SEED  0: every call in turn is interrupted, finds nothing, moves one byte. Else: by chance, of this seed.
 *   FAULTS_FILE  where it says at the end how many calls it has spoilt.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define MOST_DESCRIPTORS 4096
#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

/* A socket of ours never blocks, so it may find nothing there; files, pipes and terminals may be interrupted and may
 * take less than they are given; eventfds and timers may do neither. */
enum kind { UNKNOWN, STREAM, FILE_OR_PIPE, OTHER };

struct descriptor {
    enum kind kind;
    int domain;
    /* What it is watched for, and by which selector; none is 0. */
    struct epoll_event watched;
    int watched_by;
    /* Each way by itself: a send that always follows a receive must have its turn to be whole. */
    unsigned calls[2];
};

enum way { IN, OUT };

static struct descriptor descriptors[MOST_DESCRIPTORS];

static struct descriptor *known(int fd) {
    return fd >= 0 && fd < MOST_DESCRIPTORS ? &descriptors[fd] : NULL;
}

static struct descriptor *of(int fd) {
    struct descriptor *descriptor = known(fd);
    struct stat stat;
    if (descriptor && descriptor->kind == UNKNOWN && fstat(fd, &stat) == 0)
        descriptor->kind = S_ISREG(stat.st_mode) || S_ISFIFO(stat.st_mode) || S_ISCHR(stat.st_mode) ? FILE_OR_PIPE : OTHER;
    return descriptor;
}

static unsigned n_faults;

static void count(void) { __atomic_fetch_add(&n_faults, 1, __ATOMIC_RELAXED); }

__attribute__((destructor)) static void tell(void) {
    const char *path = getenv("FAULTS_FILE");
    if (path) {
        int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        dprintf(file, "%u", n_faults);
    }
}

enum fault { INTERRUPTED, NOTHING_THERE, SHORT, NONE };

static unsigned seed(void) {
    static int seed = -1;
    if (seed < 0) {
        const char *said = getenv("FAULTS_SEED");
        seed = said ? atoi(said) : 0;
    }
    return seed;
}

/* splitmix64's last step. */
static unsigned chance(unsigned number) {
    unsigned long long mixed = number * 0x9e3779b97f4a7c15ULL + seed();
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9ULL;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebULL;
    return mixed ^ (mixed >> 31);
}

static enum fault fault_of(unsigned number) { return seed() ? chance(number) % 4 : number % 3; }

/* A selector that tells of changes alone tells anew of what we have hidden when it is asked to. */
static void tell_again(int fd, struct descriptor *descriptor) {
    REAL(epoll_ctl);
    if (descriptor->watched_by) real(descriptor->watched_by - 1, EPOLL_CTL_MOD, fd, &descriptor->watched);
}

/* How much of a call may be done: -1 is a failure with its errno, else so many bytes at most. */
static ssize_t spoil(int fd, enum way way, size_t size) {
    struct descriptor *descriptor = of(fd);
    if (!descriptor || descriptor->kind == OTHER || descriptor->kind == UNKNOWN || size == 0) return size;
    unsigned number = __atomic_fetch_add(&descriptor->calls[way], 1, __ATOMIC_RELAXED) + 1000 * fd;
    enum fault fault = fault_of(number);
    if (fault == NONE) return size;
    if (fault == NOTHING_THERE && descriptor->kind != STREAM) fault = INTERRUPTED;
    /* Twice in a row would be a livelock of our making where a caller tries again at once. */
    if (descriptor->kind == FILE_OR_PIPE && fault == INTERRUPTED && number % 2) fault = SHORT;
    count();
    if (fault != INTERRUPTED) tell_again(fd, descriptor);
    if (fault == SHORT) {
        size_t most = descriptor->kind == STREAM ? 1 : 50;
        if (seed()) most = 1 + chance(number + 1) % 40;
        return size > most ? most : size;
    }
    errno = fault == INTERRUPTED ? EINTR : EAGAIN;
    return -1;
}

int epoll_ctl(int selector, int how, int fd, struct epoll_event *event) {
    REAL(epoll_ctl);
    int result = real(selector, how, fd, event);
    struct descriptor *descriptor = known(fd);
    if (result == 0 && descriptor) {
        descriptor->watched_by = how == EPOLL_CTL_DEL ? 0 : selector + 1;
        if (event) descriptor->watched = *event;
    }
    return result;
}

int socket(int domain, int type, int protocol) {
    REAL(socket);
    int fd = real(domain, type, protocol);
    struct descriptor *descriptor = known(fd);
    if (descriptor) {
        int is_meant = type == (SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC);
        *descriptor = (struct descriptor){.kind = is_meant ? STREAM : OTHER, .domain = domain};
    }
    return fd;
}

/* The number may be that of another soon. */
int close(int fd) {
    REAL(close);
    struct descriptor *descriptor = known(fd);
    if (descriptor) *descriptor = (struct descriptor){0};
    return real(fd);
}

/* An interrupted connect goes on by itself (POSIX); that of a Unix socket has not begun. */
int connect(int fd, const struct sockaddr *addr, socklen_t len) {
    REAL(connect);
    static unsigned calls;
    struct descriptor *descriptor = known(fd);
    if (!descriptor || descriptor->kind != STREAM) return real(fd, addr, len);
    enum fault fault = fault_of(__atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED));
    if (fault == NOTHING_THERE || (fault == INTERRUPTED && descriptor->domain == AF_UNIX)) {
        count();
        errno = fault == INTERRUPTED ? EINTR : EAGAIN;
        return -1;
    }
    int result = real(fd, addr, len);
    if (fault != INTERRUPTED || (result < 0 && errno != EINPROGRESS)) return result;
    count();
    errno = EINTR;
    return -1;
}

ssize_t recv(int fd, void *buffer, size_t size, int flags) {
    REAL(recv);
    /* Who peeks asks what is there now: to hide it would be a lie. */
    ssize_t most = flags & MSG_PEEK ? (ssize_t)size : spoil(fd, IN, size);
    return most < 0 ? -1 : real(fd, buffer, most, flags);
}

ssize_t send(int fd, const void *bytes, size_t size, int flags) {
    REAL(send);
    ssize_t most = spoil(fd, OUT, size);
    return most < 0 ? -1 : real(fd, bytes, most, flags);
}

ssize_t read(int fd, void *buffer, size_t size) {
    REAL(read);
    ssize_t most = spoil(fd, IN, size);
    return most < 0 ? -1 : real(fd, buffer, most);
}

ssize_t write(int fd, const void *bytes, size_t size) {
    REAL(write);
    ssize_t most = spoil(fd, OUT, size);
    return most < 0 ? -1 : real(fd, bytes, most);
}

/* Of several pieces the first that has something is moved alone, which is a short call too. */
static const struct iovec *first(const struct iovec *pieces, int n) {
    while (n > 1 && pieces->iov_len == 0) pieces++, n--;
    return pieces;
}

ssize_t readv(int fd, const struct iovec *pieces, int n) {
    const struct iovec *piece = first(pieces, n);
    return n ? read(fd, piece->iov_base, piece->iov_len) : 0;
}

ssize_t writev(int fd, const struct iovec *pieces, int n) {
    const struct iovec *piece = first(pieces, n);
    return n ? write(fd, piece->iov_base, piece->iov_len) : 0;
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags) {
    REAL(recvmsg);
    struct descriptor *descriptor = known(fd);
    if (!descriptor || descriptor->kind != STREAM || message->msg_iovlen == 0) return real(fd, message, flags);
    const struct iovec *piece = first(message->msg_iov, message->msg_iovlen);
    return recv(fd, piece->iov_base, piece->iov_len, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    REAL(sendmsg);
    struct descriptor *descriptor = known(fd);
    if (!descriptor || descriptor->kind != STREAM || message->msg_iovlen == 0) return real(fd, message, flags);
    const struct iovec *piece = first(message->msg_iov, message->msg_iovlen);
    return send(fd, piece->iov_base, piece->iov_len, flags);
}

/* Interrupted, or a socket of ours has something to read that is gone when it is asked for (select(2), "spuriously"). */
int poll(struct pollfd *entries, nfds_t n, int timeout) {
    REAL(poll);
    static unsigned calls;
    enum fault fault = fault_of(__atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED));
    if (fault == INTERRUPTED && timeout != 0) {
        count();
        errno = EINTR;
        return -1;
    }
    struct descriptor *descriptor = n ? known(entries[0].fd) : NULL;
    if (fault != NOTHING_THERE || timeout == 0 || !descriptor || descriptor->kind != STREAM ||
        entries[0].events & POLLOUT)
        return real(entries, n, timeout);
    int ready = real(entries, n, 0);
    if (ready != 0) return ready;
    count();
    entries[0].revents = POLLIN;
    return 1;
}

/* Interrupted, and never more than one event at a time. */
int epoll_wait(int selector, struct epoll_event *events, int most, int timeout) {
    REAL(epoll_wait);
    static unsigned calls;
    if (fault_of(__atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED)) == INTERRUPTED) {
        count();
        errno = EINTR;
        return -1;
    }
    return real(selector, events, most > 1 ? 1 : most, timeout);
}
