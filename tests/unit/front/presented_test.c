/* What a request presents: credentials and API keys. */
#include "../unit.h"

#include "base/alloc.h"
#include "front/presented.h"

#define FIELDS_MAX 6

static sj_slice cookie_name(void) {
  return SJ__SLICE("__Host-sojourn");
}

/* Ours begin with "our". */
static bool is_ours(void *context, sj_slice credential) {
  return sj__slice_starts(credential, SJ__SLICE("our"));
}

/* Pairs of name and value, ended by NULL. */
static sj_status find(const char *const *pairs, sj_slice *out) {
  sj__http_field fields[FIELDS_MAX];
  size_t count = 0;
  for (; pairs[2 * count] != NULL; count++) {
    fields[count] =
        (sj__http_field){sj__slice_text(pairs[2 * count]), sj__slice_text(pairs[2 * count + 1])};
  }
  const sj__http_request request = {.fields = fields, .field_count = count};
  return sj__credential_find(&request, cookie_name(), is_ours, NULL, out);
}

typedef struct credential_row {
  const char *pairs[2 * FIELDS_MAX];
  sj_status status;
  const char *found;
} credential_row;

static const credential_row credentials[] = {
    {{NULL}, SJ_OK, NULL},
    {{"Cookie", "__Host-sojourn=our1", NULL}, SJ_OK, "our1"},
    {{"cOOKIE", "a=b; __Host-sojourn=our1; c=d", NULL}, SJ_OK, "our1"},
    {{"Cookie", "__host-sojourn=our1; __HOST-sojourn=our2", NULL}, SJ_OK, NULL},
    {{"Cookie", "__Host-sojourn=", NULL}, SJ_OK, NULL},
    {{"Authorization", "Bearer our1", NULL}, SJ_OK, "our1"},
    {{"authorization", "bEARER   our1", NULL}, SJ_OK, "our1"},
    {{"Authorization", "Bearer theirs", NULL}, SJ_OK, "theirs"},
    {{"Authorization", "Bearer", NULL}, SJ_OK, NULL},
    {{"Authorization", "Bearer ", NULL}, SJ_OK, NULL},
    {{"Authorization", "Bearerour1", NULL}, SJ_OK, NULL},
    {{"Authorization", "Basic our1", NULL}, SJ_OK, NULL},
    {{"Authorization", "Bearer our1", "Authorization", "Bearer our1", NULL}, SJ_OK, "our1"},
    {{"Authorization", "Bearer our1", "Authorization", "Bearer our2", NULL},
     SJ_BAD_CREDENTIAL,
     NULL},
    {{"Authorization", "Basic x", "Authorization", "Bearer our2", NULL}, SJ_OK, "our2"},
    {{"Cookie", "__Host-sojourn=our1", "Authorization", "Bearer theirs", NULL}, SJ_OK, "our1"},
    {{"Cookie", "__Host-sojourn=our1", "Authorization", "Bearer our1", NULL}, SJ_OK, "our1"},
    {{"Cookie", "__Host-sojourn=our1", "Authorization", "Bearer our2", NULL},
     SJ_BAD_CREDENTIAL,
     NULL},
    {{"Authorization", "Bearer our2", "Cookie", "__Host-sojourn=our1", NULL},
     SJ_BAD_CREDENTIAL,
     NULL},
    {{"Authorization", "Bearer theirs", "Authorization", "Bearer our1", "Cookie",
      "__Host-sojourn=our1", NULL},
     SJ_OK,
     "our1"},
    {{"Cookie", "__Host-sojourn=our1", "Cookie", "__Host-sojourn=our1", NULL}, SJ_OK, "our1"},
    {{"Cookie", "__Host-sojourn=our1", "Cookie", "__Host-sojourn=our2", NULL},
     SJ_BAD_CREDENTIAL,
     NULL},
    {{"Cookie", "__Host-sojourn=our1; __Host-sojourn=our2", NULL}, SJ_BAD_CREDENTIAL, NULL},
    {{"Cookie", "__Host-sojourn=; __Host-sojourn=our2", NULL}, SJ_BAD_CREDENTIAL, NULL},
    {{"X-Cookie", "__Host-sojourn=our1", "Set-Cookie", "__Host-sojourn=our1", NULL}, SJ_OK, NULL},
};

static void finds_the_credential(void **state) {
  for (size_t i = 0; i < SJ__COUNT_OF(credentials); i++) {
    const credential_row *row = &credentials[i];
    sj_slice found;
    assert_int_equal(find(row->pairs, &found), row->status);
    if (!sj__slice_equal(found, sj__slice_text(row->found))) fail_msg("row %zu", i);
  }
}

