#include <stdio.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/cli.h"
#include "codec/keyring_text.h"
#include "loop/file.h"

#define KEYRING_MAX ((size_t)256 * 1024)

static const char *state_name(sj__key_state state) {
  switch (state) {
    case SJ__KEY_ACTIVE:
      return "active";
    case SJ__KEY_PUBLISHED:
      return "published";
    default:
      return "retired";
  }
}

static void append_fingerprint(const sj__key *key, sj__buffer *out) {
  uint8_t fingerprint[SJ__KEY_FINGERPRINT_SIZE];
  sj__key_fingerprint(key, fingerprint);
  for (size_t i = 0; i < sizeof fingerprint; i++) sj__buffer_appendf(out, "%02x", fingerprint[i]);
}

static void append_row(const sj__key *key, const char *state, sj__buffer *out) {
  sj__buffer_appendf(out, "%-5u%-11s", key->kid, state);
  sj__append_rfc3339(out, key->activates_ms);
  sj__buffer_append_literal(out, "  ");
  append_fingerprint(key, out);
  sj__buffer_append_char(out, '\n');
}

static void append_json(const sj__key *key, const char *state, sj__buffer *out) {
  sj__buffer_appendf(out, "  {\"kid\": %u, \"state\": \"%s\", \"activates\": \"", key->kid, state);
  sj__append_rfc3339(out, key->activates_ms);
  sj__buffer_append_literal(out, "\", \"fingerprint\": \"");
  append_fingerprint(key, out);
  sj__buffer_append_literal(out, "\"}");
}

static int print(sj__cli *cli, const sj__keyring *keyring) {
  int64_t now_ms = sj__wall_ms();
  sj__buffer out;
  sj__buffer_init(&out, 0);
  sj__buffer_append_text(
      &out, cli->json ? "[\n" : "KID  STATE      ACTIVATES                 FINGERPRINT\n");
  for (size_t i = 0; i < sj__keyring_count(keyring); i++) {
    const sj__key *key = sj__keyring_at(keyring, i);
    const char *state = state_name(sj__keyring_state(keyring, key->kid, now_ms));
    if (!cli->json) append_row(key, state, &out);
    if (cli->json && i > 0) sj__buffer_append_literal(&out, ",\n");
    if (cli->json) append_json(key, state, &out);
  }
  if (cli->json) sj__buffer_append_literal(&out, "\n]\n");
  sj_slice text = sj__buffer_slice(&out);
  fwrite(text.data, 1, text.size, stdout);
  sj__buffer_release(&out);
  return sj__cli_finish();
}

static sj_status load(const char *path, sj__keyring **keyring, sj_error *error) {
  sj__buffer text;
  sj__buffer_init(&text, KEYRING_MAX);
  sj_status status = sj__file_read(path, SJ__FILE_PRIVATE, KEYRING_MAX, &text, error);
  if (status == SJ_OK) status = sj__keyring_parse(sj__buffer_slice(&text), keyring, error);
  sj__buffer_release(&text); /* wipes */
  return status;
}

static int run(sj__cli *cli, char **words) {
  const char *path = NULL;
  const sj__cli_option options[] = {{"--file", &path, NULL}, {NULL, NULL, NULL}};
  size_t count = 0;
  sj__keyring *keyring = NULL;
  sj_error error = {SJ_OK, "out of memory"};
  if (!sj__cli_parse(cli, words, options, NULL, 0, &count)) return SJ__EXIT_USAGE;
  if (path == NULL) path = sj__cli_state_path(cli, "keyring");
  if (path == NULL || load(path, &keyring, &error) != SJ_OK) {
    fprintf(stderr, "sojourn: keys: %s\n", error.message);
    return SJ__EXIT_REFUSED;
  }
  int code = print(cli, keyring);
  sj__keyring_unref(keyring);
  return code;
}

const sj__cli_verb sj__keys_verb = {
    .name = "keys",
    .arguments = "[--file KEYRING]",
    .summary = "list the keyring's keys, never their secrets",
    .help =
        "Reads the file itself (by default keyring in the state folder), not the daemon.\n"
        "active seals and signs; published verifies and opens; retired does neither.\n",
    .run = run,
};
