/* Closed-loop load on loopback: each thread keeps one connection and asks again as soon as it was answered.
 *
 *   cc -O2 -pthread -o load load.c && ./load PORT PATH BODYFILE SECONDS CONNECTIONS WARM_SECONDS [Header: value]...
 *
 * Prints one line of JSON: answers (all, and counted after warming up), errors, and percentiles in microseconds of the whole answer and,
 * for streams, of the first event with content. The first error is shown on stderr. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_BYTES (1 << 20)
#define SIGN_OF_CONTENT " word"

typedef struct {
  pthread_t thread;
  double *latencies, *firsts;
  long counted, room, errors, answered;
  char first_error[256];
} Caller;

static int port, request_length, is_streamed;
static char request[1 << 18];
static double warm_until, end_at;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static int dial(void) {
  int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
  struct timeval patience = {20, 0};
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (connect(fd, (void *)&address, sizeof address)) {
    close(fd);
    return -1;
  }
  return fd;
}

/* Read one answer. Returns 1 when it is whole; sets when its first content came, and whether the connection may be used again. */
static int read_answer(int fd, char *bytes, double *first_at, int *is_kept) {
  int length = 0, head = 0, is_chunked = 0;
  long announced = -1;
  for (*first_at = 0, *is_kept = 1;;) {
    ssize_t got = recv(fd, bytes + length, ANSWER_BYTES - 1 - length, 0);
    if (got <= 0) {
      *is_kept = 0;
      return got == 0 && head && announced < 0 && !is_chunked;
    }
    length += got;
    bytes[length] = 0;
    if (!head) {
      char *end = strstr(bytes, "\r\n\r\n"), *field;
      if (!end) continue;
      head = end + 4 - bytes;
      *end = 0;
      if ((field = strcasestr(bytes, "\r\ncontent-length:"))) announced = atol(field + 17);
      is_chunked = strcasestr(bytes, "\r\ntransfer-encoding:") != 0;
      if (strcasestr(bytes, "\r\nconnection: close")) *is_kept = 0;
      *end = '\r';
    }
    if (is_streamed && !*first_at && strstr(bytes + head, SIGN_OF_CONTENT)) *first_at = now();
    if (announced >= 0 && length - head >= announced) return 1;
    if (is_chunked && length - head >= 5 && !memcmp(bytes + length - 5, "0\r\n\r\n", 5)) return 1;
  }
}

static void count(Caller *caller, double latency, double first) {
  if (caller->counted == caller->room) {
    caller->room = caller->room ? caller->room * 2 : 65536;
    caller->latencies = realloc(caller->latencies, caller->room * sizeof(double));
    caller->firsts = realloc(caller->firsts, caller->room * sizeof(double));
  }
  caller->latencies[caller->counted] = latency;
  caller->firsts[caller->counted++] = first;
}

static void *run(void *argument) {
  Caller *caller = argument;
  char *bytes = calloc(1, ANSWER_BYTES);
  int fd = -1;
  while (now() < end_at) {
    if (fd < 0 && (fd = dial()) < 0) {
      caller->errors++;
      usleep(1000);
      continue;
    }
    double asked_at = now(), first_at = 0;
    int is_kept = 0, is_whole = send(fd, request, request_length, MSG_NOSIGNAL) == request_length && read_answer(fd, bytes, &first_at, &is_kept);
    double answered_at = now();
    if (!is_whole || strncmp(bytes + 9, "200", 3) || (is_streamed && !first_at)) {
      if (!caller->errors++) snprintf(caller->first_error, sizeof caller->first_error, "%.250s", bytes);
      is_kept = 0;
    } else {
      caller->answered++;
      if (asked_at >= warm_until) count(caller, answered_at - asked_at, first_at ? first_at - asked_at : 0);
    }
    if (!is_kept) {
      close(fd);
      fd = -1;
    }
  }
  return 0;
}

static int ascending(const void *a, const void *b) {
  double x = *(double *)a, y = *(double *)b;
  return x < y ? -1 : x > y;
}

static void print_percentiles(const char *name, double *values, long n) {
  static const double shares[] = {0.5, 0.9, 0.99, 0.999};
  static const char *labels[] = {"p50", "p90", "p99", "p999"};
  qsort(values, n, sizeof *values, ascending);
  printf(", \"%s\": {", name);
  for (int i = 0; i < 4; i++) printf("%s\"%s\": %.1f", i ? ", " : "", labels[i], n ? values[(long)((n - 1) * shares[i])] * 1e6 : 0);
  printf("}");
}

static void write_request(char **arguments, int n_arguments) {
  static char body[1 << 17];
  FILE *file = fopen(arguments[3], "r");
  if (!file) exit((perror(arguments[3]), 2));
  int n = fread(body, 1, sizeof body - 1, file);
  is_streamed = strstr(body, "\"stream\":true") != 0;
  char *out = request + sprintf(request, "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\n", arguments[2], port);
  for (int i = 7; i < n_arguments; i++) out += sprintf(out, "%s\r\n", arguments[i]);
  request_length = out + sprintf(out, "Content-Length: %d\r\n\r\n%s", n, body) - request;
}

int main(int n_arguments, char **arguments) {
  if (n_arguments < 7) return fprintf(stderr, "usage: load PORT PATH BODYFILE SECONDS CONNECTIONS WARM_SECONDS [Header: value]...\n"), 2;
  port = atoi(arguments[1]);
  int n_callers = atoi(arguments[5]);
  write_request(arguments, n_arguments);
  warm_until = now() + atof(arguments[6]);
  end_at = warm_until + atof(arguments[4]);
  Caller *callers = calloc(n_callers, sizeof *callers);
  for (int i = 0; i < n_callers; i++) pthread_create(&callers[i].thread, 0, run, &callers[i]);
  long n = 0, errors = 0, answered = 0;
  for (int i = 0; i < n_callers; i++) {
    pthread_join(callers[i].thread, 0);
    n += callers[i].counted, errors += callers[i].errors, answered += callers[i].answered;
    if (callers[i].errors && errors == callers[i].errors) fprintf(stderr, "%s\n", callers[i].first_error);
  }
  double *latencies = calloc(n + 1, sizeof(double)), *firsts = calloc(n + 1, sizeof(double)), *at = latencies, *first_at = firsts;
  for (int i = 0; i < n_callers; at += callers[i].counted, first_at += callers[i].counted, i++) {
    if (!callers[i].counted) continue;
    memcpy(at, callers[i].latencies, callers[i].counted * sizeof(double));
    memcpy(first_at, callers[i].firsts, callers[i].counted * sizeof(double));
  }
  printf("{\"answered\": %ld, \"counted\": %ld, \"errors\": %ld, \"per_s\": %.1f", answered, n, errors, n / atof(arguments[4]));
  print_percentiles("latency_us", latencies, n);
  print_percentiles("first_us", firsts, n);
  printf("}\n");
}
