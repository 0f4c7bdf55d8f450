/* A file of API keys: what is taken has roles and a hash of its own; a refusal quotes nothing. */
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "daemon/api_key_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_list(const sj__api_key_list *list) {
  SJ__REQUIRE(list->count > 0 && list->count <= SJ__API_KEYS_MAX);
  for (size_t i = 0; i < list->count; i++) SJ__REQUIRE(list->items[i].roles != 0);
}

/* No eight bytes of the input that could be of a key or a hash stand in the message. */
static void check_message(const sj_error *error, const uint8_t *data, size_t size) {
  size_t run = 0;
  SJ__REQUIRE(strncmp(error->message, "fuzz", 4) == 0 && strchr(error->message, '\n') == NULL);
  for (size_t i = 0; i < size; i++) {
    char c = (char)data[i];
    bool secret = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    run = secret ? run + 1 : 0;
    if (run < 8) continue;
    SJ__REQUIRE(memmem(error->message, strlen(error->message), data + i - 7, 8) == NULL);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  sj__api_key_list list = {NULL, 0};
  sj_error error = {0};
  sj_status status = sj__api_keys_parse("fuzz", sj__slice(size > 0 ? (const char *)data : "", size),
                                        &list, &error);
  SJ__REQUIRE(status == SJ_OK || status == SJ_INVALID);
  if (status == SJ_OK) {
    check_list(&list);
  } else {
    check_message(&error, data, size);
  }
  sj__api_key_list_release(&list);
  return 0;
}
