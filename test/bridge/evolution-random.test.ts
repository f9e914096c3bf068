import test from 'ava';
import fc from 'fast-check';
import { ownDatabase } from '../support/database.js';
import { announcement, type Field, KEY, LogModel, type TypeName } from './evolution-model.js';
import { expectPeace, type Gateway, startGateways } from './gateways.js';
import { messages } from './numbers.js';
import { origin } from './support.js';

const TYPES: readonly TypeName[] = [
  'bool',
  'int',
  'count',
  'double',
  'string',
  'enum',
  'addr',
  'set[string]',
  'vector[string]',
  'vector[enum]',
  'set[addr]',
  'vector[count]',
];

const typed = (name: string, types: readonly TypeName[]): fc.Arbitrary<Field> =>
  fc.constantFrom(...types).map((type) => [name, type]);

/** Any of a few fields, each of any type, in any order. */
const fields: fc.Arbitrary<Field[]> = fc
  .tuple(
    typed('ts', ['time', 'time', 'string']),
    fc.constant(KEY),
    ...['a', 'b', 'A', 'id.orig_h'].map((name) => typed(name, TYPES)),
  )
  .chain((all) => fc.shuffledSubarray(all.filter((each) => each !== KEY)))
  .chain((some) => fc.nat(some.length).map((place) => some.toSpliced(place, 0, KEY)));

/** One gateway announces a log, or has announced it before, and writes records of it. */
const step = fc.record({ gateway: fc.nat(1), fields, records: fc.nat(3), isFlushed: fc.boolean() });

test('any announcements and records: the table holds what the model holds', async (t) => {
  const { db, url } = await ownDatabase(t);
  const gateways = await startGateways(t, url, 2);
  const from = origin('peer');
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 8 }), async (steps) => {
      const model = new LogModel(`random ${run++}`);
      let n = 0;
      for (const { gateway, fields, records, isFlushed } of steps) {
        const schema = model.announce(fields);
        const { bridge } = gateways[gateway] as Gateway;
        const items = Array.from({ length: records }, () => model.record(schema, fields, n++, from));
        await bridge.run(messages([announcement(schema, from), ...items]));
        if (isFlushed) await bridge.flush();
      }
      for (const { bridge } of gateways) await bridge.flush();
      await model.check(t, db);
    }),
    { numRuns: 40, endOnFailure: true },
  );
  await expectPeace(t, db, gateways);
});
