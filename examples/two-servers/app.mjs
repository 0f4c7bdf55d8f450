// A small application server that keeps no state: its users' sessions are in
// sojournd. Start two of them behind nginx and a user of one is known to the
// other (see start.sh). Node 18 or later, no packages.
//
//   node app.mjs PORT NAME
//
// SOJOURN_URL (http://127.0.0.1:7373) and SOJOURN_KEY (the API key) say where
// sessions are kept.

import http from 'node:http';

const sojourn = process.env.SOJOURN_URL ?? 'http://127.0.0.1:7373';
const key = process.env.SOJOURN_KEY ?? '';
const [port, name] = [Number(process.argv[2]), process.argv[3]];

// One call of the session API for the user of `request`: the browser's cookie
// goes there as it came.
async function session(request, method, path, body) {
  const headers = { 'Sojourn-Key': key };
  if (request.headers.cookie) headers.Cookie = request.headers.cookie;
  if (body !== undefined) {
    headers['Content-Type'] =
      method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
  }
  return fetch(sojourn + path, { method, headers, body: body && JSON.stringify(body) });
}

// Answers the browser, with the newest cookie that the session API handed out.
function answer(response, status, value, from) {
  const headers = { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' };
  const cookies = from?.headers.getSetCookie?.() ?? [from?.headers.get('set-cookie')].filter(Boolean);
  if (cookies.length > 0) headers['Set-Cookie'] = cookies;
  if (from?.headers.get('retry-after')) headers['Retry-After'] = from.headers.get('retry-after');
  response.writeHead(status, headers);
  response.end(JSON.stringify({ server: name, ...value }) + '\n');
}

const routes = {
  // A real application checks a password here; then it names the user.
  async 'POST /sign-in'(request, response, query) {
    const subject = query.get('user') ?? 'ada';
    const made = await session(request, 'POST', '/v1/sessions', { subject, attributes: { visits: 0 } });
    answer(response, made.ok ? 200 : made.status, { signed_in: made.ok && subject }, made);
  },

  // nginx has checked: who it is stands in the request.
  async 'GET /'(request, response) {
    answer(response, 200, {
      subject: request.headers['sojourn-subject'],
      session: request.headers['sojourn-session'],
      version: request.headers['sojourn-version'],
    });
  },

  async 'POST /visit'(request, response) {
    const read = await session(request, 'GET', '/v1/session');
    if (!read.ok) return answer(response, read.status, {}, read);
    const visits = ((await read.json()).attributes?.visits ?? 0) + 1;
    const patched = await session(request, 'PATCH', '/v1/session', { visits });
    answer(response, patched.status, { visits }, patched);
  },

  async 'POST /sign-out'(request, response) {
    const ended = await session(request, 'DELETE', '/v1/session');
    answer(response, ended.status === 204 ? 200 : ended.status, { signed_out: ended.ok }, ended);
  },

  // What reached this server, for the tests of the proxy's header rules.
  async 'GET /headers'(request, response) {
    answer(response, 200, { headers: request.rawHeaders });
  },
};

http
  .createServer((request, response) => {
    const url = new URL(request.url, 'http://localhost');
    const path = url.pathname.replace(/^\/open/, '');
    const route = routes[`${request.method} ${path}`];
    if (!route) return answer(response, 404, { error: 'nothing here' });
    request.resume();
    route(request, response, url.searchParams).catch(() =>
      answer(response, 503, { error: 'sessions are unavailable' }, { headers: new Headers({ 'Retry-After': '1' }) }),
    );
  })
  .listen(port, '127.0.0.1', () => console.log(`${name} listens on 127.0.0.1:${port}`));
