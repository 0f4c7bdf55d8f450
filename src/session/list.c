/* A subject's sessions: asked for under every key that a live record may be tagged with. */
#include "base/alloc.h"
#include "session/session_private.h"

#define LIMIT_DEFAULT 50
#define LIMIT_MAX     100

static const sj__keyring *keyring_of(const sj__request *request) {
  return sj__vault_keyring(request->worker->vault);
}

sj_status sj__subject_tag(sj__request *request, size_t key_index, sj_slice subject,
                          uint8_t tag[SJ__TAG_SIZE]) {
  const sj__key *key = sj__keyring_at(keyring_of(request), key_index);
  return sj__vault_mac(request->worker->vault, key->kid, request->now_ms, SJ__PURPOSE_SUBJECT,
                       &subject, 1, tag);
}

/* --- Collecting -------------------------------------------------------------------- */

static void ask(sj__request *request);

/* A listed record, judged; dead ones and (should a tag collide) another's are passed over. */
static sj_status take(sj__request *request, sj_slice bytes) {
  if (bytes.size < SJ__RECORD_HEADER_SIZE) return SJ_CORRUPT;
  memcpy(request->key, sj__record_key(bytes), SJ__KEY_SIZE);
  sj_status status = sj__loaded_borrow(request, bytes);
  if (status == SJ_CORRUPT) { /* refused wherever it is presented; the others are not its victims */
    sj__audit(request, "refused", sj_status_code(status));
    return SJ_OK;
  }
  if (status != SJ_OK) return sj__told_of_key(status);
  if (sj__judge(request) != SJ_OK) return SJ_OK;
  if (!sj__slice_equal(request->loaded.meta.subject, request->subject)) return SJ_OK;
  sj__found *found = &request->found[request->found_count++];
  sj__view_fill(request, &request->loaded, &found->view);
  memcpy(found->key, request->key, SJ__KEY_SIZE);
  memcpy(found->family, request->loaded.record.family, SJ__KEY_SIZE);
  found->until_ms = sj__tombstone_until(request, &request->loaded.record);
  return SJ_OK;
}

static void refuse_cursor(sj__request *request) {
  sj__request_fail(request, SJ_BAD_REQUEST, "cursor: not one that a listing gave");
}

static void on_page(sj__request *request) {
  const sj__store_call *call = &request->store_call;
  /* Of all that is asked with, only a caller's cursor can be one that the store never gave. */
  if (call->status == SJ_MISUSE && request->kind == SJ__KIND_LIST) {
    refuse_cursor(request);
    return;
  }
  if (call->status != SJ_OK) {
    sj__request_store_failed(request);
    return;
  }
  for (size_t i = 0; i < call->item_count && request->found_count < request->limit; i++) {
    sj_status status = take(request, call->items[i]);
    if (status != SJ_OK) {
      sj__request_finish(request, status);
      return;
    }
  }
  request->cursor = call->cursor_next;
  if (request->cursor.size == 0) request->key_index++;
  ask(request);
}

static bool is_live_key(const sj__request *request, size_t index) {
  const sj__key *key = sj__keyring_at(keyring_of(request), index);
  return sj__keyring_state(keyring_of(request), key->kid, request->now_ms) != SJ__KEY_RETIRED;
}

static void ask(sj__request *request) {
  size_t count = sj__keyring_count(keyring_of(request));
  while (request->key_index < count && !is_live_key(request, request->key_index)) {
    request->key_index++;
    request->cursor.size = 0; /* a position among another key's sessions means nothing here */
  }
  if (request->key_index >= count || request->found_count >= request->limit) {
    request->collected(request);
    return;
  }
  sj_status status = sj__subject_tag(request, request->key_index, request->subject, request->tag);
  if (status != SJ_OK) {
    sj__request_finish(request, status);
    return;
  }
  request->store_call.in.list.subject_tag = request->tag;
  request->store_call.in.list.cursor = request->cursor;
  request->store_call.in.list.limit = (uint32_t)(request->limit - request->found_count);
  sj__request_submit(request, SJ__LIST, on_page);
}

