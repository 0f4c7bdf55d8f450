/* What concerns many sessions at once: end-all, marks, the limit of sessions a subject. */
#include <stdlib.h>

#include "base/alloc.h"
#include "session/session_private.h"

#define PAGE 100

/* --- Marks ------------------------------------------------------------------------- */

static void write_mark(sj__request *request);

static sj_status mark_value(sj__request *request, uint8_t kid, uint8_t value[SJ__TAG_SIZE]) {
  switch (request->scope) {
    case SJ__MARK_SUBJECT:
      return sj__vault_mac(request->worker->vault, kid, request->now_ms, SJ__PURPOSE_SUBJECT,
                           &request->subject, 1, value);
    case SJ__MARK_CLIENT:
      return sj__vault_mac(request->worker->vault, kid, request->now_ms, SJ__PURPOSE_CLIENT,
                           &request->subject, 1, value);
    default:
      return SJ_OK; /* the realm's value is zeros */
  }
}

static void on_marked(sj__request *request) {
  if (request->store_call.status != SJ_OK) {
    sj__request_store_failed(request);
    return;
  }
  sj_status status = sj__mark_set_add(request->worker->sessions->marks, &request->mark);
  if (status != SJ_OK) {
    sj__request_finish(request, status);
    return;
  }
  request->has_written = true;
  sj__metric_add(request->worker->sessions->metrics.marks, 1);
  request->key_index++;
  write_mark(request);
}

static void write_mark(sj__request *request) {
  const sj__keyring *keyring = sj__vault_keyring(request->worker->vault);
  size_t count = sj__keyring_count(keyring);
  while (request->key_index < count &&
         sj__keyring_state(keyring, sj__keyring_at(keyring, request->key_index)->kid,
                           request->now_ms) == SJ__KEY_RETIRED) {
    request->key_index++;
  }
  if (request->key_index == count) {
    request->marked(request);
    return;
  }
  request->mark = (sj__mark){
      .kid = sj__keyring_at(keyring, request->key_index)->kid,
      .scope = request->scope,
      .moment_ms = request->moment_ms,
      .has_except = request->has_except,
      .until_ms = request->moment_ms + SJ__ABSOLUTE_CAP_MS + SJ__TOMBSTONE_GRACE_MS,
  };
  memcpy(request->mark.except, request->except_family, SJ__KEY_SIZE);
  sj_status status = mark_value(request, request->mark.kid, request->mark.value);
  if (status == SJ_OK) {
    status = sj__mark_encode(request->worker->vault, request->now_ms, &request->mark,
                             request->mark_bytes);
  }
  if (status != SJ_OK) {
    sj__request_finish(request, status);
    return;
  }
  request->store_call.in.mark.mark = sj__slice(request->mark_bytes, SJ__MARK_SIZE);
  sj__request_submit(request, SJ__MARK, on_marked);
}

void sj__mark_all(sj__request *request, sj__mark_scope scope, sj__step *next) {
  request->scope = scope;
  request->marked = next;
  request->key_index = 0;
  write_mark(request);
}

/* --- Ending what a listing found ------------------------------------------------------ */

/* All at once, so that a store which commits in groups takes a page in one. */
typedef struct sj__ending {
  sj__store_call call;
  sj__request *request;
} sj__ending;

static void on_page_over(sj__request *request) {
  if (request->store_call.status != SJ_OK) {
    sj__request_store_failed(request);
  } else if (request->cancelled) {
    sj__request_finish(request, SJ_CANCELLED);
  } else {
    request->all_ended(request);
  }
}

/* The first failure speaks for the page; that any outcome is unknown must not be lost. */
static void note_failure(sj__store_call *told, const sj__store_call *call) {
  if (told->status == SJ_OK) told->status = call->status;
  if (call->applied == SJ__APPLIED_UNKNOWN) told->applied = SJ__APPLIED_UNKNOWN;
}

static void on_one_ended(sj__store_call *call) {
  sj__request *request = SJ__CONTAINER_OF(call, sj__ending, call)->request;
  if (call->status != SJ_OK) {
    note_failure(&request->store_call, call);
  } else if (call->count > 0) {
    request->ended++;
    memcpy(request->key, call->in.end.key, SJ__KEY_SIZE);
    sj__audit(request, "ended", sj__reason_name(request->reason));
  }
  if (--request->endings_left == 0) on_page_over(request);
}

