/* An address that is taken is written as one that is taken and means the same. */
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "loop/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  sj__address address, again;
  sj_error error = {0};
  char first[SJ__ADDRESS_MAX], second[SJ__ADDRESS_MAX], host[SJ__ADDRESS_MAX];
  char *text = sj__calloc(1, size + 1);
  if (size > 0) memcpy(text, data, size);
  if (sj__address_parse(text, &address, &error) == SJ_OK) {
    sj__address_format(&address, first);
    SJ__REQUIRE(strlen(first) < sizeof(first));
    SJ__REQUIRE(sj__address_parse(first, &again, NULL) == SJ_OK);
    sj__address_format(&again, second);
    SJ__REQUIRE(strcmp(first, second) == 0 && address.is_unix == again.is_unix);
    SJ__REQUIRE(sj__address_host(&address, host) == 0 || !address.is_unix);
    SJ__REQUIRE(strlen(host) < sizeof(host));
  } else {
    SJ__REQUIRE(error.status == SJ_INVALID && error.message[0] != '\0');
  }
  sj__free(text);
  return 0;
}
