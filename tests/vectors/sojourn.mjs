// docs/formats.md in JavaScript, on node:crypto alone: shares no code with the
// program, so that the vectors are checked by two readers of the same page.

import { createCipheriv, createDecipheriv, createHash, createHmac } from 'node:crypto';

const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest();
const hmac = (key, ...parts) => parts.reduce((mac, part) => mac.update(part), createHmac('sha256', key)).digest();
const expand = (prk, info, size) => hmac(prk, info, Buffer.from([1])).subarray(0, size); // RFC 5869 2.3, one block

export const number = (value, size) => {
  const out = Buffer.alloc(8);
  out.writeBigUInt64BE(BigInt(value));
  return out.subarray(8 - size);
};

export const sessionKey = (id) => sha256('sojourn/key/1', id).subarray(0, 16);
export const realmFingerprint = (realm) => sha256('sojourn/realm/1', realm).subarray(0, 8);

export class Vault {
  constructor(secret, realm) {
    this.prk = hmac('sojourn/1', secret);
    this.realmInfo = Buffer.concat([Buffer.from([realm.length]), Buffer.from(realm)]);
  }

  info(purpose, ...rest) {
    return Buffer.concat([Buffer.from(`${purpose}\0`), this.realmInfo, ...rest]);
  }

  mac(purpose, ...parts) {
    return hmac(expand(this.prk, this.info(purpose), 32), ...parts).subarray(0, 16);
  }

  fingerprint() {
    return expand(this.prk, Buffer.from('sojourn/fingerprint/1\0'), 8);
  }

  partKey(part, key, id) {
    return expand(this.prk, this.info(`sojourn/${part}/1`, key, part === 'data' ? id : Buffer.alloc(0)), 32);
  }

  seal(part, key, id, associated, plain, nonce) {
    const cipher = createCipheriv('aes-256-gcm', this.partKey(part, key, id), nonce);
    cipher.setAAD(associated);
    return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  }

  open(part, key, id, associated, sealed) {
    const decipher = createDecipheriv('aes-256-gcm', this.partKey(part, key, id), sealed.subarray(0, 12));
    decipher.setAAD(associated);
    decipher.setAuthTag(sealed.subarray(-16));
    return Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()]);
  }
}

export function leb128(value) {
  const out = [];
  for (let rest = BigInt(value); ; rest >>= 7n) {
    if (rest < 128n) return Buffer.from([...out, Number(rest)]);
    out.push(Number(rest & 127n) | 128);
  }
}

export function handle(vault, { kid, region, kind, id, counter, fork }) {
  const purpose = `sojourn/handle/${kind === 1 ? 'cookie' : 'refresh'}/1`;
  const front = Buffer.concat([Buffer.from([1, kid, region, kind]), id, leb128(counter), fork]);
  return Buffer.concat([front, vault.mac(purpose, front)]).toString('base64url');
}

const metaTags = { subject: 1, device: 2, address: 3, user_agent: 4, auth_level: 5, amr: 6, auth_at: 7, client: 8, scope: 9,
  audience: 10, refreshed_at: 11, refresh_fork: 12, refresh_kid: 13, home_region: 14 };
const metaNumbers = { auth_level: 1, auth_at: 8, refreshed_at: 8, refresh_kid: 1, home_region: 1 };

export function meta(fields) {
  for (const name of Object.keys(fields)) if (!(name in metaTags)) throw new Error(`meta has no ${name}`);
  const parts = Object.entries(metaTags).filter(([name]) => fields[name] !== undefined).map(([name, tag]) => {
    const value = name in metaNumbers ? number(fields[name], metaNumbers[name])
      : Buffer.from(fields[name], name === 'refresh_fork' ? 'hex' : 'utf8');
    return Buffer.concat([Buffer.from([tag]), number(value.length, 2), value]);
  });
  return Buffer.concat(parts);
}

export const associated = (record) => Buffer.concat([record.subarray(0, 120), record.subarray(128, 160)]);

// The clear part; `sizes` are those of the sealed parts.
export function header(vault, realm, r, key, sizes) {
  const subject = r.subject ?? r.meta?.subject;
  return Buffer.concat([
    Buffer.from([1, r.kid, r.state ?? 1, r.reason ?? 0, r.carrier, subject === undefined ? 0 : 1, 0, 0]),
    realmFingerprint(realm), key, number(r.version, 8), number(r.generation, 8),
    ...r.write_ids.map((hex) => Buffer.from(hex, 'hex')),
    subject === undefined ? Buffer.alloc(16) : vault.mac('sojourn/subject/1', subject), Buffer.from(r.family, 'hex'),
    number(r.created_at, 8), number(r.last_seen, 8), number(r.idle_for, 8), number(r.absolute_at, 8),
    number(r.until ?? 0, 8), number(sizes[0], 4), number(sizes[1], 4)]);
}

// Token sessions (carrier 3) seal data without the id.
export function record(vault, realm, r) {
  const id = Buffer.from(r.id, 'hex');
  const key = sessionKey(id);
  const plainMeta = meta(r.meta);
  const plainData = Buffer.from(r.attributes);
  const front = header(vault, realm, r, key, [plainMeta.length + 28, plainData.length + 28]);
  const aad = associated(front);
  return Buffer.concat([front, vault.seal('meta', key, undefined, aad, plainMeta, Buffer.from(r.meta_nonce, 'hex')),
    vault.seal('data', key, dataId(r), aad, plainData, Buffer.from(r.data_nonce, 'hex'))]);
}

export const dataId = (r) => (r.carrier === 3 ? Buffer.alloc(0) : Buffer.from(r.id, 'hex'));

// A tombstone keeps the clear part and has no others.
export const tombstone = (vault, realm, r) => header(vault, realm, { ...r, state: 2 }, Buffer.from(r.key, 'hex'), [0, 0]);

export function mark(vault, { kid, scope, value, moment, except, until }) {
  const front = Buffer.concat([Buffer.from([1, kid, scope, except ? 1 : 0]), value, number(moment, 8),
    except ?? Buffer.alloc(16), number(until, 8)]);
  return Buffer.concat([front, vault.mac('sojourn/mark/1', front)]);
}
