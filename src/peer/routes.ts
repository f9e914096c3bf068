import { ZeekwayError } from '../core/errors.js';
import { FilterMatcher } from '../protocol/broker/filter.js';
import type { ZeekEvent } from '../zeek/message.js';
import { passOn } from '../zeek/route-mark.js';
import type { Message } from './message.js';
import { TRANSPORTS, type Transport } from './status.js';

/** Events on some topics go from the peers of one transport to those of another. */
export interface Route {
  readonly from: Transport;
  readonly to: Transport;
  /** What the topics begin with. */
  readonly prefix: string;
}

const FORM = 'FROM>TO=PREFIX or FROM<>TO=PREFIX, like broker<>zeromq=my/topic';

/** Reads `broker>zeromq=my/topic`, or with `<>` for both ways. Throws `route_invalid`. */
export function parseRoutes(text: string): Route[] {
  const [, from, arrow, to, prefix] = /^([a-z]+)(<>|>)([a-z]+)=(.*)$/s.exec(text) ?? [];
  const known = (name: string | undefined): Transport | undefined => TRANSPORTS.find((one) => one === name);
  const [source, target] = [known(from), known(to)];
  const fail = (what: string): ZeekwayError =>
    new ZeekwayError('route_invalid', `route "${text}": ${what}; expected ${FORM}`);
  if (prefix === undefined) throw fail('it has not that form');
  if (!source || !target) throw fail(`the transports are ${TRANSPORTS.join(', ')}`);
  if (source === target) throw fail('peers of the same transport need none');
  const there = { from: source, to: target, prefix };
  return arrow === '<>' ? [there, { from: target, to: source, prefix }] : [there];
}

/** What of a message goes to which other transports. Nothing comes back to where it came from. */
export class Router {
  private readonly routes: readonly (Route & { readonly matcher: FilterMatcher })[];

  /** @param gateway the ID by which this gateway knows what it has routed before. */
  constructor(
    routes: readonly Route[],
    private readonly gateway: string,
  ) {
    this.routes = routes.map((route) => ({ ...route, matcher: new FilterMatcher([route.prefix]) }));
  }

  /** The topics that have to come in for the routes' sake. */
  get topics(): string[] {
    return this.routes.map(({ prefix }) => prefix);
  }

  /** Throws nothing: a message in which there is no event goes nowhere. */
  forward(message: Message): { readonly to: Transport; readonly events: readonly ZeekEvent[] }[] {
    const { topic, source } = message;
    const targets = new Set(
      this.routes
        .filter(({ from, matcher }) => from === source.transport && matcher.matches(topic))
        .map(({ to }) => to),
    );
    if (targets.size === 0) return [];
    const events = message.events.flatMap((event) => passOn(event, this.gateway) ?? []);
    return events.length === 0 ? [] : [...targets].map((to) => ({ to, events }));
  }
}
