/*
 * A store URL: its parts are the text, parameters are cut from the query, what
 * the wrappers' parsers take is within bounds, and memory: opens whatever else
 * is asked, or says in one line why not. (lmdb: would write to the disk.)
 */
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "store/compose/fault_plan.h"
#include "store/registry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_parts(sj_slice text, const sj__store_url *url) {
  sj__buffer joined;
  sj__buffer_init(&joined, 0);
  sj__buffer_append_slice(&joined, url->scheme);
  sj__buffer_append_char(&joined, ':');
  sj__buffer_append_slice(&joined, url->path);
  if (url->query.data != NULL) {
    sj__buffer_append_char(&joined, '?');
    sj__buffer_append_slice(&joined, url->query);
  }
  SJ__REQUIRE(sj__slice_equal(sj__buffer_slice(&joined), text));
  sj__buffer_release(&joined);
}

static void check_plan(const sj__store_url *url) {
  sj__fault_plan plan;
  sj_error error = {0};
  sj_status status = sj__fault_plan_parse(url, &plan, &error);
  SJ__REQUIRE(status == SJ_OK || (status == SJ_INVALID && error.message[0] != '\0'));
  uint64_t sum = 0;
  for (int i = 0; i < SJ__FAULT_COUNT; i++) sum += plan.per_mille[i];
  SJ__REQUIRE(status != SJ_OK || (sum <= 1000 && plan.delay_ms <= 3600000));
}

static void check_parameters(const sj__store_url *url) {
  static const char *const allowed[] = {"a", "max_size", NULL};
  sj_error error = {0};
  sj_status status = sj__store_url_check(url, allowed, &error);
  SJ__REQUIRE(status == SJ_OK || (status == SJ_INVALID && error.message[0] != '\0'));
  for (size_t i = 0; allowed[i] != NULL; i++) {
    sj_slice value = sj__store_url_get(url, allowed[i]);
    if (value.data == NULL) continue;
    const char *begin = url->query.data, *end = url->query.data + url->query.size;
    SJ__REQUIRE(value.data > begin && value.data + value.size <= end);
    SJ__REQUIRE(value.size == 0 || memchr(value.data, '&', value.size) == NULL);
  }
}

static bool may_write(const char *text) {
  return strcasestr(text, "lmdb") != NULL;
}

static void open_and_close(const char *text) {
  sj__store *store = NULL;
  sj_error error = {0};
  const sj__store_options options = {.realm = SJ__SLICE("fuzz")};
  sj_status status = sj__store_open(text, &options, &store, &error);
  SJ__REQUIRE((status == SJ_OK) == (store != NULL));
  SJ__REQUIRE((status == SJ_OK) == (error.message[0] == '\0'));
  if (status == SJ_OK) sj__store_close(store);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  sj_slice slice = sj__slice(data, size);
  sj__store_url url;
  if (sj__store_url_parse(slice, &url, NULL) == SJ_OK) {
    check_parts(slice, &url);
    check_parameters(&url);
    check_plan(&url);
  }
  char *text = sj__calloc(1, size + 1);
  if (size > 0) memcpy(text, data, size);
  if (!may_write(text)) open_and_close(text);
  sj__free(text);
  return 0;
}
