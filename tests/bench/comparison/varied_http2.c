/* Requests over HTTP/2 of which no two are alike, as fast as they are answered: what wrk's script does for HTTP/1.1.
 *
 *     varied-http2 PORT CONNECTIONS STREAMS SECONDS COUNT [NAME: VALUE]...
 *
 * COUNT different requests (path, query, cookie, trace, a browser's fields) go to 127.0.0.1:PORT in turn, over
 * CONNECTIONS connections in clear with STREAMS requests in flight on each. Field blocks are libnghttp2's, dynamic
 * table and all, as a browser's or curl's would be. Prints `RESULT` with: requests, microseconds, bytes of bodies,
 * errors of connecting, reading, writing, streams that were reset, other statuses than 200, and the 50th and
 * 99th percentile of latency in microseconds.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define MAX_FIELDS 24
#define MAX_STREAMS 256
#define SLOWEST_US 2000000 /* latencies above it count as it */
#define STALLED_S 5        /* a write that takes so long is an error */
#define WINDOW ((1 << 30) - 1)

static const char *const AGENTS[] = {
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 15_6) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:143.0) Gecko/20100101 Firefox/143.0", "okhttp/5.1.0"};

typedef struct {
  nghttp2_nv fields[MAX_FIELDS];
  size_t count;
} Request;

typedef struct {
  int32_t id; /* 0: free */
  int status;
  uint64_t sent_us;
} Stream;

typedef struct {
  int fd;
  nghttp2_session *session;
  Stream streams[MAX_STREAMS];
} Connection;

static Request *requests;
static int request_count, next_request, running = 1;
static uint64_t done, body_bytes, read_errors, write_errors, resets, other_statuses;
static uint32_t *latencies; /* requests per microsecond */

static uint64_t now_us(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return (uint64_t)at.tv_sec * 1000000 + (uint64_t)at.tv_nsec / 1000;
}

static void *or_end(void *memory) {
  if (!memory) {
    perror("varied-http2");
    exit(2);
  }
  return memory;
}

static void add(Request *request, const char *name, const char *value) {
  if (request->count == MAX_FIELDS) {
    fprintf(stderr, "varied-http2: more than %d fields\n", MAX_FIELDS);
    exit(2);
  }
  nghttp2_nv *field = &request->fields[request->count++];
  field->name = or_end(strdup(name));
  field->value = or_end(strdup(value));
  field->namelen = strlen(name);
  field->valuelen = strlen(value);
  field->flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE;
  for (uint8_t *letter = field->name; *letter; letter++)
    if (*letter >= 'A' && *letter <= 'Z')
      *letter += 'a' - 'A';
}

static void make_requests(int port, char **given, int given_count) {
  char text[256];
  requests = or_end(calloc((size_t)request_count, sizeof(Request)));
  for (int at = 0; at < request_count; at++) {
    Request *request = &requests[at];
    uint64_t i = (uint64_t)at + 1;
    add(request, ":method", "GET");
    add(request, ":scheme", "http");
    snprintf(text, sizeof text, "127.0.0.1:%d", port);
    add(request, ":authority", text);
    snprintf(text, sizeof text, "/item/%d?sort=price&page=%d", at + 1, (at + 1) % 97);
    add(request, ":path", text);
    for (int one = 0; one < given_count; one++) {
      char *value = strstr(given[one], ": ");
      snprintf(text, sizeof text, "%.*s", (int)(value - given[one]), given[one]);
      add(request, text, value + 2);
    }
    add(request, "user-agent", AGENTS[i % 4]);
    add(request, "accept", "application/json, text/plain, */*");
    add(request, "accept-language", "en-GB,en;q=0.9,de;q=0.8");
    add(request, "accept-encoding", "gzip, deflate, br, zstd");
    snprintf(text, sizeof text, "https://shop.example.com/orders?page=%d", at + 1);
    add(request, "referer", text);
    snprintf(text, sizeof text, "session=%08x%08x; theme=dark; consent=1", (uint32_t)(i * 2654435761U), at + 1);
    add(request, "cookie", text);
    snprintf(text, sizeof text, "00-%016llx%016llx-%016llx-01", (unsigned long long)i, (unsigned long long)i * 40503,
             (unsigned long long)i * 7);
    add(request, "traceparent", text);
  }
}

static void ask(Connection *connection, Stream *stream) {
  const Request *request = &requests[next_request];
  next_request = (next_request + 1) % request_count;
  int32_t id = nghttp2_submit_request(connection->session, NULL, request->fields, request->count, NULL, stream);
  if (id < 0) {
    write_errors++;
    running = 0;
    return;
  }
  *stream = (Stream){.id = id, .sent_us = now_us()};
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_bytes,
                     const uint8_t *value, size_t value_bytes, uint8_t flags, void *connection) {
  (void)flags, (void)connection, (void)value_bytes;
  if (name_bytes == 7 && memcmp(name, ":status", 7) == 0) {
    Stream *stream = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (stream)
      stream->status = atoi((const char *)value);
  }
  return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t size, void *connection) {
  (void)session, (void)flags, (void)id, (void)data, (void)connection;
  body_bytes += size;
  return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t error, void *owner) {
  Connection *connection = owner;
  Stream *stream = nghttp2_session_get_stream_user_data(session, id);
  if (!running || !stream)
    return 0;
  uint64_t took_us = now_us() - stream->sent_us;
  latencies[took_us < SLOWEST_US ? took_us : SLOWEST_US]++;
  done++;
  resets += error != NGHTTP2_NO_ERROR;
  other_statuses += stream->status != 200;
  ask(connection, stream);
  return 0;
}

