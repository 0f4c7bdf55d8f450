#include "daemon/config_table.h"

#include <stddef.h>
#include <string.h>

#include "base/alloc.h"

#define SECOND ((uint64_t)1000)
#define MINUTE (60 * SECOND)
#define DAY    ((uint64_t)24 * 60 * MINUTE)
#define KIB    ((uint64_t)1024)
#define MIB    (1024 * KIB)

const char *const sj__config_role_names[] = {"app", "check", "admin", "oauth", "metrics", NULL};
static const char *const same_site_names[] = {"lax", "strict", "none", NULL};
static const char *const rollback_names[] = {"accept", "end", NULL};
static const char *const format_names[] = {"json", "text", NULL};
static const char *const level_names[] = {"debug", "info", "warning", "error", NULL};

/* --- Syntax of texts --------------------------------------------------------- */

static bool all_of(sj_slice text, const char *marks) {
  for (size_t i = 0; i < text.size; i++) {
    char c = text.data[i];
    bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!alphanumeric && strchr(marks, c) == NULL) return false;
  }
  return true;
}

static bool is_realm(sj_slice text) {
  return all_of(text, "._-");
}

/* RFC 6265 4.1.1: a cookie's name is a token (RFC 9110 5.6.2). */
static bool is_cookie_name(sj_slice text) {
  return all_of(text, "!#$%&'*+-.^_`|~");
}

/* RFC 1123 2.1, without the leading dot that RFC 6265 5.2.3 would drop. */
static bool is_domain(sj_slice text) {
  return all_of(text, ".-") && text.data[0] != '.' && text.data[text.size - 1] != '.';
}

static bool is_store(sj_slice text) {
  const char *colon = memchr(text.data, ':', text.size);
  return colon != NULL && colon != text.data &&
         all_of(sj__slice(text.data, (size_t)(colon - text.data)), "+");
}

/* --- The settings -------------------------------------------------------------- */

#define AT(name) offsetof(sj__config, name)

