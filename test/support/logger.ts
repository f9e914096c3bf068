import type { Logger } from '../../src/core/logger.js';

/** Where log lines go that no test looks at. */
export const silentLogger: Logger = { info: () => {}, warn: () => {}, error: () => {} };
