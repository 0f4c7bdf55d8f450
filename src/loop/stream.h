/*
 * Byte streams: listeners, connections, over TCP, Unix sockets, or the
 * simulation's memory. TLS (src/tls) offers the same calls one layer up.
 *
 * Reads land in one buffer that the loop owns and every stream shares: what
 * `on_read` is given must be used or copied before it returns.
 */
#ifndef SJ_LOOP_STREAM_H
#define SJ_LOOP_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "loop/loop.h"

#define SJ__ADDRESS_MAX 108 /* text: "[2001:db8::1]:7373", "unix:/run/sojourn.sock" */

typedef struct sj__stream sj__stream;
typedef struct sj__listener sj__listener;

/* --- Streams ------------------------------------------------------------ */

typedef struct sj__stream_events {
  /* Bytes came. `data` is the loop's and writable until this returns. */
  void (*on_read)(sj__stream *stream, char *data, size_t size);
  /*
   * Reading has ended: SJ_CLOSED (the peer has shut its side in order) or
   * SJ_IO (reset and the like). Nothing more is read; the stream is still to
   * be closed by its owner.
   */
  void (*on_end)(sj__stream *stream, sj_status why);
  /*
   * All that was queued by sj__stream_write has been handed to the kernel
   * (SJ_OK), or never will be (SJ_IO). Not called when the write completed at
   * once and sj__stream_write said so.
   */
  void (*on_drained)(sj__stream *stream, sj_status status);
  /* The stream is gone; last call. `data` may be freed. */
  void (*on_closed)(sj__stream *stream);
} sj__stream_events;

struct sj__stream {
  const sj__stream_events *events; /* the owner's; may be changed between events */
  void *data;                      /* the owner's */
};

void sj__stream_read_start(sj__stream *stream);
void sj__stream_read_stop(sj__stream *stream);

/*
 * Writes the slices, in order, now as far as the kernel takes them. What is
 * left is copied and written later; *queued (may be NULL) is then true and
 * on_drained follows. SJ_NO_MEMORY, SJ_IO: nothing more can be written; close.
 */
SJ_MUST_USE sj_status sj__stream_write(sj__stream *stream, const sj_slice *slices, size_t count,
                                       bool *queued);
/* Bytes that wait to be written. */
size_t sj__stream_queued(const sj__stream *stream);

/* Ends our side once all is written (FIN); reading goes on. */
void sj__stream_shutdown(sj__stream *stream);

/* Closes both sides; on_closed follows in a later turn, nothing else does. Once only. */
void sj__stream_close(sj__stream *stream);

sj__loop *sj__stream_loop(const sj__stream *stream);

typedef struct sj__peer {
  char address[SJ__ADDRESS_MAX]; /* without port: "192.0.2.1", "2001:db8::1", "unix" */
  uint16_t port;                 /* 0 for Unix sockets */
  uint32_t uid;                  /* Unix sockets: SO_PEERCRED */
  bool is_unix;
} sj__peer;
/* SJ_IO when the connection is gone already. */
SJ_MUST_USE sj_status sj__stream_peer(const sj__stream *stream, sj__peer *out);

/* --- Listeners ---------------------------------------------------------- */

typedef struct sj__listen_options {
  const char *address; /* "127.0.0.1:7373", "[::1]:0", ":7373" (every interface), "unix:/PATH" */
  int backlog;         /* 0: 511 */
  bool reuse_port;     /* several listeners, one a worker, on one TCP address */
  bool first;          /* with reuse_port: SJ_BUSY if anybody listens there already */
  int unix_mode;       /* permissions of a Unix socket; 0: 0660 */
} sj__listen_options;

/* A new connection, reading not started, events unset; the callee owns it. */
typedef void sj__accept_fn(sj__listener *listener, sj__stream *stream);

/*
 * Listens and accepts until closed. Names are not looked up: the address is
 * numeric. A stale Unix socket file (nobody listens) is replaced.
 * SJ_INVALID (the address), SJ_BUSY (in use), SJ_PERMISSION, SJ_IO, SJ_NO_MEMORY;
 * `error` (may be NULL) says which and why.
 */
SJ_MUST_USE sj_status sj__listener_open(sj__loop *loop, const sj__listen_options *options,
                                        sj__accept_fn *on_accept, void *data, sj__listener **out,
                                        sj_error *error);
void *sj__listener_data(const sj__listener *listener);
/* The address with the port that the kernel chose. */
void sj__listener_address(const sj__listener *listener, char out[SJ__ADDRESS_MAX]);
/*
 * Accepts what already waits in the backlog, then closes; `done` (may be NULL)
 * follows in a later turn. Streams that were accepted live on. A Unix socket's
 * file is removed.
 */
void sj__listener_close(sj__listener *listener, void (*done)(void *argument), void *argument);

/* --- Handing on ---------------------------------------------------------- */

typedef void sj__arrived_fn(void *argument, sj__stream *stream);

/*
 * Gives a connection that was just accepted (nothing read or written yet) to
 * another loop, which must run on until it has got it: one listener may so feed
 * the loops of several threads. `on_arrived` is called once, from a turn of
 * `to`, with the stream that stands for the connection there, or NULL if there
 * was no memory for it (the connection is closed then). `stream` is gone, and
 * closes without on_closed. libuv loops only.
 * SJ_NO_MEMORY, SJ_IO (no descriptor), SJ_UNSUPPORTED (a simulated loop): `stream`
 * is still the caller's.
 */
SJ_MUST_USE sj_status sj__stream_hand_over(sj__stream *stream, sj__loop *to,
                                           sj__arrived_fn *on_arrived, void *argument);

/* --- Connecting --------------------------------------------------------- */

typedef struct sj__connect sj__connect; /* an attempt under way */
typedef void sj__connect_fn(void *argument, sj_status status, sj__stream *stream);

/*
 * Connects to a numeric address or "unix:/PATH". Exactly one call of `done`,
 * never from inside this one: SJ_OK and a stream that the callee owns, or
 * SJ_IO, SJ_TIMED_OUT (after `timeout_ms`), SJ_CANCELLED.
 */
SJ_MUST_USE sj_status sj__connect_start(sj__loop *loop, const char *address, uint64_t timeout_ms,
                                        sj__connect_fn *done, void *argument, sj__connect **out);
void sj__connect_cancel(sj__connect *connect); /* done still comes */

#endif