void sj__collect(sj__request *request, sj__step *next) {
  request->collected = next;
  request->found_count = 0;
  if (request->found == NULL) { /* a request that collects again has the same limit */
    request->found = sj__arena_calloc(&request->arena, request->limit, sizeof(*request->found));
  }
  if (request->found == NULL) {
    sj__request_finish(request, SJ_NO_MEMORY);
    return;
  }
  ask(request);
}

/* --- sj_list ------------------------------------------------------------------------ */

/* base64url(kid | the store's cursor). */
static sj_status write_cursor(sj__request *request) {
  if (request->key_index >= sj__keyring_count(keyring_of(request))) return SJ_OK;
  uint8_t bytes[1 + SJ__CURSOR_MAX];
  char text[SJ__BASE64URL_SIZE(sizeof(bytes))];
  bytes[0] = sj__keyring_at(keyring_of(request), request->key_index)->kid;
  memcpy(bytes + 1, request->cursor.bytes, request->cursor.size);
  size_t size = sj__base64url_encode(bytes, 1u + request->cursor.size, text);
  request->call->next_cursor = sj__arena_dup(&request->arena, sj__slice(text, size));
  return request->call->next_cursor.data != NULL ? SJ_OK : SJ_NO_MEMORY;
}

static sj_status read_cursor(sj__request *request, sj_slice text) {
  uint8_t bytes[SJ__BASE64URL_SIZE(1 + SJ__CURSOR_MAX)];
  size_t size = 0;
  if (text.data == NULL) return SJ_OK;
  if (text.size > SJ__BASE64URL_SIZE(1 + SJ__CURSOR_MAX)) return SJ_INVALID;
  sj_status status = sj__base64url_decode(text, bytes, &size);
  if (status != SJ_OK || size == 0) return SJ_INVALID;
  size_t count = sj__keyring_count(keyring_of(request));
  while (request->key_index < count &&
         sj__keyring_at(keyring_of(request), request->key_index)->kid != bytes[0]) {
    request->key_index++;
  }
  if (request->key_index == count) return SJ_INVALID;
  request->cursor.size = (uint8_t)(size - 1);
  memcpy(request->cursor.bytes, bytes + 1, size - 1);
  return SJ_OK;
}

static void on_collected(sj__request *request) {
  sj_session *views = sj__arena_calloc(&request->arena, request->found_count + 1, sizeof(*views));
  sj_status status = views != NULL ? write_cursor(request) : SJ_NO_MEMORY;
  if (status == SJ_OK) {
    for (size_t i = 0; i < request->found_count; i++) views[i] = request->found[i].view;
    request->call->sessions = views;
    request->call->session_count = request->found_count;
  }
  sj__request_finish(request, status);
}

static void begin_list(sj__request *request) {
  if (request->limit == 0) request->limit = LIMIT_DEFAULT;
  if (request->subject.data == NULL || request->limit > LIMIT_MAX) {
    sj__request_fail(request, SJ_BAD_REQUEST, "a subject, and a limit of 1 to %d", LIMIT_MAX);
  } else if (read_cursor(request, request->list_cursor) != SJ_OK) {
    refuse_cursor(request);
  } else if (sj__check_subject(request, request->subject)) {
    sj__collect(request, on_collected);
  }
}

sj_status sj_list(sj_worker *worker, sj_call *call, sj_slice subject, sj_slice cursor,
                  uint32_t limit) {
  sj__request *request = sj__request_new(worker, call, SJ__KIND_LIST, begin_list);
  if (request == NULL) return SJ_NO_MEMORY;
  request->subject = subject;
  request->list_cursor = cursor;
  request->limit = limit;
  request->want_attributes = false;
  sj__request_start(request);
  return SJ_OK;
}
