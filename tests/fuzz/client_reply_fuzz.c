/* The answer to the command-line tool: what is taken has a status and a body cut from it. */
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  sj__client_reply reply = {.status = 0};
  sj__endpoint endpoint;
  sj_error error = {0};
  sj__buffer_init(&reply.bytes, 0);
  sj__buffer_append(&reply.bytes, data, size);
  sj_status status = sj__client_parse(&reply, &error);
  if (status == SJ_OK) {
    sj_slice bytes = sj__buffer_slice(&reply.bytes);
    SJ__REQUIRE(reply.status >= 100 && reply.status <= 599);
    SJ__REQUIRE(reply.body.data >= bytes.data);
    SJ__REQUIRE(reply.body.data + reply.body.size <= bytes.data + bytes.size);
  } else {
    SJ__REQUIRE(error.status == status && error.message[0] != '\0');
  }
  sj__client_reply_release(&reply);
  char *text = sj__calloc(1, size + 1);
  if (size > 0) memcpy(text, data, size);
  if (sj__endpoint_parse(text, &endpoint, &error) == SJ_OK) {
    SJ__REQUIRE(endpoint.host[0] != '\0' && (endpoint.is_unix || endpoint.port[0] != '\0'));
  }
  sj__free(text);
  return 0;
}
