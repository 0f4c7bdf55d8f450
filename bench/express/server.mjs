// The peer that people use today: Express with express-session and
// connect-redis on Redis. One handler: read the session, say who it is.
//
//   node server.mjs PORT REDIS_PORT
//
// POST /sign-in makes a session with attributes of the size given in ?bytes=.

import { RedisStore } from 'connect-redis';
import express from 'express';
import session from 'express-session';
import { createClient } from 'redis';

const [port, redisPort] = process.argv.slice(2).map(Number);
const client = createClient({ url: `redis://127.0.0.1:${redisPort}` });
await client.connect();

const app = express();
app.disable('x-powered-by');
app.disable('etag');
app.use(session({
  store: new RedisStore({ client, disableTouch: true }),
  secret: 'a secret of the benchmark',
  resave: false,
  saveUninitialized: false,
}));
app.post('/sign-in', (request, response) => {
  request.session.subject = 'ada';
  request.session.filler = 'x'.repeat(Number(request.query.bytes ?? 0));
  response.json({ signed_in: true });
});
app.get('/check', (request, response) => {
  if (!request.session.subject) return response.status(401).end();
  response.set('Sojourn-Subject', request.session.subject).end();
});
app.listen(port, '127.0.0.1', () => console.log('ready'));