static void send_whole(const Connection *connection, const uint8_t *data, size_t size) {
  while (size) {
    ssize_t sent = send(connection->fd, data, size, MSG_NOSIGNAL);
    if (sent <= 0) {
      write_errors++;
      running = 0;
      return;
    }
    data += sent;
    size -= (size_t)sent;
  }
}

/* Frames of several requests go out by one write, as h2load's and a browser's do. */
static void send_gathered(const Connection *connection) {
  static uint8_t gathered[1 << 16];
  const uint8_t *made;
  size_t filled = 0;
  ssize_t size;
  while (running && (size = nghttp2_session_mem_send(connection->session, &made)) > 0) {
    if (filled + (size_t)size > sizeof gathered) {
      send_whole(connection, gathered, filled);
      filled = 0;
    }
    memcpy(gathered + filled, made, (size_t)size); /* libnghttp2's pieces are a frame at most: 16 KiB */
    filled += (size_t)size;
  }
  send_whole(connection, gathered, filled);
}

static void receive(Connection *connection) {
  static uint8_t data[1 << 16];
  ssize_t size = recv(connection->fd, data, sizeof data, 0);
  if (size <= 0 || nghttp2_session_mem_recv(connection->session, data, (size_t)size) < 0) {
    read_errors++;
    running = 0;
    return;
  }
  send_gathered(connection);
}

static void open_connection(Connection *connection, int port) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
  connection->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(connection->fd, (struct sockaddr *)&to, sizeof to)) {
    printf("RESULT 0 1 0 1 0 0 0 0 0 0\n");
    exit(0);
  }
  int on = 1;
  setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  struct timeval limit = {.tv_sec = STALLED_S};
  setsockopt(connection->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  nghttp2_session_callbacks *callbacks;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
  nghttp2_session_client_new(&connection->session, callbacks, connection);
  nghttp2_session_callbacks_del(callbacks);
  nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0}, {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW}};
  nghttp2_submit_settings(connection->session, NGHTTP2_FLAG_NONE, settings, 2);
  nghttp2_session_set_local_window_size(connection->session, NGHTTP2_FLAG_NONE, 0, WINDOW);
}

static unsigned percentile_us(double share) {
  uint64_t wanted = (uint64_t)((double)done * share), seen = 0;
  for (unsigned us = 0; us <= SLOWEST_US; us++)
    if ((seen += latencies[us]) > wanted)
      return us;
  return SLOWEST_US;
}

int main(int count, char **words) {
  if (count < 6) {
    fprintf(stderr, "usage: varied-http2 PORT CONNECTIONS STREAMS SECONDS COUNT [NAME: VALUE]...\n");
    return 2;
  }
  int port = atoi(words[1]), connection_count = atoi(words[2]), stream_count = atoi(words[3]);
  double seconds = atof(words[4]);
  request_count = atoi(words[5]);
  if (connection_count < 1 || stream_count < 1 || stream_count > MAX_STREAMS || request_count < 1) {
    fprintf(stderr, "varied-http2: CONNECTIONS, STREAMS (up to %d) and COUNT are 1 or more\n", MAX_STREAMS);
    return 2;
  }
  make_requests(port, words + 6, count - 6);
  latencies = or_end(calloc(SLOWEST_US + 1, sizeof *latencies));
  Connection *connections = or_end(calloc((size_t)connection_count, sizeof(Connection)));
  struct pollfd *polled = or_end(calloc((size_t)connection_count, sizeof(struct pollfd)));
  for (int at = 0; at < connection_count; at++) {
    open_connection(&connections[at], port);
    polled[at] = (struct pollfd){.fd = connections[at].fd, .events = POLLIN};
  }
  uint64_t start_us = now_us(), end_us = start_us + (uint64_t)(seconds * 1e6), at_us;
  for (int at = 0; at < connection_count; at++) {
    for (int stream = 0; stream < stream_count; stream++)
      ask(&connections[at], &connections[at].streams[stream]);
    send_gathered(&connections[at]);
  }
  while ((at_us = now_us()) < end_us && running) {
    poll(polled, (nfds_t)connection_count, (int)((end_us - at_us) / 1000) + 1);
    for (int at = 0; at < connection_count && running; at++)
      if (polled[at].revents)
        receive(&connections[at]);
  }
  uint64_t took_us = now_us() - start_us;
  printf("RESULT %llu %llu %llu 0 %llu %llu %llu %llu %u %u\n", (unsigned long long)done, (unsigned long long)took_us,
         (unsigned long long)body_bytes, (unsigned long long)read_errors, (unsigned long long)write_errors,
         (unsigned long long)resets, (unsigned long long)other_statuses, percentile_us(0.5), percentile_us(0.99));
  return 0;
}
