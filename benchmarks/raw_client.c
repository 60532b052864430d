/*
 * An independent client for the engine's timing: raw sockets, one thread, epoll, no libraries.
 *
 * Keeps STREAMS connections to 127.0.0.1:PORT busy for SECONDS with one request, closed loop, the first wave spread over
 * RAMP milliseconds. For every text event it takes two times: when the kernel received the read that holds it
 * (SO_TIMESTAMPNS, turned into the monotonic clock), and when the read returned. Writes one line of text per event:
 * stream, request, event (from 0), send_ns, kernel_ns, user_ns.
 *
 * Usage: raw_client PORT STREAMS SECONDS RAMP_MS BODY_FILE > events
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MOST_EVENTS 40000000u
#define READ_SIZE 65536

struct stream {
    int fd, number, request, events, done;
    int64_t start_ns, sent_ns;
    char tail[4096]; /* an event that is not complete yet */
    size_t tail_size;
};

struct seen {
    uint32_t stream, request, event;
    int64_t sent_ns, kernel_ns, user_ns;
};

static struct seen *log_;
static size_t logged;
static char *request_;
static size_t request_size;

static int64_t clock_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void ask(struct stream *s) {
    s->events = s->done = 0;
    s->tail_size = 0;
    s->sent_ns = clock_ns(CLOCK_MONOTONIC);
    if (send(s->fd, request_, request_size, 0) != (ssize_t)request_size) fail("send");
}

static int is_text(const char *event, size_t size) {
    static const char *const fields[] = {"\"content\":\"", "\"reasoning_content\":\"", "\"text\":\""};
    for (size_t i = 0; i < 3; i++) {
        const char *found = memmem(event, size, fields[i], strlen(fields[i]));
        if (found != NULL && found[strlen(fields[i])] != '"') return 1;
    }
    return 0;
}

/* Events end with a blank line; chunk sizes stand on lines of their own before "data:" and are passed over. */
static void take(struct stream *s, const char *data, size_t size, int64_t kernel_ns, int64_t user_ns) {
    if (s->tail_size + size > sizeof s->tail + READ_SIZE) exit(2);
    static char whole[sizeof((struct stream *)0)->tail + READ_SIZE + 1];
    memcpy(whole, s->tail, s->tail_size);
    memcpy(whole + s->tail_size, data, size);
    size_t total = s->tail_size + size, from = 0;
    for (;;) {
        char *end = memmem(whole + from, total - from, "\n\n", 2);
        if (end == NULL) break;
        char *begin = memmem(whole + from, (size_t)(end - (whole + from)), "data: ", 6);
        if (begin != NULL) {
            size_t length = (size_t)(end - begin);
            if (length >= 12 && memcmp(begin, "data: [DONE]", 12) == 0) {
                s->done = 1;
            } else if (is_text(begin, length) && logged < MOST_EVENTS) {
                log_[logged++] = (struct seen){(uint32_t)s->number, (uint32_t)s->request, (uint32_t)s->events++,
                                               s->sent_ns, kernel_ns, user_ns};
            }
        }
        from = (size_t)(end - whole) + 2;
    }
    s->tail_size = total - from;
    if (s->tail_size > sizeof s->tail) exit(2);
    memmove(s->tail, whole + from, s->tail_size);
    /* the last chunk of the body, after which the next request may be sent */
    if (s->done && s->tail_size >= 5 && memcmp(s->tail + s->tail_size - 5, "0\r\n\r\n", 5) == 0) s->done = 2;
}

static void receive(struct stream *s) {
    static char data[READ_SIZE];
    char control[CMSG_SPACE(sizeof(struct timespec))];
    struct iovec part = {data, sizeof data};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control,
                             .msg_controllen = sizeof control};
    ssize_t size = recvmsg(s->fd, &message, 0);
    int64_t user_ns = clock_ns(CLOCK_MONOTONIC), kernel_ns = user_ns;
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0) fail("connection lost");
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c != NULL; c = CMSG_NXTHDR(&message, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMPNS) {
            struct timespec stamp;
            memcpy(&stamp, CMSG_DATA(c), sizeof stamp);
            int64_t before, wall, after;
            do { /* nothing may come between the two clocks */
                before = clock_ns(CLOCK_MONOTONIC);
                wall = clock_ns(CLOCK_REALTIME);
                after = clock_ns(CLOCK_MONOTONIC);
            } while (after - before > 5000);
            int64_t age = wall - (stamp.tv_sec * 1000000000LL + stamp.tv_nsec);
            if (age >= 0 && age < 5000000000LL) kernel_ns = after - age;
        }
    }
    take(s, data, (size_t)size, kernel_ns, user_ns);
}

static void connect_to(struct stream *s, int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int one = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    s->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (s->fd < 0 || connect(s->fd, (struct sockaddr *)&address, sizeof address) < 0) fail("connect");
    setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(s->fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one);
    fcntl(s->fd, F_SETFL, O_NONBLOCK);
}

static void prepare(const char *file) {
    static char body[65536];
    FILE *in = fopen(file, "rb");
    if (in == NULL) fail(file);
    size_t size = fread(body, 1, sizeof body, in);
    fclose(in);
    request_ = malloc(size + 512);
    int head = sprintf(request_,
                       "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                       "Content-Length: %zu\r\n\r\n", size);
    memcpy(request_ + head, body, size);
    request_size = (size_t)head + size;
}

int main(int argc, char **argv) {
    if (argc != 6) {
        fprintf(stderr, "usage: raw_client PORT STREAMS SECONDS RAMP_MS BODY_FILE\n");
        return 4;
    }
    int port = atoi(argv[1]), count = atoi(argv[2]);
    double seconds = atof(argv[3]), ramp_ms = atof(argv[4]);
    prepare(argv[5]);
    log_ = malloc(sizeof *log_ * MOST_EVENTS); /* pages come when they are written */
    struct stream *streams = calloc((size_t)count, sizeof *streams);
    if (log_ == NULL || streams == NULL) fail("memory");
    int poll = epoll_create1(0);
    for (int i = 0; i < count; i++) {
        streams[i].number = i;
        connect_to(&streams[i], port);
        struct epoll_event wanted = {EPOLLIN, {.ptr = &streams[i]}};
        epoll_ctl(poll, EPOLL_CTL_ADD, streams[i].fd, &wanted);
    }
    int64_t begin = clock_ns(CLOCK_MONOTONIC), end = begin + (int64_t)(seconds * 1e9);
    int started = 0, ended = 0;
    while (ended < count) {
        int64_t now = clock_ns(CLOCK_MONOTONIC);
        while (started < count && now >= begin + (int64_t)(ramp_ms * 1e6 * started / count)) ask(&streams[started++]);
        struct epoll_event ready[256];
        int found = epoll_wait(poll, ready, 256, started < count ? 1 : 1000);
        for (int i = 0; i < found; i++) {
            struct stream *s = ready[i].data.ptr;
            receive(s);
            if (s->done == 2) {
                s->request++;
                if (clock_ns(CLOCK_MONOTONIC) < end) ask(s);
                else { s->done = 3; ended++; }
            }
        }
        if (clock_ns(CLOCK_MONOTONIC) > end + 60000000000LL) { fprintf(stderr, "streams did not end\n"); return 3; }
    }
    for (size_t i = 0; i < logged; i++) {
        fwrite(&log_[i], sizeof log_[i], 1, stdout);
    }
    return 0;
}
