/* The state folder and the secrets in it: found, or made at the first start. */
#ifndef SJ_DAEMON_FIRST_START_H
#define SJ_DAEMON_FIRST_START_H

#include "crypto/keyring.h"
#include "daemon/api_key_file.h"
#include "daemon/config.h"

typedef struct sj__secrets {
  sj__keyring *keyring;
  bool keyring_made; /* by this start */
  sj__api_key_list api_keys;
} sj__secrets;

/*
 * Makes the state folder if something of ours belongs there, reads the keyring
 * and the API keys, and makes those that are missing and may be made: the
 * keyring for an embedded store, the API key at its default place. Says in the
 * log where what it made lies. Errors as in session/keyring_file.h and
 * daemon/api_key_file.h; what a failing start made is whole. Blocks. Release
 * with sj__secrets_release, after a failure too.
 */
SJ_MUST_USE sj_status sj__secrets_open(const sj__config *config, sj__secrets *secrets,
                                       sj_error *error);
void sj__secrets_release(sj__secrets *secrets);

/*
 * Takes back a keyring that this start made, once the store has refused it: it
 * is of a store whose own keyring is lost or elsewhere, and must not be taken
 * for it.
 */
void sj__secrets_discard_keyring(const sj__config *config, const sj__secrets *secrets);

#endif
