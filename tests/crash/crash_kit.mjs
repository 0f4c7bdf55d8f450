// Many clients at once on a daemon that is about to be killed, and what each
// of them was told: the ledger that the daemon is held to afterwards.

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { build, temporaryFolder } from '../kit/processes.mjs';
import * as kit from '../kit/sojournd.mjs';

const shim = path.join(build, 'tests/crash/libloss_shim.so');
const loser = path.join(build, 'tests/crash/lose_unflushed');

// A client of its own connections; the answer is { status, json }.
function caller(server) {
  const agent = new http.Agent({ keepAlive: true });
  const call = (method, target, { body, credential } = {}) =>
    new Promise((resolve, reject) => {
      const headers = { 'Sojourn-Key': server.key };
      if (credential) headers.Authorization = `Bearer ${credential}`;
      const text = body === undefined ? undefined : JSON.stringify(body);
      if (text) {
        headers['Content-Type'] = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
        headers['Content-Length'] = Buffer.byteLength(text);
      }
      const request = http.request(server.url + target, { method, agent, headers }, (response) => {
        let got = '';
        response.setEncoding('utf8').on('data', (part) => (got += part));
        response.on('end', () => resolve({ status: response.statusCode, credential: response.headers['sojourn-credential'], json: got ? JSON.parse(got) : undefined }));
        response.on('error', reject);
      });
      request.on('error', reject).end(text);
    });
  return { call, close: () => agent.destroy() };
}

// What the clients know. A session: its newest credential, the number it was
// last told is stored, what it asked for and got no answer to.
export class Ledger {
  sessions = [];
  refused = []; // answers that no crash explains

  // Starts `clients` that create, patch and end until the server is gone. `mix` are chances.
  run(server, { clients = 16, mix = { create: 0.3, end: 0.1 } } = {}) {
    return Promise.all(Array.from({ length: clients }, (_, index) => this.#client(server, index, mix)));
  }

  async #client(server, index, mix) {
    const { call, close } = caller(server);
    const own = [];
    try {
      for (;;) {
        const dice = Math.random();
        const open = own.filter((session) => session.state === 'open');
        if (open.length === 0 || dice < mix.create) own.push(await this.#create(call, index));
        else if (dice < mix.create + mix.end) await this.#end(call, open[0]);
        else await this.#patch(call, open[Math.floor(Math.random() * open.length)]);
      }
    } catch (error) {
      if (!error.code && !/socket|aborted|JSON/.test(error.message)) throw error;
    } finally {
      close();
    }
  }

  #expect(answer, status, what) {
    if (answer.status === status) return true;
    this.refused.push(`${what}: ${answer.status} ${JSON.stringify(answer.json)}`);
    return false;
  }

  async #create(call, index) {
    const answer = await call('POST', '/v1/sessions', { body: { subject: `user-${index}`, attributes: { n: 0 } } });
    const session = { credential: answer.json?.credential, n: 0, asked: 0, state: 'open', checked: false };
    if (this.#expect(answer, 201, 'create')) this.sessions.push(session);
    else session.state = 'none';
    return session;
  }

  async #patch(call, session) {
    session.asked = session.n + 1;
    session.checked = false;
    const answer = await call('PATCH', '/v1/session', {
      credential: session.credential,
      body: { n: session.asked, text: 'x'.repeat(session.asked % 400) },
    });
    if (!this.#expect(answer, 200, 'patch')) return;
    session.n = session.asked;
    session.credential = answer.json.credential;
  }

  async #end(call, session) {
    session.state = 'ending';
    session.checked = false;
    const answer = await call('DELETE', '/v1/session', { credential: session.credential });
    if (this.#expect(answer, 204, 'end')) session.state = 'ended';
  }

  // Asks for every session that changed since the last time, and `more` others. Gives what is
  // wrong: { lost, back, stale, other } lists of sentences; unanswered questions are settled.
  async check(server, { more = 100 } = {}) {
    const wrong = { lost: [], back: [], stale: [], other: [] };
    const old = this.sessions.filter((session) => session.checked).sort(() => Math.random() - 0.5);
    const queue = [...this.sessions.filter((session) => !session.checked), ...old.slice(0, more)];
    const work = async () => {
      const { call, close } = caller(server);
      for (let session; (session = queue.pop()); ) this.#judge(session, await call('GET', '/v1/session', session), wrong);
      close();
    };
    await Promise.all(Array.from({ length: 8 }, work));
    return wrong;
  }

  #judge(session, answer, wrong) {
    const said = `${session.state}, told ${session.n}, asked ${session.asked}: ${answer.status} ${JSON.stringify(answer.json)}`;
    session.checked = true;
    if (answer.status === 401 && answer.json.code === 'ended') {
      if (session.state === 'open') wrong.other.push(said);
      session.state = 'ended';
    } else if (answer.status === 401 && answer.json.code === 'unknown') {
      wrong.lost.push(said);
    } else if (answer.status !== 200) {
      wrong.other.push(said);
    } else if (session.state === 'ended') {
      wrong.back.push(said);
    } else {
      const { n } = answer.json.attributes;
      if (n < session.n) wrong.stale.push(said);
      else if (n !== session.n && n !== session.asked) wrong.other.push(said);
      session.state = 'open';
      session.n = session.asked = n;
      session.credential = answer.credential ?? session.credential;
    }
  }
}

// What was started and made; a test that fails leaves nothing behind.
const started = [];
const folders = [];
export function stateFolder(name) {
  folders.push(temporaryFolder(name));
  return folders.at(-1);
}
export async function startSojournd(options) {
  const server = await kit.startSojournd(options);
  started.push(server);
  return server;
}
export async function clean() {
  await Promise.all(started.map((server) => server.kill()));
  for (const folder of folders) fs.rmSync(folder, { recursive: true, force: true });
}

// The daemon with the shim; `lies` makes its flushes lie.
export function startWatched(state, { lies = false, env = {} } = {}) {
  const watched = { LD_PRELOAD: shim, LOSS_JOURNAL: path.join(state, 'journal'), ...env };
  if (lies) watched.LOSS_LIE = '1';
  return startSojournd({ state, env: watched });
}

// Takes back what was not flushed; with a seed, an arbitrary part of it. Says how much.
export function losePower(state, seed) {
  const args = [path.join(state, 'store/data.mdb'), path.join(state, 'journal')];
  if (seed !== undefined) args.push(String(seed));
  const [, lost, written] = /(\d+) of (\d+) pages/.exec(execFileSync(loser, args, { encoding: 'utf8' }));
  return { lost: Number(lost), written: Number(written) };
}
