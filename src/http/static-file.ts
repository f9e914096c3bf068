import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { acceptedOf } from './accept.js';

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
};

/** The encodings that there may be of a file, the smallest first. */
const ENCODINGS = [
  ['br', '.br'],
  ['gzip', '.gz'],
] as const;

/** A file in memory, in the encodings that it was built in. */
export class StaticFile {
  readonly #type: string;
  readonly #bytes: Buffer;
  readonly #encoded: readonly (readonly [encoding: string, bytes: Buffer])[];
  readonly #tag: string;

  private constructor(type: string, path: string) {
    this.#type = type;
    this.#bytes = readFileSync(path);
    this.#encoded = ENCODINGS.flatMap(([encoding, extension]) => {
      const bytes = readOrNone(path + extension);
      return bytes ? [[encoding, bytes] as const] : [];
    });
    this.#tag = createHash('sha256').update(this.#bytes).digest('base64url').slice(0, 22);
  }

  /** Reads a file, and what it is compressed. `undefined` where there is none, or it is none of the page's types. */
  static read(path: string): StaticFile | undefined {
    const type = TYPES[path.split('.').at(-1) ?? ''];
    try {
      return type === undefined ? undefined : new StaticFile(type, path);
    } catch (error) {
      return orThrow(error, undefined);
    }
  }

  /** Answers with the file in an encoding that the client takes, or that the client has it already (304). */
  send(request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const accepted = acceptedOf(request.headers['accept-encoding']);
    const [encoding, bytes] = this.#encoded.find(([name]) => accepted.includes(name)) ?? [];
    // Other bytes are another tag.
    const tag = `"${this.#tag}${encoding ? `-${encoding}` : ''}"`;
    reply.header('etag', tag);
    if (this.#encoded.length > 0) reply.header('vary', 'accept-encoding');
    if (namesTag(request.headers['if-none-match'], tag)) return reply.code(304).send();
    if (encoding) reply.header('content-encoding', encoding);
    return reply.type(this.#type).send(bytes ?? this.#bytes);
  }
}

/** Whether an `If-None-Match` names this tag, which a proxy may have made a weak one. */
const namesTag = (header: string | undefined, tag: string): boolean =>
  (header ?? '').split(',').some((one) => one.trim().replace(/^W\//, '') === tag);

function readOrNone(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    return orThrow(error, undefined);
  }
}

/** `none` for what is not there. Throws any other error. */
export function orThrow<T>(error: unknown, none: T): T {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return none;
  throw error;
}
