/** Prints docs/errors.md from the catalogue: `node build/test/support/make-errors-doc.js > docs/errors.md`. */
import { errorsDoc } from './errors-doc.js';

process.stdout.write(errorsDoc());