const sj__config_entry sj__config_table[] = {
    {"realm", SJ__CONFIG_TEXT, AT(realm), 1, 64, .fallback = "default", .check = is_realm,
     .check_note = "1 to 64 of A-Z a-z 0-9 . _ -",
     .prose = "The deployment's name. It enters every key derivation and every store key: daemons "
              "that share sessions share it, and changing it orphans every session."},
    {"region", SJ__CONFIG_COUNT, AT(region), 0, 255, .fallback = "0",
     .prose = "This deployment's number, written into every credential as the session's home."},
    {"state", SJ__CONFIG_TEXT, AT(state), 1, 1000,
     .fallback_note = "/var/lib/sojourn as root, else $XDG_STATE_HOME/sojourn or "
                      "~/.local/state/sojourn",
     .prose = "The state folder (STATE below), made with mode 0700 if it is missing: the keyring, "
              "the API key of the first start and the embedded store lie in it."},
    {"store", SJ__CONFIG_TEXT, AT(store), 1, 1000, .fallback_note = "lmdb:STATE/store",
     .check = is_store, .check_note = "a URL such as lmdb:/var/lib/sojourn/store or memory:",
     .prose = "Where sessions are kept. lmdb:PATH is the embedded store on disk (its parameters "
              "are in stores/lmdb.md); memory: forgets with the process and needs accept_loss."},
    {"store_timeout", SJ__CONFIG_DURATION, AT(store_timeout_ms), 50, MINUTE, .fallback = "2s",
     .prose = "How long a request waits for the store before it is answered 503 unavailable."},
    {"accept_loss", SJ__CONFIG_BOOLEAN, AT(accept_loss), .fallback = "false",
     .prose = "Allows a store that forgets by design (memory:) as the only keeper of sessions."},
    {"keyring.file", SJ__CONFIG_TEXT, AT(keyring_file), 1, 1000, .fallback_note = "STATE/keyring",
     .prose = "The server's secrets, readable by the daemon's user alone (mode 0600). Made by "
              "itself at the first start with an embedded store; every other store needs one "
              "that all daemons share."},
    {"api_keys", SJ__CONFIG_TEXTS, AT(api_keys), 1, 16, .fallback_note = "[\"STATE/api-key\"]",
     .check_note = "a path",
     .prose = "Files of API keys, readable by the daemon's user alone: the key by itself (it has "
              "every role), or lines of sha256:HASH roles=app,admin name=shop. The default file "
              "is made at the first start."},
    {"listeners", SJ__CONFIG_LISTENERS, AT(listeners), 1, 16,
     .fallback = "[{\"address\":\"127.0.0.1:7373\"}]",
     .prose = "Where the daemon listens. A route exists only on listeners with its role."},
    {"workers", SJ__CONFIG_COUNT, AT(workers), 0, 256, .fallback = "0",
     .prose = "Threads that serve requests, each with an event loop of its own; 0: one for every "
              "core that the process may use."},
    {"log.format", SJ__CONFIG_CHOICE, AT(log_format), .fallback = "json", .choices = format_names,
     .prose = "How the lines on standard error look: json, one object a line, or text."},
    {"log.level", SJ__CONFIG_CHOICE, AT(log_level), .fallback = "info", .choices = level_names,
     .prose = "The least important lines that are written. The life of sessions (created, "
              "rotated, ended, refused) is told at info."},
    {"session.idle", SJ__CONFIG_DURATION, AT(session_idle_ms), SECOND, 400 * DAY, .fallback = "30m",
     .prose = "A session ends when it has not been used for this long, unless its creation asked "
              "for something else."},
    {"session.absolute", SJ__CONFIG_DURATION, AT(session_absolute_ms), SECOND, 400 * DAY,
     .fallback = "12h",
     .prose = "A session ends this long after its creation or sign-in, whatever its use, unless "
              "its creation asked for something else."},
    {"session.absolute_max", SJ__CONFIG_DURATION, AT(session_absolute_max_ms), SECOND, 400 * DAY,
     .fallback = "30d",
     .prose = "The longest absolute lifetime that a creation may ask for. Browsers keep no cookie "
              "longer than 400 days."},
    {"session.touch_every", SJ__CONFIG_DURATION, AT(session_touch_every_ms), SECOND, 10 * MINUTE,
     .fallback = "60s",
     .prose = "A session's last use is written back at most this often (and at least ten times "
              "within its idle time); idle expiry is late by as much."},
    {"session.attributes_max", SJ__CONFIG_BYTES, AT(session_attributes_max), 256, MIB,
     .fallback = "32KiB",
     .prose = "How large a session's attributes may be, as compact JSON. Beyond: 413, which names "
              "the largest attributes."},
    {"cookie.name", SJ__CONFIG_TEXT, AT(cookie_name), 0, 64, .fallback = "",
     .fallback_note = "__Host-sojourn; __Secure-sojourn with cookie.domain; sojourn with "
                      "cookie.insecure_dev",
     .check = is_cookie_name, .check_note = "up to 64 characters that a cookie's name may have",
     .prose = "The name of the session cookie. The prefixes __Host- and __Secure- bind it: "
              "browsers refuse it where their rules are broken."},
    {"cookie.domain", SJ__CONFIG_TEXT, AT(cookie_domain), 0, 253, .fallback = "",
     .fallback_note = "none: the host that set it alone", .check = is_domain,
     .check_note = "a domain name such as example.org",
     .prose = "The parent domain whose hosts share the cookie."},
    {"cookie.same_site", SJ__CONFIG_CHOICE, AT(cookie_same_site), .fallback = "lax",
     .choices = same_site_names,
     .prose = "When browsers send the cookie with requests that other sites caused: lax, with "
              "top-level navigation; strict, never; none, always."},
    {"cookie.insecure_dev", SJ__CONFIG_BOOLEAN, AT(cookie_insecure_dev), .fallback = "false",
     .prose = "Sets the cookie without Secure, so that browsers send it over plain http. For "
              "development on one machine: whoever sees the traffic has the session."},
    {"consistency.max_staleness", SJ__CONFIG_DURATION, AT(consistency_max_staleness_ms), 0,
     30 * SECOND, .fallback = "1s",
     .prose = "How old data may be that is shown to a client whose credential does not prove that "
              "it has seen newer."},
    {"consistency.on_rollback", SJ__CONFIG_CHOICE, AT(consistency_on_rollback),
     .fallback = "accept", .choices = rollback_names,
     .prose = "What happens to a session of which the store has lost writes that its client has "
              "seen (a restored backup, a fail-over): accept goes on with what is there, end "
              "ends it. Both are logged."},
    {"policy.max_sessions", SJ__CONFIG_COUNT, AT(policy_max_sessions), 0, 1000, .fallback = "0",
     .prose = "How many sessions a subject may have at once; a creation beyond it ends the "
              "oldest. 0: no limit."},
    {"check.attributes", SJ__CONFIG_TEXTS, AT(check_attributes), 0, 32, .fallback = "[]",
     .check_note = "an attribute's name",
     .prose = "Attributes that /check hands to the application as Sojourn-Attributes (base64url "
              "of JSON)."},
    {"http.head_max", SJ__CONFIG_BYTES, AT(http_head_max), KIB, MIB, .fallback = "16KiB",
     .prose = "How large the request line and the header fields may be together. Beyond: 431."},
    {"http.body_max", SJ__CONFIG_BYTES, AT(http_body_max), KIB, 16 * MIB, .fallback = "64KiB",
     .prose = "How large a request's body may be. Beyond: 413."},
    {"http.head_timeout", SJ__CONFIG_DURATION, AT(http_head_timeout_ms), 100, 10 * MINUTE,
     .fallback = "10s",
     .prose = "How long a client may take from the first byte of a request to the end of its "
              "head."},
    {"http.body_timeout", SJ__CONFIG_DURATION, AT(http_body_timeout_ms), 100, 10 * MINUTE,
     .fallback = "30s", .prose = "How long a client may take to send a body."},
    {"http.keep_alive", SJ__CONFIG_DURATION, AT(http_keep_alive_ms), SECOND, 60 * MINUTE,
     .fallback = "75s",
     .prose = "How long an idle connection stays open. Longer than the load balancer's own limit "
              "(60 s with most), so that it is never the daemon that closes first."},
    {"http.write_timeout", SJ__CONFIG_DURATION, AT(http_write_timeout_ms), 100, 10 * MINUTE,
     .fallback = "30s", .prose = "How long a client may take to read a reply."},
    {"http.pipeline_max", SJ__CONFIG_COUNT, AT(http_pipeline_max), 1, 1024, .fallback = "64",
     .prose = "Requests of one connection that are worked on at once; reading waits beyond."},
    {"http.connections_max", SJ__CONFIG_COUNT, AT(http_connections_max), 0, 1000000,
     .fallback = "0",
     .prose = "Connections of one worker; those beyond are answered 503 and closed. 0: as many as "
              "the process may have descriptors."},
    {"drain.grace", SJ__CONFIG_DURATION, AT(drain_grace_ms), 0, 10 * MINUTE, .fallback = "10s",
     .prose = "How long requests under way may take to finish after SIGTERM."},
};
const size_t sj__config_table_count = SJ__COUNT_OF(sj__config_table);
_Static_assert(SJ__COUNT_OF(sj__config_table) <= SJ__CONFIG_ENTRIES_MAX, "sources have no room");

