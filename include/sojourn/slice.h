/*
 * sojourn/slice.h - a borrowed run of bytes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SOJOURN_SLICE_H
#define SOJOURN_SLICE_H

#include <stddef.h>

/*
 * Borrowed bytes: not NUL-terminated, not owned. `data` may be NULL only when
 * `size` is 0. {NULL, 0} means "absent"; a non-NULL `data` with size 0 is an
 * empty value.
 */
typedef struct sj_slice {
  const char *data;
  size_t size;
} sj_slice;

#endif
