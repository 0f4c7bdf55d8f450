#include "sojourn/status.h"

#include "base/alloc.h"

typedef struct status_entry {
  const char *code;
  sj_category category;
  const char *text;
} status_entry;

static const status_entry entries[SJ_STATUS_COUNT] = {
#define STATUS_ENTRY(name, code, category, text) [SJ_##name] = {code, SJ_CATEGORY_##category, text},
    SJ_STATUS_MAP(STATUS_ENTRY)
#undef STATUS_ENTRY
};

static const status_entry *entry_of(sj_status status) {
  SJ__REQUIRE((unsigned)status < SJ_STATUS_COUNT);
  return &entries[status];
}

const char *sj_status_code(sj_status status) {
  return entry_of(status)->code;
}

const char *sj_status_text(sj_status status) {
  return entry_of(status)->text;
}

sj_category sj_status_category(sj_status status) {
  return entry_of(status)->category;
}
