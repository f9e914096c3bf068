import { Type } from 'typebox';
import { describeLogs } from '../../storage/queries/catalogue.js';
import { logExtent } from '../../storage/queries/extent.js';
import { type App, readEach, readFor, type ServerDeps } from '../context.js';
import { PROBLEM_RESPONSES } from '../problem.js';
import { findLog } from '../rows.js';
import { Path, Time } from '../schemas.js';
import { timeFromSql } from '../times.js';
import { columnKeys } from '../values.js';

const LogSummary = Type.Object({
  path: Path,
  table: Type.String({ description: 'The table in the database, quoted for SQL.' }),
  stream: Type.String({ description: "Zeek's log stream: `Conn::LOG`." }),
  fields: Type.Integer({ description: 'How many columns it has.' }),
  rows: Type.Integer({ description: 'How many rows it has; see `exact`.' }),
  exact: Type.Boolean({
    description: 'False where `rows`, `first` and `last` are estimates (large tables).',
  }),
  first: Type.Optional(Time('The earliest time of a row.')),
  last: Type.Optional(Time('The latest time of a row.')),
});

const FieldDescription = Type.Object({
  name: Type.String({ description: "Zeek's name, for filters and `fields=`." }),
  key: Type.String({ description: 'The key in rows: the name, or the column where the name is taken.' }),
  column: Type.String({ description: 'The column in the database.' }),
  type: Type.String({ description: "Zeek's type.", examples: ['count', 'set[addr]'] }),
  sqlType: Type.String({ description: "PostgreSQL's type." }),
});

/** Which logs there are, and their fields. */
export function logRoutes(app: App, deps: ServerDeps): void {
  app.get(
    '/v1/logs',
    {
      config: { scope: 'read' },
      schema: {
        tags: ['logs'],
        operationId: 'listLogs',
        summary: 'The logs that are stored',
        querystring: Type.Object({}, { additionalProperties: false }),
        response: {
          200: Type.Object({ logs: Type.Array(LogSummary) }, { description: 'The logs, sorted by path.' }),
          ...PROBLEM_RESPONSES,
        },
      },
    },
    async (request) => {
      const found = await readFor(deps, request, (query) => describeLogs(query));
      const logs = await readEach(deps, request, found, async (query, log) => {
        const { rows, exact, first, last } = await logExtent(query, log);
        const { path, table, stream, columns } = log;
        return {
          path,
          table,
          stream,
          fields: columns.length,
          rows,
          exact,
          ...(first === null ? {} : { first: timeFromSql(first) }),
          ...(last === null ? {} : { last: timeFromSql(last) }),
        };
      });
      return { logs };
    },
  );

  app.get(
    '/v1/logs/:path/fields',
    {
      config: { scope: 'read' },
      schema: {
        tags: ['logs'],
        operationId: 'listFields',
        summary: 'The fields of a log and their types',
        params: Type.Object({ path: Path }),
        querystring: Type.Object({}, { additionalProperties: false }),
        response: {
          200: Type.Object(
            { path: Path, stream: Type.String(), fields: Type.Array(FieldDescription) },
            { description: 'The fields in the order in which they were announced.' },
          ),
          ...PROBLEM_RESPONSES,
        },
      },
    },
    (request) =>
      readFor(deps, request, async (query) => {
        const { path, stream, columns } = await findLog(query, request.params.path);
        const keys = columnKeys(columns);
        const fields = columns.map((column) => ({
          name: column.field,
          key: keys.get(column) ?? column.column,
          column: column.column,
          type: column.zeekType,
          sqlType: column.sqlType,
        }));
        return { path, stream, fields };
      }),
  );
}
