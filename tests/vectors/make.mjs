// Makes tests/vectors/formats.json from fixed inputs: node make.mjs > formats.json

import * as s from './sojourn.mjs';

const pattern = (size, start) => Buffer.from(Array.from({ length: size }, (_, i) => (start + 7 * i) & 255));
const hex = (bytes) => bytes.toString('hex');
const realm = 'example.prod';
const keys = [{ kid: 1, secret: pattern(32, 1) }, { kid: 200, secret: pattern(32, 99) }];
const ids = [pattern(20, 3), pattern(20, 170)];
const vaults = Object.fromEntries(keys.map(({ kid, secret }) => [kid, new s.Vault(secret, realm)]));

const handles = [];
for (const { kid } of keys) {
  for (const [kind, counter, region] of [[1, 1, 0], [1, 127, 0], [1, 128, 7], [2, 16384, 255], [1, '9007199254740993', 1], [2, '18446744073709551615', 0]]) {
    const id = ids[handles.length % 2];
    const fork = pattern(4, counter.length ?? counter & 255);
    handles.push({ kid, region, kind, id: hex(id), counter: String(counter), fork: hex(fork),
      text: s.handle(vaults[kid], { kid, region, kind, id, counter, fork }) });
  }
}

const base = { carrier: 1, version: '3', generation: '0', created_at: 1790000000000, last_seen: 1790000060000,
  idle_for: 1800000, absolute_at: 1790043200000,
  write_ids: [pattern(8, 1), pattern(8, 2), pattern(8, 3), Buffer.alloc(8)].map(hex), family: hex(s.sessionKey(ids[0])),
  meta_nonce: hex(pattern(12, 40)), data_nonce: hex(pattern(12, 80)) };
const records = [
  { ...base, kid: 1, id: ids[0], meta: { subject: 'ada', device: 'phone', address: '192.0.2.1', user_agent: 'Mozilla/5.0', auth_level: 2, amr: '["pwd","otp"]', auth_at: 1790000000000 }, attributes: '{"cart":[1.50,2]}' },
  { ...base, kid: 200, id: ids[1], version: '18446744073709551615', meta: {}, attributes: '{}' },
  { ...base, kid: 200, id: ids[1], carrier: 2, meta: { subject: 'жанна@example.org', home_region: 9 }, attributes: '{"ж":"\\u0001"}' },
  { ...base, kid: 1, id: ids[1], carrier: 3, generation: '7', meta: { subject: 'ada', client: 'shop', scope: 'openid cart', audience: 'https://api.example', refreshed_at: 1790000060000, refresh_fork: '01ab00ff', refresh_kid: 200 }, attributes: '{"token":true}' },
].map((r) => ({ ...r, id: hex(r.id) })).map((r) => ({ ...r, bytes: hex(s.record(vaults[r.kid], realm, r)) }));

const { meta_nonce, data_nonce, ...kept } = base;
const tombstones = [
  { ...kept, kid: 1, key: hex(s.sessionKey(ids[0])), subject: 'ada', reason: 1, until: 1790086400000 },
  { ...kept, kid: 200, key: hex(s.sessionKey(ids[1])), carrier: 3, generation: '7', reason: 6, until: 1790086400001 },
  // Ended without ever having been seen: nothing is known but the key.
  { carrier: 1, version: '1', generation: '0', created_at: 0, last_seen: 0, idle_for: 0, absolute_at: 0,
    write_ids: Array(4).fill('00'.repeat(8)), family: '00'.repeat(16), kid: 0, key: hex(s.sessionKey(ids[1])), reason: 4, until: 1790086400002 },
].map((r) => ({ ...r, bytes: hex(s.tombstone(vaults[r.kid], realm, r)) }));

const valueOf = { 1: () => s.sessionKey(ids[1]), 2: (kid) => vaults[kid].mac('sojourn/subject/1', 'ada'),
  3: (kid) => vaults[kid].mac('sojourn/client/1', 'shop'), 4: () => Buffer.alloc(16) };
const marks = [[1, 1], [1, 2], [200, 2, s.sessionKey(ids[0])], [200, 3], [1, 4]].map(([kid, scope, except]) => {
  const fields = { kid, scope, value: valueOf[scope](kid), moment: 1790000000000, except, until: 1792678400000 };
  return { kid, scope, value: hex(fields.value), moment: '1790000000000', except: except ? hex(except) : '', until: '1792678400000',
    bytes: hex(s.mark(vaults[kid], fields)) };
});

console.log(JSON.stringify({
  realm,
  realm_fingerprint: hex(s.realmFingerprint(realm)),
  keys: keys.map(({ kid, secret }) => ({ kid, secret: hex(secret), fingerprint: hex(vaults[kid].fingerprint()),
    subject_tag_of_ada: hex(vaults[kid].mac('sojourn/subject/1', 'ada')),
    client_tag_of_shop: hex(vaults[kid].mac('sojourn/client/1', 'shop')) })),
  ids: ids.map((id) => ({ id: hex(id), key: hex(s.sessionKey(id)), sid: s.sessionKey(id).toString('base64url') })),
  handles, records, tombstones, marks,
}, null, 1));