#undef AT
#define AT(name) offsetof(sj__config_listener, name)

const sj__config_entry sj__config_listener_table[] = {
    {"listeners.address", SJ__CONFIG_TEXT, AT(address), 1, 107,
     .check_note = "an address such as 127.0.0.1:7373, [::1]:7373, :7373 or unix:/run/sojourn.sock",
     .prose = "A numeric address and port (port 0: the kernel chooses), :PORT for every interface, "
              "or unix:PATH for a Unix socket."},
    {"listeners.mode", SJ__CONFIG_MODE, AT(mode), 0600, 0777,
     .fallback_note = "0660, of Unix sockets", .prose = "The permissions of a Unix socket."},
    {"listeners.uids", SJ__CONFIG_COUNTS, AT(uids), 0, 4294967294u, .fallback = "[]",
     .fallback_note = "[]: whoever the mode lets in",
     .prose = "The user ids that may connect to a Unix socket; others are closed at once."},
    {"listeners.roles", SJ__CONFIG_FLAGS, AT(roles),
     .fallback = "[\"app\",\"check\",\"admin\",\"oauth\",\"metrics\"]",
     .choices = sj__config_role_names,
     .prose = "What may be asked here: app, sessions; check, forward authentication, without a "
              "key; admin, everybody's sessions and revocations; metrics, /metrics; oauth, nothing "
              "yet."},
};
const size_t sj__config_listener_table_count = SJ__COUNT_OF(sj__config_listener_table);

const sj__config_entry *sj__config_find(const char *path) {
  for (size_t i = 0; i < sj__config_table_count; i++) {
    if (strcmp(sj__config_table[i].path, path) == 0) return &sj__config_table[i];
  }
  return NULL;
}
