// What people and other programs write: merge patches, cookies, durations, sizes,
// moments, keyrings. Written from the standards and docs/formats.md, and sharing no
// code with the program. Refusals are null.

import { Vault } from './sojourn.mjs';

// RFC 7396 2.
export function mergePatch(target, patch) {
  if (patch === null || typeof patch !== 'object' || Array.isArray(patch)) return patch;
  const merged = target === null || typeof target !== 'object' || Array.isArray(target) ? {} : { ...target };
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name];
    else merged[name] = mergePatch(merged[name] ?? null, value);
  }
  return merged;
}

const trim = (text) => text.replace(/^[ \t]+|[ \t]+$/g, '');

export function findCookies(headers, name) {
  const values = headers.flatMap((header) => header.split(';')).filter((pair) => pair.includes('='))
    .map((pair) => [trim(pair.slice(0, pair.indexOf('='))), trim(pair.slice(pair.indexOf('=') + 1))])
    .filter(([found]) => found === name)
    .map(([, value]) => (/^".*"$/.test(value) && value.length > 1 ? value.slice(1, -1) : value));
  return { count: values.length, value: values[0] ?? null, differ: new Set(values).size > 1 };
}

export function setCookie(c) {
  const host = /^__host-/i.test(c.name);
  const path = c.path ?? '/';
  const wrong = !/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(c.name) || !/^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*$/.test(c.value) ||
    (c.domain !== null && !/^[0-9A-Za-z][0-9A-Za-z.-]*$/.test(c.domain)) || !/^\/[\x20-\x3a\x3c-\x7e]*$/.test(path) ||
    ((host || /^__secure-/i.test(c.name)) && !c.secure) || (host && (c.domain !== null || path !== '/')) ||
    (c.same_site === 'None' && !c.secure) || c.name.length + c.value.length > 4096;
  if (wrong) return null;
  const maxAge = c.max_age < 0 ? [] : [`Max-Age=${Math.min(c.max_age, 400 * 86400)}`];
  if (c.max_age === 0) maxAge.push('Expires=Thu, 01 Jan 1970 00:00:00 GMT');
  return [`${c.name}=${c.value}`, ...maxAge, ...(c.domain === null ? [] : [`Domain=${c.domain}`]), `Path=${path}`,
    ...(c.secure ? ['Secure'] : []), ...(c.http_only ? ['HttpOnly'] : []), `SameSite=${c.same_site}`].join('; ');
}

const durations = { d: 86400000n, h: 3600000n, m: 60000n, s: 1000n, ms: 1n };
const sizes = { TiB: 1n << 40n, GiB: 1n << 30n, MiB: 1n << 20n, KiB: 1n << 10n, '': 1n };

function withUnit(text, units, max) {
  const [, digits, unit] = /^(0|[1-9][0-9]*)([A-Za-z]*)$/.exec(text) ?? [];
  if (digits === undefined || !(unit in units)) return null;
  const value = BigInt(digits) * units[unit];
  return value <= max ? value : null;
}

const shown = (value, units) => {
  const [unit, factor] = Object.entries(units).find(([, each]) => value % each === 0n);
  return `${value / factor}${unit}`;
};

export const duration = (text) => {
  if (text === '0') return 0n;
  const ms = withUnit(text, durations, 36525n * durations.d);
  return ms === 0n ? null : ms;
};
export const showDuration = (ms) => (ms === 0n ? '0' : shown(ms, durations));
export const size = (text) => withUnit(text, sizes, (1n << 64n) - 1n);
export const showSize = (bytes) => (bytes === 0n ? '0' : shown(bytes, sizes));

// RFC 3339 5.6; a leap second is the next second, and only at the end of a UTC day.
export function moment(text) {
  const parts = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:Z|([+-])(\d\d):(\d\d))$/i.exec(text);
  if (parts === null) return null;
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map(Number);
  const date = new Date(Date.UTC(2000, 0, 1, 0, 0, 0));
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return null;
  const offset = Number(parts[9] ?? 0) * 60 + Number(parts[10] ?? 0);
  if (hour > 23 || minute > 59 || second > 60 || Number(parts[9] ?? 0) > 23 || Number(parts[10] ?? 0) > 59) return null;
  const whole = date.getTime() + ((hour * 60 + minute) * 60 + second) * 1000 - (parts[8] === '-' ? -1 : 1) * offset * 60000;
  if (second === 60 && whole % 86400000 !== 0) return null;
  return BigInt(whole) + BigInt((parts[7] ?? '').slice(0, 3).padEnd(3, '0'));
}
export const showMoment = (ms) => new Date(Number(ms)).toISOString();

export const percent = (text) => encodeURIComponent(text)
  .replace(/[!*'()]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

export function keyring(text) {
  const lines = text.split('\n').map(trim).filter((line) => line !== '' && !line.startsWith('#'));
  if (lines.shift() !== 'sojourn-keyring 1') return null;
  return lines.map((line) => {
    const [, kid, state, activates, secret] =
      /^kid=(\d+) state=(published|retired) activates=(\S+) secret=(\S{43})$/.exec(line);
    const bytes = Buffer.from(secret, 'base64url');
    return { kid: Number(kid), state, activates: String(moment(activates)), secret: bytes.toString('hex'),
      fingerprint: new Vault(bytes, '').fingerprint().toString('hex') };
  }).sort((a, b) => a.kid - b.kid);
}

export const writeKeyring = (keys) => `sojourn-keyring 1\n${keys.map((key) =>
  `kid=${key.kid} state=${key.state} activates=${showMoment(key.activates)} secret=${Buffer.from(key.secret, 'hex').toString('base64url')}\n`).join('')}`;

// The latest activation that has come, of equal ones the greater kid; before any, the first to come.
export function activeKid(keys, at) {
  const order = keys.filter((key) => key.state === 'published')
    .sort((a, b) => Number(BigInt(a.activates) - BigInt(b.activates)) || a.kid - b.kid);
  const first = BigInt(order[0].activates);
  const now = BigInt(at) < first ? first : BigInt(at);
  return order.filter((key) => BigInt(key.activates) <= now).at(-1).kid;
}
