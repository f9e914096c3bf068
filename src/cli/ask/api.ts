import { ERROR_CATALOGUE, type ErrorCode, errorLine, ZeekwayError } from '../../core/errors.js';

/** Where a gateway answers, and what it is shown. */
export interface ApiOptions {
  /** The URL of the gateway's HTTP API. */
  readonly api: string;
  readonly token?: string;
}

export type Parameters = Readonly<Record<string, string | readonly string[] | undefined>>;

/** An error that the gateway answered, and of a filter the characters that are wrong. */
export class ApiError extends ZeekwayError {
  constructor(
    code: ErrorCode,
    message: string,
    readonly at: { readonly from: number; readonly to: number } | undefined,
  ) {
    super(code, message);
  }
}

interface Problem {
  readonly code?: string;
  readonly detail?: string;
  readonly at?: { readonly from: number; readonly to: number };
}

/** The HTTP API of a gateway. All methods throw `api_unreachable`, `api_unexpected`, and what the gateway answers. */
export class Api {
  private readonly base: URL;

  constructor(
    private readonly options: ApiOptions,
    private readonly signal: AbortSignal,
  ) {
    if (!URL.canParse(options.api) || !/^https?:$/.test(new URL(options.api).protocol)) {
      throw new ZeekwayError('api_unreachable', `"${options.api}" is no URL like http://127.0.0.1:9280`);
    }
    this.base = new URL(options.api);
  }

  /** The answer to a GET, whose body is not read yet. */
  get(path: string, parameters: Parameters = {}): Promise<Response> {
    const url = new URL(path, this.base);
    for (const [name, value] of Object.entries(parameters)) {
      for (const one of [value ?? []].flat()) url.searchParams.append(name, one);
    }
    return this.ask(url, {});
  }

  /** The JSON that a request answers that changes something. */
  async change<T>(
    method: 'PUT' | 'PATCH' | 'DELETE' | 'POST',
    path: string,
    body?: object,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<T> {
    const json = body === undefined ? {} : { 'content-type': 'application/json' };
    return this.jsonOf(
      await this.ask(new URL(path, this.base), {
        method,
        headers: { ...json, ...headers },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    );
  }

  private async ask(
    url: URL,
    { headers = {}, ...init }: { method?: string; headers?: Record<string, string>; body?: string },
  ): Promise<Response> {
    const { token } = this.options;
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
    let response: Response;
    try {
      response = await fetch(url, {
        ...init,
        signal: this.signal,
        headers: { ...headers, ...authorization },
      });
    } catch (error) {
      this.signal.throwIfAborted();
      throw this.unreachable(error);
    }
    if (!response.ok) throw await this.problem(response);
    return response;
  }

  async json<T>(path: string, parameters?: Parameters): Promise<T> {
    return this.jsonOf(await this.get(path, parameters));
  }

  private async jsonOf<T>(response: Response): Promise<T> {
    try {
      return (await response.json()) as T;
    } catch (error) {
      this.signal.throwIfAborted();
      throw new ZeekwayError('api_unexpected', `${response.url}: no JSON: ${errorLine(error)}`);
    }
  }

  /** The pieces of a body. One that ends too early is an error. */
  async *chunks({ body, url }: Response): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of body ?? []) yield chunk;
    } catch (error) {
      this.signal.throwIfAborted();
      throw new ZeekwayError('api_unexpected', `${url}: the answer broke off: ${errorLine(error)}`);
    }
  }

  /** The Server-Sent Events of a body. */
  async *events(response: Response): AsyncGenerator<{ event: string; data: string }> {
    let event = '';
    for await (const line of this.lines(response)) {
      if (line.startsWith('event: ')) event = line.slice('event: '.length);
      else if (line.startsWith('data: ')) yield { event, data: line.slice('data: '.length) };
    }
  }

  /** The lines of a body, without their ends. */
  async *lines(response: Response): AsyncGenerator<string> {
    const decoder = new TextDecoder();
    let rest = '';
    for await (const chunk of this.chunks(response)) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
    }
    if (rest !== '') yield rest;
  }

  private unreachable(error: unknown): ZeekwayError {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return new ZeekwayError(
      'api_unreachable',
      `${this.base.origin}: ${errorLine(cause)}`,
      {},
      { cause: error },
    );
  }

  private async problem(response: Response): Promise<ZeekwayError> {
    const text = await response.text();
    let problem: Problem = {};
    try {
      problem = JSON.parse(text);
    } catch {
      // Something else than a gateway answers there.
      return new ZeekwayError(
        'api_unexpected',
        `${response.url}: status ${response.status}, and no problem+json`,
      );
    }
    const { code = '', detail = `status ${response.status}`, at } = problem;
    const known = Object.hasOwn(ERROR_CATALOGUE, code) ? (code as ErrorCode) : 'api_unexpected';
    return new ApiError(known, detail, at);
  }
}
