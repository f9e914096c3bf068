import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import pg from 'pg';
import { TokenGate, type TokenGateOptions } from '../../src/access/token-gate.js';
import { allows, allowsTopic, parseScope } from '../../src/core/access.js';
import { createToken, listTokens, revokeToken, tokenHash } from '../../src/storage/tokens.js';
import { keepingLogger } from '../bridge/support.js';
import { ownDatabase, testDatabase } from '../support/database.js';
import { until } from '../support/endpoints.js';

/** A gate whose clock stands where a test puts it. */
function gateOf(pool: pg.Pool, options: Partial<TokenGateOptions> = {}) {
  const clock = { ms: Date.now(), wallNanos: () => BigInt(clock.ms) * 1_000_000n };
  const logger = keepingLogger();
  const gate = new TokenGate({
    pool,
    clock,
    logger,
    isRequired: true,
    configured: { tokens: new Map(), publish: new Map() },
    intervals: { refreshMs: 20, usedMs: 0 },
    ...options,
  });
  return { gate, clock, logger };
}

test('scopes: admin implies all, publish does not imply read', (t) => {
  for (const [scopes, read, publish, admin] of [
    [['read'], true, false, false],
    [['publish'], false, true, false],
    [['publish:a/'], false, true, false],
    [['admin'], true, true, true],
    [[], false, false, false],
  ] as const) {
    t.deepEqual(
      (['read', 'publish', 'admin', 'open'] as const).map((scope) => allows(scopes, scope)),
      [read, publish, admin, true],
      scopes.join(),
    );
  }
  t.true(allowsTopic(['read', 'publish:a/', 'publish:b'], 'a/x'));
  t.true(allowsTopic(['publish:a/', 'publish:b'], 'bc'));
  t.false(allowsTopic(['read', 'publish:a/'], 'a'));
  t.true(allowsTopic(['publish'], 'anything'));
  for (const text of ['', 'publish:', 'write', 'read,admin', 'Admin', 'publish:\0', 'publish:\ud800'])
    t.throws(() => parseScope(text), { code: 'scope_invalid' }, text);
});

test('a token is 256 bits, and only its hash is stored', async (t) => {
  const { db } = await testDatabase(t);
  const { token, id } = await createToken(db.pool, { name: 'soc', scopes: ['read', 'publish:my/'] });
  t.regex(token, /^zk_[\w-]{43}$/);
  const { rows } = await db.pool.query('SELECT * FROM zeekway.tokens WHERE id = $1', [id]);
  t.deepEqual(rows[0].hash, tokenHash(token));
  t.false(JSON.stringify(rows).includes(token));
  await t.throwsAsync(createToken(db.pool, { name: 'soc', scopes: ['read'] }), { code: 'token_exists' });
  t.deepEqual(await revokeToken(db.pool, 'soc'), { id, name: 'soc' });
  t.is(await revokeToken(db.pool, 'soc'), undefined, 'it is revoked already');
  const again = await createToken(db.pool, { name: 'soc', scopes: ['read'] });
  t.not(again.token, token);
  t.deepEqual(await revokeToken(db.pool, String(again.id)), { id: again.id, name: 'soc' });
});

test('who has a token, until it is revoked or expires', async (t) => {
  const { db } = await ownDatabase(t);
  const expires = new Date(Date.now() + 3_600_000);
  const soc = await createToken(db.pool, { name: 'soc', scopes: ['read'] });
  const brief = await createToken(db.pool, { name: 'brief', scopes: ['admin'], expires });
  const { gate, clock } = gateOf(db.pool);
  t.is(gate.hasTokens, undefined, 'nobody has asked yet');
  t.throws(() => gate.holderOf(soc.token), { code: 'database_unreachable' });
  await gate.start();
  t.teardown(() => gate.close());
  t.true(gate.hasTokens);
  const caller = gate.holderOf(soc.token);
  t.deepEqual(caller, { token: soc.id, name: 'soc', scopes: ['read'] });
  for (const wrong of [`${soc.token}x`, soc.token.toUpperCase(), 'zk_', ''])
    t.is(gate.holderOf(wrong), undefined, wrong);
  const second = gate.holderOf(brief.token);
  t.is(second?.name, 'brief');
  clock.ms = expires.getTime() - 1;
  t.true(second && gate.isValid(second));
  clock.ms = expires.getTime();
  t.is(gate.holderOf(brief.token), undefined);
  t.false(second && gate.isValid(second));

  await revokeToken(db.pool, 'soc');
  await until('the gate knows', () => gate.holderOf(soc.token) === undefined);
  t.false(caller && gate.isValid(caller));
  const later = await createToken(db.pool, { name: 'later', scopes: ['read'] });
  await until('the gate knows the new one', () => gate.holderOf(later.token) !== undefined);
});

test('when a token was last used is written, later', async (t) => {
  const { db } = await ownDatabase(t);
  const { token } = await createToken(db.pool, { name: 'soc', scopes: ['read'] });
  await createToken(db.pool, { name: 'unused', scopes: ['read'] });
  const { gate, clock } = gateOf(db.pool, { intervals: { refreshMs: 3_600_000, usedMs: 0 } });
  await gate.start();
  gate.holderOf(token);
  t.deepEqual(
    (await listTokens(db.pool)).map(({ lastUsed }) => lastUsed),
    [null, null],
  );
  await gate.close();
  t.deepEqual(
    (await listTokens(db.pool)).map(({ lastUsed }) => lastUsed?.getTime()),
    [clock.ms, undefined],
  );
});

test('while the database is away, those that were known are', async (t) => {
  const { db, url } = await ownDatabase(t);
  const { token } = await createToken(db.pool, { name: 'soc', scopes: ['read'] });
  const pool = new pg.Pool({ connectionString: url });
  const { gate, logger } = gateOf(pool);
  await gate.start();
  await pool.end();
  await until('it has asked in vain', () => logger.lines.length > 0);
  t.is(gate.holderOf(token)?.name, 'soc');
  await sleep(100);
  t.is(logger.lines.length, 1, 'which is told once');
  t.regex(logger.lines[0]?.message ?? '', /the tokens stay as they were last read/);
  await gate.close();
});

test('the tokens of the configuration: read, and publish below their prefixes', (t) => {
  const tokens = new Map([
    ['soc', 'soc-token-0123456789'],
    ['ops', 'ops-token-0123456789'],
    ['old', '***'],
  ]);
  const publish = new Map([['soc', ['a/', '']]]);
  const { gate } = gateOf(undefined as unknown as pg.Pool, { configured: { tokens, publish } });
  t.deepEqual(gate.holderOf('soc-token-0123456789'), {
    name: 'soc',
    scopes: ['read', 'publish:a/', 'publish'],
  });
  t.deepEqual(gate.holderOf('ops-token-0123456789'), { name: 'ops', scopes: ['read'] });
  t.is(gate.holderOf('***'), undefined);
});
