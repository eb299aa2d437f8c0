/* A fixed-answer upstream in OpenAI's chat format: one epoll thread, HTTP/1.1 keep-alive, loopback only.
 *
 *   cc -O2 -o upstream upstream.c && ./upstream PORT
 *
 * With "stream":true in its body a request gets 18 events (one role, WORDS words, one finish with usage) and the end mark, all in one
 * write; any other request gets one whole answer of about 1.2 kB. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define WORDS 16
#define MAX_CONNECTIONS 8192
#define BUFFER_BYTES (1 << 18)

typedef struct {
  char *bytes;
  int length;
} Inbox;

static Inbox inboxes[MAX_CONNECTIONS];
static char whole[8192], streamed[65536];
static int whole_length, streamed_length;

static char *add_event(char *out, const char *data) {
  return out + sprintf(out, "%zx\r\n%s\r\n", strlen(data), data);
}

static void write_answers(void) {
  char body[4096], event[1024];
  const char *head =
      "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"bench\","
      "\"system_fingerprint\":\"fp_bench\",\"choices\":[{\"index\":0,\"delta\":";
  int n = sprintf(body,
                  "{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion\",\"created\":1700000000,\"model\":\"bench\",\"choices\":"
                  "[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"");
  while (n < 900) n += sprintf(body + n, "A fixed answer about porting the module. ");
  n += sprintf(body + n, "\",\"refusal\":null},\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":100,"
                         "\"completion_tokens\":160,\"total_tokens\":260},\"system_fingerprint\":\"fp_bench\"}");
  whole_length = sprintf(whole, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", n, body);

  char *out = streamed + sprintf(streamed, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
  snprintf(event, sizeof event, "%s{\"role\":\"assistant\",\"content\":\"\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n", head);
  out = add_event(out, event);
  for (int i = 0; i < WORDS; i++) {
    snprintf(event, sizeof event, "%s{\"content\":\" word%d of the answer\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n", head, i);
    out = add_event(out, event);
  }
  snprintf(event, sizeof event,
           "%s{},\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":160,"
           "\"total_tokens\":260}}\n\n", head);
  out = add_event(out, event);
  out = add_event(out, "data: [DONE]\n\n");
  out += sprintf(out, "0\r\n\r\n");
  streamed_length = out - streamed;
}

static void put(int fd, const char *bytes, int length) {
  while (length > 0) {
    ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno != EAGAIN) return;
      usleep(50);
      continue;
    }
    bytes += sent;
    length -= sent;
  }
}

/* Answer one whole request from the inbox; 0 when more bytes are needed. */
static int answer(int fd) {
  Inbox *in = &inboxes[fd];
  char *end_of_head = memmem(in->bytes, in->length, "\r\n\r\n", 4);
  if (!end_of_head) return 0;
  char *body = end_of_head + 4, *end = in->bytes + in->length;
  char saved = *body;
  *body = 0;
  char *length_header = strcasestr(in->bytes, "\r\ncontent-length:");
  int is_chunked = strcasestr(in->bytes, "\r\ntransfer-encoding:") != 0;
  long body_length = length_header ? atol(length_header + 17) : 0;
  *body = saved;
  char *end_of_body = body + body_length;
  if (is_chunked) {
    char *last = memmem(body, end - body, "0\r\n\r\n", 5);
    if (!last) return 0;
    end_of_body = last + 5;
  }
  if (end < end_of_body) return 0;
  int is_streamed = memmem(body, end_of_body - body, "\"stream\":true", 13) || memmem(body, end_of_body - body, "\"stream\": true", 14);
  put(fd, is_streamed ? streamed : whole, is_streamed ? streamed_length : whole_length);
  in->length = end - end_of_body;
  memmove(in->bytes, end_of_body, in->length);
  return in->length > 0;
}

static void drop(int epoll, int fd) {
  epoll_ctl(epoll, EPOLL_CTL_DEL, fd, 0);
  close(fd);
  free(inboxes[fd].bytes);
  inboxes[fd].bytes = 0;
}

static void accept_all(int epoll, int listener) {
  int fd, on = 1;
  while ((fd = accept4(listener, 0, 0, SOCK_NONBLOCK)) >= 0) {
    if (fd >= MAX_CONNECTIONS) {
      close(fd);
      continue;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    inboxes[fd] = (Inbox){malloc(BUFFER_BYTES), 0};
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
  }
}

static void read_from(int epoll, int fd) {
  Inbox *in = &inboxes[fd];
  ssize_t got = recv(fd, in->bytes + in->length, BUFFER_BYTES - 1 - in->length, 0);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) {
    drop(epoll, fd);
    return;
  }
  in->length += got;
  while (answer(fd)) {
  }
}

int main(int argc, char **argv) {
  if (argc != 2) return fprintf(stderr, "usage: upstream PORT\n"), 2;
  int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), epoll = epoll_create1(0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, (void *)&address, sizeof address) || listen(listener, 1024)) return perror("upstream"), 1;
  struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, ready[256];
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
  write_answers();
  for (;;) {
    int n = epoll_wait(epoll, ready, 256, -1);
    for (int i = 0; i < n; i++) {
      if (ready[i].data.fd == listener) accept_all(epoll, listener);
      else read_from(epoll, ready[i].data.fd);
    }
  }
}
