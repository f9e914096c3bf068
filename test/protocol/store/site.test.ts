import test from 'ava';
import fc from 'fast-check';
import { count, set, string, type Value } from '../../../src/codec/value.js';
import { STORE_STALLED_TICKS } from '../../../src/core/limits.js';
import { NOBODY, type StoreAction } from '../../../src/protocol/store/commands.js';
import { CloneParty, MasterParty, Site } from '../../support/store-parties.js';

const key = (name: string | number): Value => string(String(name));
const joined = (clones = 1): Site => {
  const parties = Array.from({ length: clones }, (_, index) => new CloneParty(index + 2));
  const site = new Site(new MasterParty(1), parties);
  site.ticks(3);
  return site;
};
const first = ({ clones }: Site): CloneParty => clones[0] as CloneParty;

/** Kills the master, and starts another one with what is durable. */
function restart(site: Site): void {
  const { durable, position, now } = site.master;
  site.master = new MasterParty(1, 'store', undefined, { content: durable, position });
  site.master.now = now;
}

test('a clone gets the content, follows it, and its writes go to the master and come back', (t) => {
  const site = new Site(new MasterParty(1), [new CloneParty(2), new CloneParty(3)]);
  site.master.put(key('a'), count(1));
  site.ticks(3);
  t.deepEqual(first(site).shown, ['"a" = 1']);
  site.master.put(key('a'), count(2));
  const written = first(site).put(key('b'), count(3));
  site.ticks(2);
  t.is(first(site).outcomes.get(written), 'done');
  for (const party of [site.master, ...site.clones]) t.deepEqual(party.shown, ['"a" = 2', '"b" = 3']);
  t.deepEqual(
    site.clones[1]?.events.map(({ type }) => type),
    ['insert', 'update', 'insert'],
  );
  site.ticks(10);
  t.true(site.master.master.isIdle && first(site).clone.isIdle);
});

test('of two who put_unique the same key one wins, and both are told', (t) => {
  const site = joined(2);
  const requests = site.clones.map((clone, index) => clone.putUnique(key('k'), count(index)));
  const own = site.master.putUnique(key('k'), count(9));
  t.is(site.master.outcomes.get(own), 'true');
  site.ticks(3);
  t.deepEqual(
    site.clones.map((clone, index) => clone.outcomes.get(requests[index] as bigint)),
    ['false', 'false'],
  );
  for (const party of [site.master, ...site.clones]) t.deepEqual(party.shown, ['"k" = 9']);
});

test('an entry expires at the master, once, and a write without expiry lets it live', (t) => {
  const site = joined();
  site.master.put(key('gone'), count(1), 300_000_000n);
  site.master.put(key('kept'), count(1), 300_000_000n);
  site.ticks(2);
  site.master.put(key('kept'), count(2));
  site.ticks(5);
  t.deepEqual(first(site).shown, ['"kept" = 2']);
  t.is(first(site).events.filter(({ type }) => type === 'expire').length, 1);
});

test('a write that cannot be done is refused: to who wrote at the master, and in a note for those elsewhere', (t) => {
  const site = joined();
  site.master.put(key('text'), string('x'));
  const add = (): StoreAction => ({
    type: 'add',
    key: key('text'),
    value: count(1),
    initType: 'count',
    publisher: NOBODY,
  });
  t.is(site.master.outcomes.get(site.master.write(add)), 'store_type_clash');
  const missing = site.master.write(() => ({
    type: 'subtract',
    key: key('none'),
    value: count(1),
    publisher: NOBODY,
  }));
  t.is(site.master.outcomes.get(missing), 'store_key_missing');
  const elsewhere = first(site).write(add);
  site.ticks(3);
  t.deepEqual(
    site.master.notes.filter((note) => note.startsWith('refused')),
    ['refused store_type_clash'],
  );
  t.is(first(site).outcomes.get(elsewhere), 'done');
  t.deepEqual(first(site).shown, ['"text" = "x"']);
});

test('nothing is told before it is durable, and a snapshot waits for what it has in it', (t) => {
  const site = joined();
  const late = new CloneParty(9);
  const both = new Site(site.master, [first(site), late]);
  site.master.isSlow = true;
  const own = site.master.put(key('a'), count(1));
  const clones = first(site).put(key('b'), count(2));
  both.ticks(20);
  t.is(site.master.outcomes.get(own), undefined);
  t.is(first(site).outcomes.get(clones), undefined);
  t.deepEqual([first(site).shown, late.shown, late.clone.state], [[], [], 'detached']);
  site.master.commit();
  both.ticks(3);
  t.is(site.master.outcomes.get(own), 'done');
  t.is(first(site).outcomes.get(clones), 'done');
  for (const party of both.clones) t.deepEqual(party.shown, ['"a" = 1', '"b" = 2']);
});

