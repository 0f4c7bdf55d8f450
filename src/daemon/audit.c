#include "daemon/audit.h"

#include "base/log.h"

static void tell(void *context, const sj__audit_event *event) {
  sj__log_field fields[4] = {SJ__FIELD_CSTR("event", event->what)};
  size_t count = 1;
  if (event->code != NULL) fields[count++] = SJ__FIELD_CSTR("code", event->code);
  if (event->sid.data != NULL) fields[count++] = SJ__FIELD("sid", event->sid);
  if (event->subject.data != NULL) fields[count++] = SJ__FIELD("subject", event->subject);
  sj__log_write(SJ__LOG_INFO, "session", fields, count);
}

void sj__audit_to_log(sj_sessions *sessions) {
  sj__engine_set_audit(sessions, tell, NULL);
}
