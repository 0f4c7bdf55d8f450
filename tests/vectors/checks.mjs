// Every value of formats.json and texts.json, held to docs/formats.md both ways. They throw.

import assert from 'node:assert/strict';
import * as s from './sojourn.mjs';
import * as t from './texts.mjs';

const hex = (text) => {
  const bytes = Buffer.from(text, 'hex');
  assert.equal(bytes.toString('hex'), text);
  return bytes;
};
const some = (list) => {
  assert.ok(list.length > 0);
  return list;
};

/* --- formats.json --------------------------------------------------------------------- */

const vaultsOf = (v) => Object.fromEntries(v.keys.map(({ kid, secret }) => [kid, new s.Vault(hex(secret), v.realm)]));

export function keys(v) {
  assert.equal(s.realmFingerprint(v.realm).toString('hex'), v.realm_fingerprint);
  for (const key of some(v.keys)) {
    const vault = vaultsOf(v)[key.kid];
    assert.equal(vault.fingerprint().toString('hex'), key.fingerprint);
    assert.equal(vault.mac('sojourn/subject/1', 'ada').toString('hex'), key.subject_tag_of_ada);
    assert.equal(vault.mac('sojourn/client/1', 'shop').toString('hex'), key.client_tag_of_shop);
  }
  for (const { id, key, sid } of some(v.ids)) {
    assert.equal(s.sessionKey(hex(id)).toString('hex'), key);
    assert.equal(hex(key).toString('base64url'), sid);
  }
}

export function handles(v) {
  assert.ok(v.handles.length >= 12);
  for (const h of v.handles) {
    assert.equal(s.handle(vaultsOf(v)[h.kid], { ...h, id: hex(h.id), fork: hex(h.fork) }), h.text);
  }
}

const partsOf = (bytes) => {
  const end = 160 + bytes.readUInt32BE(152);
  return { meta: bytes.subarray(160, end), data: bytes.subarray(end) };
};

export function records(v) {
  for (const r of some(v.records)) {
    const bytes = hex(r.bytes);
    const key = s.sessionKey(hex(r.id));
    const parts = partsOf(bytes);
    const vault = vaultsOf(v)[r.kid];
    assert.deepEqual(bytes.subarray(16, 32), key);
    assert.deepEqual(vault.open('meta', key, undefined, s.associated(bytes), parts.meta), s.meta(r.meta));
    assert.equal(vault.open('data', key, s.dataId(r), s.associated(bytes), parts.data).toString(), r.attributes);
    assert.equal(s.record(vault, v.realm, r).toString('hex'), r.bytes);
  }
}

// Sealed parts do not open once a byte of the clear part is changed, but for last_seen.
export function bindings(v) {
  for (const r of some(v.records)) {
    const bytes = hex(r.bytes);
    const key = s.sessionKey(hex(r.id));
    const parts = partsOf(bytes);
    for (let at = 0; at < 160; at++) {
      const changed = Buffer.from(bytes);
      changed[at] ^= 1;
      for (const [part, id] of [['meta'], ['data', s.dataId(r)]]) {
        const open = () => vaultsOf(v)[r.kid].open(part, key, id, s.associated(changed), parts[part]);
        if (at >= 120 && at < 128) open();
        else assert.throws(open, `byte ${at} is not bound to ${part}`);
      }
    }
  }
}

export function tombstones(v) {
  for (const r of some(v.tombstones)) {
    assert.equal(s.tombstone(vaultsOf(v)[r.kid], v.realm, r).toString('hex'), r.bytes);
  }
}

export function marks(v) {
  for (const m of some(v.marks)) {
    const fields = { ...m, value: hex(m.value), except: m.except ? hex(m.except) : undefined };
    assert.equal(s.mark(vaultsOf(v)[m.kid], fields).toString('hex'), m.bytes);
  }
}

/* --- texts.json ------------------------------------------------------------------------- */

export function mergePatches(v) {
  for (const { target, patch, result } of some(v.merge_patch)) {
    assert.deepEqual(t.mergePatch(target, patch), result);
  }
}

export function cookies(v) {
  for (const { headers, name, ...expected } of some(v.cookie_headers)) {
    assert.deepEqual(t.findCookies(headers, name), expected);
  }
  for (const { line, ...cookie } of some(v.set_cookies)) assert.equal(t.setCookie(cookie), line);
}

const orNull = (value) => (value === null ? null : String(value));

function quantities(list, member, read, show) {
  for (const row of some(list)) {
    const value = read(row.text);
    assert.equal(orNull(value), row[member], row.text);
    assert.equal(value === null ? null : show(value), row.shown, row.text);
    if (value !== null) assert.equal(read(row.shown), value);
  }
}

export function units(v) {
  quantities(v.durations, 'ms', t.duration, t.showDuration);
  quantities(v.sizes, 'bytes', t.size, t.showSize);
  quantities(v.moments, 'ms', t.moment, t.showMoment);
  for (const { text, encoded } of some(v.percent)) assert.equal(t.percent(text), encoded);
}

export function keyrings(v) {
  for (const ring of some(v.keyrings)) {
    assert.deepEqual(t.keyring(ring.text), ring.keys);
    assert.equal(t.writeKeyring(ring.keys), ring.written);
    assert.deepEqual(t.keyring(ring.written), ring.keys);
    for (const { at, kid } of some(ring.active)) assert.equal(t.activeKid(ring.keys, at), kid);
  }
}

export const ofFormats = { keys, handles, records, tombstones, marks };
export const ofTexts = { mergePatches, cookies, units, keyrings };