test('a master that is killed and started again goes on with its clones, and does no write twice', (t) => {
  const site = joined(2);
  const add = (party: CloneParty): bigint =>
    party.write(() => ({
      type: 'add',
      key: key('n'),
      value: count(1),
      initType: 'count',
      publisher: NOBODY,
    }));
  add(first(site));
  site.ticks(7);
  // Done, and killed before anybody heard of it; the other one is killed before it is durable.
  add(first(site));
  site.master.receive(first(site).sent.splice(0)[0]?.payload as Buffer);
  site.master.isSlow = true;
  const undone = add(site.clones[1] as CloneParty);
  site.tick();
  restart(site);
  site.ticks(12);
  t.is(site.clones[1]?.outcomes.get(undone), 'done');
  for (const party of [site.master, ...site.clones]) t.deepEqual(party.shown, ['"n" = 3']);
  t.deepEqual(first(site).notes, ['attached']);
});

test('a clone whose master is silent is detached; it keeps the content, and writes wait for another master', (t) => {
  const site = joined();
  site.master.put(key('a'), count(1));
  site.ticks(3);
  const clone = first(site);
  const lost = clone.put(key('lost'), count(1));
  clone.sent.length = 0;
  for (let tick = 0; tick < 520; tick++) clone.tick();
  clone.sent.length = 0;
  t.deepEqual(clone.notes.slice(1), ['detached the master does not confirm what we write (silent)']);
  t.is(clone.outcomes.get(lost), 'store_write_unconfirmed');
  t.deepEqual(clone.shown, ['"a" = 1']);
  const waiting = clone.put(key('b'), count(2));
  const another = new Site(new MasterParty(7), [clone]);
  another.master.put(key('c'), count(3));
  another.ticks(6);
  t.is(clone.outcomes.get(waiting), 'done');
  t.deepEqual(clone.shown, ['"b" = 2', '"c" = 3']);
  t.deepEqual(
    clone.events.map(({ type }) => type),
    ['insert', 'erase', 'insert', 'insert'],
  );
});

test('another master takes over from one that fell silent at once, and not from one that speaks', (t) => {
  const site = joined();
  const another = new MasterParty(7);
  const clone = first(site);
  for (let tick = 0; tick < 30; tick++) {
    another.tick();
    for (const { payload } of another.sent.splice(0)) clone.receive(payload);
    site.tick();
  }
  t.is(clone.clone.following?.endpoint, site.master.endpoint);
  new Site(another, [clone]).ticks(30);
  t.is(clone.clone.following?.endpoint, another.endpoint);
  t.is(clone.clone.state, 'attached');
});

test('writes for which no master comes fail in the end', (t) => {
  const clone = new CloneParty(2);
  const request = clone.put(key('a'), count(1));
  const asked = clone.putUnique(key('a'), count(1));
  for (let tick = 0; tick <= STORE_STALLED_TICKS; tick++) clone.tick();
  t.deepEqual(
    [clone.outcomes.get(request), clone.outcomes.get(asked)],
    ['store_no_master', 'store_no_master'],
  );
});

/** One operation; which of the parties does it is the number modulo their count. */
const operation = fc.record({
  party: fc.integer({ min: 0, max: 9 }),
  what: fc.constantFrom(
    'put',
    'put',
    'put_unique',
    'add',
    'subtract',
    'insert',
    'erase',
    'clear',
    'expiring',
  ),
  key: fc.integer({ min: 0, max: 5 }),
  amount: fc.integer({ min: 0, max: 3 }),
});
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

function write(party: CloneParty | MasterParty, { what, key: name, amount }: Operation): bigint {
  const base = { key: key(name), publisher: NOBODY };
  const value = count(amount);
  if (what === 'put') return party.put(base.key, value);
  if (what === 'expiring') return party.put(base.key, value, 500_000_000n);
  if (what === 'put_unique') return party.putUnique(base.key, value);
  return party.write(() => {
    if (what === 'add') return { type: 'add', ...base, value, initType: 'count' };
    if (what === 'subtract') return { type: 'subtract', ...base, value };
    if (what === 'insert') return { type: 'add', ...base, key: set([base.key]), value, initType: 'set' };
    return what === 'erase' ? { type: 'erase', ...base } : { type: 'clear', publisher: NOBODY };
  });
}

const fates = fc.constantFrom(
  'arrives' as const,
  'arrives' as const,
  'arrives' as const,
  'lost' as const,
  'twice' as const,
  'late' as const,
);

/** What the operations of one party come to, written down plainly. */
class Model {
  readonly content = new Map<string, bigint | Set<bigint>>();

