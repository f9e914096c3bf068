import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { ZeekwayError } from '../../core/errors.js';
import { callerOf, checkMayPublish } from '../access.js';
import type { App, ServerDeps } from '../context.js';
import { PROBLEM_RESPONSES } from '../problem.js';
import { Limit } from '../schemas.js';
import { type ShownEntry, STORE_OPERATIONS } from '../stores.js';
import type { TailClient } from '../tail-client.js';
import type { Tails } from '../tails.js';

const NoQuery = Type.Object({}, { additionalProperties: false });

const Notation = (description: string, example: string) =>
  Type.String({ minLength: 1, description: `${description}, in Zeek's notation.`, examples: [example] });

const StoreParams = Type.Object({ store: Type.String({ description: 'The name of the store.' }) });
const EntryParams = Type.Object({
  store: Type.String({ description: 'The name of the store.' }),
  key: Type.String({
    description: "The key, in Zeek's notation, percent-encoded.",
    examples: ['192.0.2.1', '"text"'],
  }),
});

const StoreSchema = Type.Object({
  name: Type.String(),
  role: Type.String({ enum: ['master', 'clone'] }),
  state: Type.String({
    enum: ['ready', 'loading', 'detached', 'failing', 'closed'],
    description:
      '`detached`: a clone without its master; `failing`: a master whose back end cannot be written.',
  }),
  entries: Type.Integer(),
  peers: Type.Array(Type.String(), {
    description: 'Endpoint IDs: of a master those that have clones, of a clone that of its master.',
  }),
  pending: Type.Integer({ description: 'Writes that are not confirmed yet.' }),
  lastError: Type.Optional(Type.String()),
});

const EntrySchema = Type.Object({
  key: Notation('The key', '192.0.2.1'),
  value: Notation('The value', '{80/tcp, 443/tcp}'),
  expires: Type.Optional(
    Type.String({ format: 'date-time', description: 'When it expires, as far as is known: masters know.' }),
  ),
});

const PageQuery = Type.Object(
  {
    limit: Limit,
    after: Type.Optional(Notation('The key that the page before ended with', '192.0.2.1')),
  },
  { additionalProperties: false },
);

const NextAfter = Type.Optional(
  Type.String({ description: 'The `after` of the next page; absent on the last one.' }),
);

const Expiry = Type.Optional(
  Type.String({
    description: "How long the entry lives, an interval in Zeek's notation; for ever without it.",
    examples: ['10min'],
  }),
);

const entryJson = ({ key, value, expires }: ShownEntry) => ({
  key,
  value,
  ...(expires === undefined ? {} : { expires: new Date(Number(expires / 1_000_000n)).toISOString() }),
});

const missing = (store: string, key: string): ZeekwayError =>
  new ZeekwayError('store_key_missing', `the store ${store} has no entry ${key}`);

/** Who may publish on a topic below the store's name may write to it: that is how writes travel. */
const checkMayWrite = (request: FastifyRequest, store: string): void => checkMayPublish(request, `${store}/`);

