// sojournd for tests: a process of its own, a state folder of its own, a free port.

import fs from 'node:fs';
import path from 'node:path';
import { build, freePort, start, temporaryFolder, until } from './processes.mjs';

export const binary = path.join(build, 'sojournd');
export const cli = path.join(build, 'sojourn');

// The lines of a log, each of which must be JSON.
export const logOf = (text) => text.split('\n').filter(Boolean).map((line) => JSON.parse(line));

// A configuration file of its own folder.
export function configFile(text) {
  const file = path.join(temporaryFolder('config'), 'sojourn.yaml');
  fs.writeFileSync(file, text);
  return file;
}

// Runs it to its end, for starts that must fail: { code, signal, stdout(), stderr(), log() }.
// `under` is a command that runs it: ['setpriv', …].
export async function runSojournd(args = [], { env = {}, under = [] } = {}) {
  const [command, ...rest] = [...under, binary, ...args];
  const daemon = start(command, rest, { env: { SOJOURN__STATE: temporaryFolder('state'), ...env } });
  const late = setTimeout(() => daemon.kill(), 20000);
  const ended = await daemon.exited;
  clearTimeout(late);
  return { ...daemon, ...ended, log: () => logOf(daemon.stderr()) };
}

// Root reads and writes whatever it likes; under this, it must obey modes as others do.
export const obeyingModes = process.getuid() === 0 ? ['setpriv', '--bounding-set=-dac_override,-dac_read_search', '--'] : [];

// Starts and waits until it is ready. `env` adds SOJOURN__* entries, `config` is
// the text of a YAML file, `state` an existing state folder (kept at stop).
// With `t`, a test's context, it is killed when that test ends, however it ends.
// Gives { url, port, state, key, pid, stderr(), stop(), kill(), exited, call() }.
export async function startSojournd({ t, env = {}, config, args = [], state, port, ready = true, under = [] } = {}) {
  state ??= temporaryFolder('state');
  port ??= await freePort();
  const settings = { SOJOURN__STATE: state, SOJOURN__WORKERS: '2', ...env };
  if (config === undefined && settings.SOJOURN__LISTENERS === undefined) {
    settings.SOJOURN__LISTENERS = JSON.stringify([
      { address: `127.0.0.1:${port}`, roles: ['app', 'check', 'admin', 'oauth', 'metrics'] },
    ]);
  }
  if (config !== undefined) {
    args = ['--config', configFile(config.replaceAll('$PORT', port)), ...args];
  }
  const [command, ...rest] = [...under, binary, ...args];
  const daemon = start(command, rest, { env: settings });
  t?.after(() => daemon.kill());
  const url = `http://127.0.0.1:${port}`;
  const server = { ...daemon, url, port, state, key: undefined };
  if (ready) {
    await until('sojournd to be ready', async () => {
      if (!daemon.running()) throw new Error(`sojournd ended: ${daemon.stderr()}`);
      return (await fetch(`${url}/readyz`)).status === 200;
    });
    const keyFile = path.join(state, 'api-key');
    if (fs.existsSync(keyFile)) server.key = fs.readFileSync(keyFile, 'utf8').trim();
  }
  // One request with the API key; `credential` travels as a bearer token.
  server.call = async (method, target, { body, credential, type, headers = {}, key = server.key } = {}) => {
    const fields = { ...headers };
    if (key) fields['Sojourn-Key'] = key;
    if (credential) fields.Authorization = `Bearer ${credential}`;
    if (body !== undefined) {
      fields['Content-Type'] ??= type ?? (method === 'PATCH' ? 'application/merge-patch+json' : 'application/json');
    }
    const response = await fetch(url + target, {
      method,
      headers: fields,
      body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body),
    });
    const text = await response.text();
    let json;
    try {
      json = text ? JSON.parse(text) : undefined;
    } catch {
      json = undefined;
    }
    return { status: response.status, headers: response.headers, text, json };
  };
  return server;
}