  apply({ what, key: name, amount }: Operation): void {
    const id = String(name);
    const known = this.content.get(id);
    const plain = typeof known === 'bigint' ? known : 0n;
    if (what === 'put' || (what === 'put_unique' && known === undefined))
      this.content.set(id, BigInt(amount));
    if (what === 'add') this.content.set(id, BigInt.asUintN(64, plain + BigInt(amount)));
    if (what === 'subtract' && known !== undefined)
      this.content.set(id, BigInt.asUintN(64, plain - BigInt(amount)));
    if (what === 'insert') {
      const elements = (this.content.get(`{${id}}`) as Set<bigint> | undefined) ?? new Set();
      this.content.set(`{${id}}`, new Set([...elements, BigInt(amount)]));
    }
    if (what === 'erase') this.content.delete(id);
    if (what === 'clear') this.content.clear();
  }

  get shown(): string[] {
    return Array.from(this.content, ([id, value]) => {
      if (typeof value === 'bigint') return `"${id}" = ${value}`;
      const sorted = [...value].sort((a, b) => (a < b ? -1 : 1));
      return `{"${id.slice(1, -1)}"} = {${sorted.join(', ')}}`;
    }).sort();
  }
}

test('10,000 operations of three parties over a network that loses, doubles and delays: all hold the same in the end', (t) => {
  const random = fc.sample(fc.tuple(operation, fates), { numRuns: 10_000, seed: 20261124 });
  const fate = fc.sample(fates, { numRuns: 50_000, seed: 7 });
  let at = 0;
  const site = joined(2);
  const parties = [site.master, ...site.clones];
  const requests: [CloneParty | MasterParty, bigint][] = [];
  for (const [index, [what]] of random.entries()) {
    const party = parties[what.party % parties.length] as CloneParty | MasterParty;
    requests.push([party, write(party, what)]);
    if (index % 5 === 0) site.tick(() => fate[at++ % fate.length] ?? 'arrives');
  }
  site.ticks(60);
  t.deepEqual(first(site).notes, ['attached']);
  for (const clone of site.clones) t.deepEqual(clone.shown, site.master.shown);
  const without = requests.filter(([party, request]) => party.outcomes.get(request) === undefined);
  t.is(without.length, 0);
  t.true(site.master.master.isIdle);
});

test('whatever one party writes over such a network comes to what the same operations come to in a plain model', (t) => {
  fc.assert(
    fc.property(
      fc.array(operation, { minLength: 1, maxLength: 60 }),
      fc.boolean(),
      fc.infiniteStream(fates),
      (all, atMaster, fate) => {
        const operations = all.filter(({ what }) => what !== 'expiring');
        const site = joined(2);
        const model = new Model();
        for (const what of operations) {
          write(atMaster ? site.master : first(site), what);
          model.apply(what);
          site.tick(() => fate.next().value ?? 'arrives');
        }
        site.ticks(40);
        t.deepEqual(site.master.shown, model.shown);
        for (const clone of site.clones) t.deepEqual(clone.shown, model.shown);
      },
    ),
    { numRuns: 200 },
  );
});

test('any number of kills of a master whose content is durable: in the end all hold the same', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(operation, fc.boolean(), fc.boolean()), { maxLength: 80 }),
      fc.infiniteStream(fates),
      (all, fate) => {
        const site = joined(2);
        let expected = 0;
        for (const [what, isKilled, isCommitted] of all) {
          const party = site.clones[what.party % 2] as CloneParty;
          party.write(() => ({
            type: 'add',
            key: key('n'),
            value: count(1),
            initType: 'count',
            publisher: NOBODY,
          }));
          expected += 1;
          site.master.isSlow = !isCommitted;
          site.tick(() => fate.next().value ?? 'arrives');
          if (!isKilled) continue;
          restart(site);
        }
        site.master.isSlow = false;
        site.ticks(60);
        const outcomes = site.clones.flatMap((clone) => [...clone.outcomes.values()]);
        t.is(outcomes.length, expected);
        t.deepEqual(
          outcomes.filter((outcome) => outcome !== 'done' && outcome !== 'store_write_unconfirmed'),
          [],
        );
        const done = outcomes.filter((outcome) => outcome === 'done').length;
        // A clone that was not told what was committed right before a kill cannot know about its last writes.
        const value = site.master.master.content.get(key('n'))?.value;
        const sum = value?.type === 'count' ? Number(value.value) : 0;
        t.true(sum >= done && sum <= expected);
        for (const clone of site.clones) t.deepEqual(clone.shown, site.master.shown);
      },
    ),
    { numRuns: 200 },
  );
});