/** Broker's data stores, as far as this endpoint has them. */
export function storeRoutes(app: App, { stores }: Pick<ServerDeps, 'stores'>, tails: Tails): void {
  if (!stores) return;
  const base = { tags: ['stores'] };
  const pageOf = async (store: string, { limit, after }: { limit: number; after?: string }) => {
    const found = await stores.entries(store, { limit: limit + 1, after });
    const entries = found.slice(0, limit).map(entryJson);
    const last = entries.at(-1);
    return found.length > limit && last ? { entries, after: last.key } : { entries };
  };

  app.get(
    '/v1/stores',
    {
      config: { scope: 'read' },
      schema: {
        ...base,
        operationId: 'listStores',
        summary: 'The data stores of this endpoint',
        querystring: NoQuery,
        response: {
          200: Type.Object({ stores: Type.Array(StoreSchema) }, { description: 'The stores.' }),
          ...PROBLEM_RESPONSES,
        },
      },
    },
    async () => ({ stores: stores.list() }),
  );

  app.get(
    '/v1/stores/:store/entries',
    {
      config: { scope: 'read' },
      schema: {
        ...base,
        operationId: 'listEntries',
        summary: 'The entries of a store',
        description: 'In the order in which their keys came.',
        params: StoreParams,
        querystring: PageQuery,
        response: {
          200: Type.Object(
            { entries: Type.Array(EntrySchema), after: NextAfter },
            { description: 'A page of entries.' },
          ),
          ...PROBLEM_RESPONSES,
        },
      },
    },
    (request) => pageOf(request.params.store, request.query),
  );

  app.get(
    '/v1/stores/:store/keys',
    {
      config: { scope: 'read' },
      schema: {
        ...base,
        operationId: 'listKeys',
        summary: 'The keys of a store',
        description: 'In the order in which they came.',
        params: StoreParams,
        querystring: PageQuery,
        response: {
          200: Type.Object(
            { keys: Type.Array(Notation('A key', '192.0.2.1')), after: NextAfter },
            { description: 'A page of keys.' },
          ),
          ...PROBLEM_RESPONSES,
        },
      },
    },
    async (request) => {
      const { entries, ...next } = await pageOf(request.params.store, request.query);
      return { keys: entries.map(({ key }) => key), ...next };
    },
  );

  app.get(
    '/v1/stores/:store/entries/:key',
    {
      config: { scope: 'read' },
      schema: {
        ...base,
        operationId: 'getEntry',
        summary: 'An entry of a store',
        params: EntryParams,
        querystring: NoQuery,
        response: { 200: EntrySchema, ...PROBLEM_RESPONSES },
      },
    },
    async (request) => {
      const { store, key } = request.params;
      const entry = await stores.get(store, key);
      if (entry === undefined) throw missing(store, key);
      return entryJson(entry);
    },
  );

  app.put(
    '/v1/stores/:store/entries/:key',
    {
      config: { scope: 'publish' },
      schema: {
        ...base,
        operationId: 'putEntry',
        summary: 'Put an entry into a store',
        description:
          'With `If-None-Match: *` only where there is none (put_unique). The answer comes when the master has confirmed it. The scope of the token has to allow the topic STORE/.',
        params: EntryParams,
        headers: Type.Object({
          'if-none-match': Type.Optional(Type.Literal('*', { description: 'Only where there is no entry.' })),
        }),
        querystring: NoQuery,
        body: Type.Object(
          { value: Notation('The value', '{80/tcp, 443/tcp}'), expiry: Expiry },
          { additionalProperties: false },
        ),
        response: {
          200: Type.Object({ put: Type.Boolean() }, { description: 'It is there.' }),
          ...PROBLEM_RESPONSES,
        },
      },
    },
    async (request) => {
      const { store, key } = request.params;
      checkMayWrite(request, store);
      const unique = request.headers['if-none-match'] !== undefined;
      if (await stores.put(store, key, { ...request.body, unique })) return { put: true };
      throw new ZeekwayError('store_key_exists', `the store ${store} has an entry ${key} already`);
    },
  );

  app.patch(
    '/v1/stores/:store/entries/:key',
    {
      config: { scope: 'publish' },
      schema: {
        ...base,
        operationId: 'changeEntry',
        summary: 'Change what an entry holds, at the master',
        description:
          'increment and decrement numbers and times, append to text, insert into and remove from sets and tables, push to and pop from vectors; what is not there yet begins empty or at zero.',
        params: EntryParams,
        querystring: NoQuery,
        body: Type.Object(
          {
            operation: Type.String({ enum: [...STORE_OPERATIONS] }),
            value: Type.Optional(Notation('The operand; `pop` has none', '5')),
            index: Type.Optional(Notation('Of an insert into a table: the index of the value', '"a"')),
            expiry: Expiry,
          },
          { additionalProperties: false },
        ),
        response: {
          200: Type.Object({ changed: Type.Boolean() }, { description: 'The master has confirmed it.' }),
          ...PROBLEM_RESPONSES,
        },
      },
    },
    async (request) => {
      const { store, key } = request.params;
      checkMayWrite(request, store);
      const operation = STORE_OPERATIONS.find((each) => each === request.body.operation);
      if (operation === undefined) throw new ZeekwayError('request_invalid', 'there is no such operation');
      await stores.change(store, key, { ...request.body, operation });
      return { changed: true };
    },
  );

  app.delete(
    '/v1/stores/:store/entries/:key',
    {
      config: { scope: 'publish' },
      schema: {
        ...base,
        operationId: 'eraseEntry',
        summary: 'Erase an entry of a store',
        params: EntryParams,
        querystring: NoQuery,
        response: {
          200: Type.Object({ erased: Type.Boolean() }, { description: 'It is gone.' }),
          ...PROBLEM_RESPONSES,
        },
      },
    },
    async (request) => {
      const { store, key } = request.params;
      checkMayWrite(request, store);
      if (await stores.erase(store, key)) return { erased: true };
      throw missing(store, key);
    },
  );

  app.get(
    '/v1/stores/:store/watch',
    {
      config: { scope: 'read' },
      schema: {
        ...base,
        operationId: 'watchStore',
        summary: 'The changes of a store as they come',
        description:
          'Server-Sent Events that do not end: `change` with `{"type", "key", "value", "old", "publisher"}`, and `gap` with `{"dropped"}` where the client was too slow.',
        params: StoreParams,
        querystring: NoQuery,
        response: {
          200: { description: 'The changes.', content: { 'text/event-stream': { schema: Type.String() } } },
          ...PROBLEM_RESPONSES,
        },
      },
    },
    async (request, reply) => {
      tails.checkRoom();
      const changes = stores.watch(request.params.store);
      tails.openStream(reply, (client) => follow(changes, client), callerOf(request));
      return reply;
    },
  );
}

/** Tells a client all changes. @returns what ends that. */
function follow(
  changes: ReturnType<NonNullable<ServerDeps['stores']>['watch']>,
  client: TailClient,
): () => void {
  const run = async (): Promise<void> => {
    for await (const change of changes) {
      if (change.type === 'gap') client.miss(change.missed);
      else client.tell('change', JSON.stringify(change));
    }
  };
  void run();
  return () => void changes.return?.();
}
