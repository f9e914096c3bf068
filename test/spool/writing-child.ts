import { Spool } from '../../src/spool/spool.js';
import { systemClock } from '../bridge/support.js';
import { silentLogger } from '../support/logger.js';
import { numbered } from './support.js';

/** Appends numbered messages for ever and says after each flush how many there are. To be killed. */
const [folder = '', size = '100'] = process.argv.slice(2);
const spool = await Spool.open({ folder, logger: silentLogger, clock: systemClock, syncIntervalMs: 1 });
for (let number = spool.next; ; ) {
  for (let count = 0; count < 20; count++) spool.message(0, 0n, 'x', numbered(number++, Number(size)));
  await spool.flush();
  process.stdout.write(`${number}\n`);
  if (number % 100 === 0) spool.release(number - 300, (first) => [{ name: 'first', text: String(first) }]);
}