static void bounds_the_credential(void **state) {
  char value[SJ__CREDENTIAL_MAX + 64] = "__Host-sojourn=";
  const char *const pairs[] = {"Cookie", value, NULL};
  size_t name = strlen(value);
  sj_slice found;
  memset(value + name, 'x', SJ__CREDENTIAL_MAX);
  assert_ok(find(pairs, &found));
  assert_int_equal(found.size, SJ__CREDENTIAL_MAX);
  value[name + SJ__CREDENTIAL_MAX] = 'x';
  assert_int_equal(find(pairs, &found), SJ_BAD_CREDENTIAL);
  assert_null(found.data);
}

/* --- API keys ------------------------------------------------------------------------ */

static sj__api_key keys[3];

static int make_keys(void **state) {
  static const struct {
    const char *text;
    uint32_t roles;
  } made[] = {{"alpha", SJ__ROLE_APP},
              {"beta", SJ__ROLE_ADMIN | SJ__ROLE_APP},
              {"alpha", SJ__ROLE_METRICS}};
  for (size_t i = 0; i < SJ__COUNT_OF(made); i++) {
    const sj_slice text = sj__slice_text(made[i].text);
    sj__sha256(&text, 1, keys[i].hash);
    keys[i].roles = made[i].roles;
  }
  return 0;
}

typedef struct key_row {
  const char *pairs[2 * FIELDS_MAX];
  uint32_t role;
  bool bearer_allowed;
  sj_status status;
} key_row;

static const key_row key_rows[] = {
    {{NULL}, SJ__ROLE_APP, true, SJ_FORBIDDEN},
    {{"Sojourn-Key", "alpha", NULL}, SJ__ROLE_APP, false, SJ_OK},
    {{"sojourn-key", "alpha", NULL},
     SJ__ROLE_METRICS,
     false,
     SJ_OK}, /* a key listed twice has both */
    {{"Sojourn-Key", "alpha", NULL}, SJ__ROLE_ADMIN, false, SJ_FORBIDDEN},
    {{"Sojourn-Key", "beta", NULL}, SJ__ROLE_ADMIN, false, SJ_OK},
    {{"Sojourn-Key", "beta", NULL}, SJ__ROLE_ADMIN | SJ__ROLE_METRICS, false, SJ_FORBIDDEN},
    {{"Sojourn-Key", "gamma", NULL}, SJ__ROLE_APP, false, SJ_FORBIDDEN},
    {{"Sojourn-Key", "Alpha", NULL}, SJ__ROLE_APP, false, SJ_FORBIDDEN},
    {{"Sojourn-Key", "", NULL}, SJ__ROLE_APP, true, SJ_FORBIDDEN},
    {{"Sojourn-Key", "alpha", "Sojourn-Key", "alpha", NULL}, SJ__ROLE_APP, false, SJ_FORBIDDEN},
    {{"Authorization", "Bearer alpha", NULL}, SJ__ROLE_APP, true, SJ_OK},
    {{"Authorization", "Bearer alpha", NULL}, SJ__ROLE_APP, false, SJ_FORBIDDEN},
    {{"Authorization", "alpha", NULL}, SJ__ROLE_APP, true, SJ_FORBIDDEN},
    {{"Authorization", "Bearer alpha", "Authorization", "Bearer alpha", NULL},
     SJ__ROLE_APP,
     true,
     SJ_FORBIDDEN},
    {{"Sojourn-Key", "gamma", "Authorization", "Bearer alpha", NULL},
     SJ__ROLE_APP,
     true,
     SJ_FORBIDDEN},
    {{"Sojourn-Key", "alpha", "Authorization", "Bearer x", NULL}, SJ__ROLE_APP, true, SJ_OK},
};

static void judges_api_keys(void **state) {
  for (size_t i = 0; i < SJ__COUNT_OF(key_rows); i++) {
    const key_row *row = &key_rows[i];
    sj__http_field fields[FIELDS_MAX];
    size_t count = 0;
    for (; row->pairs[2 * count] != NULL; count++) {
      fields[count] = (sj__http_field){sj__slice_text(row->pairs[2 * count]),
                                       sj__slice_text(row->pairs[2 * count + 1])};
    }
    const sj__http_request request = {.fields = fields, .field_count = count};
    sj_status status =
        sj__api_key_check(&request, keys, SJ__COUNT_OF(keys), row->role, row->bearer_allowed);
    if (status != row->status) fail_msg("row %zu: %s", i, sj_status_code(status));
    assert_int_equal(sj__api_key_check(&request, NULL, 0, row->role, row->bearer_allowed),
                     SJ_FORBIDDEN);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(finds_the_credential),
      cmocka_unit_test(bounds_the_credential),
      cmocka_unit_test_setup(judges_api_keys, make_keys),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
