// Checks formats.json against docs/formats.md: what is written is what the page says,
// sealed parts open, and nothing opens once a byte is changed.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import * as s from './sojourn.mjs';

const v = JSON.parse(fs.readFileSync(new URL('./formats.json', import.meta.url)));
const hex = (text) => Buffer.from(text, 'hex');
const vaults = Object.fromEntries(v.keys.map(({ kid, secret }) => [kid, new s.Vault(hex(secret), v.realm)]));

test('keys, fingerprints, tags', () => {
  assert.equal(s.realmFingerprint(v.realm).toString('hex'), v.realm_fingerprint);
  for (const key of v.keys) {
    assert.equal(vaults[key.kid].fingerprint().toString('hex'), key.fingerprint);
    assert.equal(vaults[key.kid].mac('sojourn/subject/1', 'ada').toString('hex'), key.subject_tag_of_ada);
  }
  for (const { id, key, sid } of v.ids) {
    assert.equal(s.sessionKey(hex(id)).toString('hex'), key);
    assert.equal(hex(key).toString('base64url'), sid);
  }
});

test('handles', () => {
  assert.ok(v.handles.length >= 12);
  for (const h of v.handles) {
    assert.equal(s.handle(vaults[h.kid], { ...h, id: hex(h.id), fork: hex(h.fork) }), h.text);
  }
});

test('records open, and not once changed', () => {
  for (const r of v.records) {
    const bytes = hex(r.bytes);
    const id = hex(r.id);
    const key = bytes.subarray(16, 32);
    assert.deepEqual(key, s.sessionKey(id));
    const size = bytes.readUInt32BE(152);
    const parts = { meta: bytes.subarray(160, 160 + size), data: bytes.subarray(160 + size) };
    const vault = vaults[r.kid];
    assert.deepEqual(vault.open('meta', key, id, s.associated(bytes), parts.meta), s.meta(r.meta));
    assert.equal(vault.open('data', key, id, s.associated(bytes), parts.data).toString(), r.attributes);
    for (let at = 0; at < 160; at++) {
      const changed = Buffer.from(bytes);
      changed[at] ^= 1;
      const open = () => vault.open('meta', key, id, s.associated(changed), parts.meta);
      if (at >= 120 && at < 128) open();
      else assert.throws(open, `byte ${at} is not bound`);
    }
  }
});

test('marks', () => {
  for (const m of v.marks) {
    const fields = { ...m, value: hex(m.value), except: m.except ? hex(m.except) : undefined };
    assert.equal(s.mark(vaults[m.kid], fields).toString('hex'), m.bytes);
  }
});
