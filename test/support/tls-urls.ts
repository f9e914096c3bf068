import { fixtureFile } from './recordings.js';

/** A file of fixtures/tls, as a URL has it. */
export const pem = (name: string): string => encodeURIComponent(fixtureFile(`tls/${name}.pem`));

/** The query of one side of mutual TLS. */
export const mutualTls = (who: string, ca = 'ca'): string =>
  `tls=mutual&cert=${pem(who)}&key=${pem(`${who}-key`)}&ca=${pem(ca)}`;