static bool is_spared(const sj__request *request, const sj__found *found) {
  return request->has_except && memcmp(found->family, request->except_family, SJ__KEY_SIZE) == 0;
}

static void prepare_ending(sj__request *request, sj__ending *ending, const sj__found *found) {
  sj__end_input(request, found->key, request->reason, found->until_ms);
  *ending = (sj__ending){.call = request->store_call, .request = request};
  ending->call.op = SJ__END;
  ending->call.done = on_one_ended;
  ending->call.deadline_ms = request->deadline_ms;
  ending->call.now_ms = request->now_ms;
}

static void end_found(sj__request *request, size_t count, sj__reason reason, sj__step *next) {
  size_t left = 0;
  request->reason = reason;
  request->all_ended = next;
  if (request->endings == NULL) {
    request->endings = sj__arena_alloc(&request->arena, PAGE * sizeof(*request->endings));
  }
  if (request->endings == NULL) {
    sj__request_finish(request, SJ_NO_MEMORY);
    return;
  }
  request->store_call.op = SJ__END;
  request->store_call.status = SJ_OK;
  request->store_call.applied = SJ__APPLIED_NO;
  SJ__REQUIRE(count <= PAGE);
  for (size_t i = 0; i < count; i++) {
    if (is_spared(request, &request->found[i])) continue;
    prepare_ending(request, &request->endings[left++], &request->found[i]);
  }
  request->endings_left = left;
  if (left == 0) on_page_over(request);
  for (size_t i = 0; i < left; i++) {
    sj__store_submit(request->worker->port, &request->endings[i].call);
  }
}

/* --- sj_end_subject ---------------------------------------------------------------------- */

static void collect_page(sj__request *request);

static void on_page_ended(sj__request *request) {
  if (request->key_index >= sj__keyring_count(sj__vault_keyring(request->worker->vault))) {
    request->call->count = request->ended;
    sj__request_finish(request, SJ_OK);
  } else {
    /* Some user has very many: that a page was ended is a sign of life of the store. */
    sj__request_renew(request);
    collect_page(request);
  }
}

static void on_page_found(sj__request *request) {
  end_found(request, request->found_count, SJ__REASON_REVOKED, on_page_ended);
}

static void collect_page(sj__request *request) {
  request->limit = PAGE;
  /* The mark refuses them already: listing goes by what the store holds. */
  request->ignore_marks = true;
  sj__collect(request, on_page_found);
}

static void on_subject_marked(sj__request *request) {
  request->key_index = 0;
  request->cursor.size = 0;
  collect_page(request);
}

static void mark_subject(sj__request *request) {
  sj__mark_all(request, SJ__MARK_SUBJECT, on_subject_marked);
}

static void on_except_read(sj__request *request) {
  sj_status status = request->store_call.status;
  if (status != SJ_OK && status != SJ_MISSING) {
    sj__request_store_failed(request);
    return;
  }
  if (status == SJ_OK) status = sj__loaded_open(request, request->store_call.record);
  /* Under a retired key there is nothing alive to be spared. */
  if (status != SJ_OK && status != SJ_MISSING && status != SJ_RETIRED_KEY) {
    sj__request_finish(request, sj__told_of_key(status));
    return;
  }
  request->has_except = status == SJ_OK && request->loaded.record.state == SJ__ACTIVE &&
                        sj__slice_equal(request->loaded.meta.subject, request->subject);
  memcpy(request->except_family, request->loaded.record.family, SJ__KEY_SIZE);
  mark_subject(request);
}

static void begin_end_subject(sj__request *request) {
  if (request->subject.data == NULL) {
    sj__request_fail(request, SJ_BAD_REQUEST, "subject: is needed");
    return;
  }
  if (!sj__check_subject(request, request->subject)) return;
  /* Until now: by what was given out, should the clock have gone back. */
  int64_t newest_ms = atomic_load(&request->worker->sessions->newest_birth_ms);
  request->moment_ms = newest_ms > request->now_ms ? newest_ms : request->now_ms;
  if (request->list_cursor.data == NULL) {
    mark_subject(request);
  } else if (sj__sid_parse(request->list_cursor, request->key) != SJ_OK) {
    sj__request_fail(request, SJ_BAD_REQUEST, "except: a session's id, %d characters", SJ_SID_SIZE);
  } else {
    request->store_call.in.get.key = request->key;
    request->store_call.in.get.at_least = 0;
    request->store_call.in.get.mode = SJ__AUTHORITY;
    sj__request_submit(request, SJ__GET, on_except_read);
  }
}

