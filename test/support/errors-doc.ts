import { ERROR_CATALOGUE, type ErrorCode } from '../../src/core/errors.js';

const HEAD = `# Errors

Every error that zeekway raises on purpose has a code. Codes are stable: match on them, not on the texts. In the API
they come as \`application/problem+json\` with the code in \`code\`, and \`type\` points here.

| code | what happened | what to do | HTTP |
| --- | --- | --- | --- |
`;

const cell = (text: string): string => text.replaceAll('|', '\\|');

/** docs/errors.md, from the catalogue in src/core/errors.ts. */
export function errorsDoc(): string {
  const rows = (Object.keys(ERROR_CATALOGUE) as ErrorCode[]).map((code) => {
    const { summary, action, ...rest } = ERROR_CATALOGUE[code];
    const status = 'status' in rest ? rest.status : 500;
    return `| <a id="${code}"></a>\`${code}\` | ${cell(summary)} | ${cell(action)} | ${status} |\n`;
  });
  return HEAD + rows.join('');
}
