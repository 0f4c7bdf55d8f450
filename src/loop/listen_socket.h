/* Makes listening sockets. For the libuv implementation alone. */
#ifndef SJ_LOOP_LISTEN_SOCKET_H
#define SJ_LOOP_LISTEN_SOCKET_H

#include <sys/types.h>

#include "loop/address.h"

typedef struct sj__listen_socket {
  int fd;              /* non-blocking, listening; -1: none */
  sj__address address; /* with the port that the kernel chose */
  dev_t device;        /* of a Unix socket's file, so that only our own is removed */
  ino_t inode;
} sj__listen_socket;

/* Errors as sj__listener_open. */
SJ_MUST_USE sj_status sj__listen_socket_open(const sj__listen_options *options,
                                             sj__listen_socket *out, sj_error *error);

/* Removes a Unix socket's file, if it is still ours. */
/*
 * Nobody new comes from now on; who waits to be accepted still does. Over TCP
 * their first packets are dropped, so that a client tries again a second later
 * and finds whoever listens by then; a Unix socket's name goes.
 */
void sj__listen_socket_deafen(const sj__listen_socket *self);
void sj__listen_socket_unlink(const sj__listen_socket *socket);

#endif