sj_status sj_end_subject(sj_worker *worker, sj_call *call, sj_slice subject, sj_slice except_sid) {
  sj__request *request = sj__request_new(worker, call, SJ__KIND_END_SUBJECT, begin_end_subject);
  if (request == NULL) return SJ_NO_MEMORY;
  request->subject = subject;
  request->list_cursor = except_sid;
  request->want_attributes = false;
  sj__request_start(request);
  return SJ_OK;
}

/* --- sj_revoke ------------------------------------------------------------------------------ */

static void on_revoked(sj__request *request) {
  sj__request_finish(request, SJ_OK);
}

static void begin_revoke(sj__request *request) {
  if (request->moment_ms > request->now_ms) {
    sj__request_fail(request, SJ_BAD_REQUEST, "before: must not lie in the future");
  } else if (request->moment_ms < 0) {
    sj__request_fail(request, SJ_BAD_REQUEST, "before: not before 1970");
  } else if (sj__check_name(request, request->scope == SJ__MARK_CLIENT ? "client" : "subject",
                            request->subject)) {
    sj__mark_all(request, request->scope, on_revoked);
  }
}

static void begin_revoke_both(sj__request *request) {
  sj__request_fail(request, SJ_BAD_REQUEST, "subject or client, not both");
}

sj_status sj_revoke(sj_worker *worker, sj_call *call, sj_slice subject, sj_slice client,
                    int64_t before_ms) {
  bool both = subject.data != NULL && client.data != NULL;
  sj__request *request =
      sj__request_new(worker, call, SJ__KIND_REVOKE, both ? begin_revoke_both : begin_revoke);
  if (request == NULL) return SJ_NO_MEMORY;
  request->subject = subject.data != NULL ? subject : client;
  request->scope = subject.data != NULL  ? SJ__MARK_SUBJECT
                   : client.data != NULL ? SJ__MARK_CLIENT
                                         : SJ__MARK_REALM;
  request->moment_ms = before_ms;
  sj__request_start(request);
  return SJ_OK;
}

/* --- policy.max_sessions ---------------------------------------------------------------- */

static int oldest_first(const void *a, const void *b) {
  const sj__found *first = a;
  const sj__found *second = b;
  if (first->view.created_ms != second->view.created_ms) {
    return first->view.created_ms < second->view.created_ms ? -1 : 1;
  }
  return memcmp(first->key, second->key, SJ__KEY_SIZE);
}

static void on_limit_kept(sj__request *request) {
  memcpy(request->key, request->kept_key, SJ__KEY_SIZE);
  request->loaded = *request->kept;
  request->within_limit(request);
}

static void collect_for_limit(sj__request *request);

/* What one page didn't show is older or newer; those that went were beyond the limit anyway. */
static void on_excess_ended(sj__request *request) {
  bool is_all = request->key_index >= sj__keyring_count(sj__vault_keyring(request->worker->vault));
  if (is_all) {
    on_limit_kept(request);
  } else {
    collect_for_limit(request);
  }
}

static void on_all_found(sj__request *request) {
  uint32_t limit = request->worker->sessions->options.max_sessions;
  size_t excess = request->found_count > limit ? request->found_count - limit : 0;
  qsort(request->found, request->found_count, sizeof(*request->found), oldest_first);
  end_found(request, excess, SJ__REASON_LIMIT, on_excess_ended);
}

static void collect_for_limit(sj__request *request) {
  request->key_index = 0;
  request->cursor.size = 0;
  sj__collect(request, on_all_found);
}

void sj__enforce_max_sessions(sj__request *request, sj__step *next) {
  uint32_t limit = request->worker->sessions->options.max_sessions;
  if (limit == 0 || request->subject.data == NULL) {
    next(request);
    return;
  }
  /* The listing reads other records into `loaded`: what is to be answered is put aside. */
  request->kept = sj__arena_alloc(&request->arena, sizeof(*request->kept));
  if (request->kept == NULL) {
    sj__request_finish(request, SJ_NO_MEMORY);
    return;
  }
  *request->kept = request->loaded;
  memcpy(request->kept_key, request->key, SJ__KEY_SIZE);
  /* From here on nothing is judged by what the client presented. */
  request->handle.kind = (sj__handle_kind)0;
  request->within_limit = next;
  request->limit = limit + PAGE; /* always more than may stay: each round ends a page of them */
  collect_for_limit(request);
}
