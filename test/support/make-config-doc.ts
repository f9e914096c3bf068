/** Prints the table of keys for docs/operations.md: `node build/test/support/make-config-doc.js`. */
import { configDoc } from './config-doc.js';

process.stdout.write(configDoc());
