// Makes tests/vectors/formats.json from fixed inputs: node make.mjs > formats.json

import * as s from './sojourn.mjs';

const pattern = (size, start) => Buffer.from(Array.from({ length: size }, (_, i) => (start + 7 * i) & 255));
const realm = 'example.prod';
const keys = [{ kid: 1, secret: pattern(32, 1) }, { kid: 200, secret: pattern(32, 99) }];
const ids = [pattern(20, 3), pattern(20, 170)];
const vaults = Object.fromEntries(keys.map(({ kid, secret }) => [kid, new s.Vault(secret, realm)]));

const handles = [];
for (const { kid } of keys) {
  for (const [kind, counter, region] of [[1, 1, 0], [1, 127, 0], [1, 128, 7], [2, 16384, 255], [1, '9007199254740993', 1], [2, '18446744073709551615', 0]]) {
    const id = ids[handles.length % 2];
    const fork = pattern(4, counter.length ?? counter & 255);
    handles.push({ kid, region, kind, id: id.toString('hex'), counter: String(counter), fork: fork.toString('hex'),
      text: s.handle(vaults[kid], { kid, region, kind, id, counter, fork }) });
  }
}

const base = { version: '3', generation: '0', created_at: 1790000000000, last_seen: 1790000060000, idle_for: 1800000,
  absolute_at: 1790043200000, write_ids: [pattern(8, 1), pattern(8, 2), pattern(8, 3), Buffer.alloc(8)].map((b) => b.toString('hex')),
  meta_nonce: pattern(12, 40).toString('hex'), data_nonce: pattern(12, 80).toString('hex') };
const records = [
  { ...base, kid: 1, id: ids[0], meta: { subject: 'ada', device: 'phone', address: '192.0.2.1', user_agent: 'Mozilla/5.0', auth_level: 2, amr: '["pwd","otp"]', auth_at: 1790000000000 }, attributes: '{"cart":[1.50,2]}' },
  { ...base, kid: 200, id: ids[1], version: '18446744073709551615', meta: {}, attributes: '{}' },
  { ...base, kid: 200, id: ids[1], meta: { subject: 'жанна@example.org', home_region: 9 }, attributes: '{"ж":"\\u0001"}' },
].map((r) => ({ ...r, id: r.id.toString('hex'), bytes: s.record(vaults[r.kid], realm, r, r.id).toString('hex') }));

const marks = [[2, 'ada', undefined], [4, undefined, undefined], [2, 'ada', s.sessionKey(ids[0])], [1, undefined, undefined]].map(([scope, subject, except]) => {
  const value = scope === 2 ? vaults[1].mac('sojourn/subject/1', subject) : scope === 1 ? s.sessionKey(ids[1]) : Buffer.alloc(16);
  const fields = { kid: 1, scope, value, moment: 1790000000000, except, until: 1792678400000 };
  return { kid: 1, scope, value: value.toString('hex'), moment: '1790000000000', except: except?.toString('hex') ?? '', until: '1792678400000',
    bytes: s.mark(vaults[1], fields).toString('hex') };
});

console.log(JSON.stringify({
  realm,
  realm_fingerprint: s.realmFingerprint(realm).toString('hex'),
  keys: keys.map(({ kid, secret }) => ({ kid, secret: secret.toString('hex'), fingerprint: vaults[kid].fingerprint().toString('hex'),
    subject_tag_of_ada: vaults[kid].mac('sojourn/subject/1', 'ada').toString('hex') })),
  ids: ids.map((id) => ({ id: id.toString('hex'), key: s.sessionKey(id).toString('hex'), sid: s.sessionKey(id).toString('base64url') })),
  handles, records, marks,
}, null, 1));
