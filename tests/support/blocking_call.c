/* A call of the system that blocks its thread, where the caller believes that none can.
 *
 * Knows recv, in whose place it is loaded (LD_PRELOAD), and answers of HTTP that ask for it. Refuses to end by itself: it
 * goes on when somebody opens the FIFO `blocked`, which is in the folder of the process, for writing.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char begins[] = "HTTP/1.1 ", asks[] = "X-Block: yes";

ssize_t recv(int fd, void *bytes, size_t length, int flags) {
    static __typeof__(&recv) real;
    if (!real)
        real = (__typeof__(&recv))dlsym(RTLD_NEXT, "recv");
    ssize_t count = real(fd, bytes, length, flags);
    if (count > (ssize_t)sizeof begins && !memcmp(bytes, begins, sizeof begins - 1) &&
        memmem(bytes, count, asks, sizeof asks - 1))
        close(open("blocked", O_RDONLY));
    return count;
}
