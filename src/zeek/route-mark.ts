import { string, type Value, vector } from '../codec/value.js';
import { ROUTE_HOPS } from '../core/limits.js';
import type { ZeekEvent } from './message.js';

/**
 * The mark of an event that a gateway routed from one transport to another: which gateways it went through. It is
 * metadata of the event, which Zeek hands on to nobody and ignores (IDs from 200 are free for others, zeek/broker
 * libbroker/broker/zeek.hh; unknown ones are skipped, zeek/zeek src/cluster/serializer/broker/Serializer.cc).
 *
 *     [count 31351, [string gateway, ...]]
 */
const ROUTED = 31_351n;

function gatewaysOf({ metadata }: ZeekEvent): string[] {
  const mark = metadata.find(({ id }) => id === ROUTED)?.value;
  if (mark?.type !== 'vector') return [];
  return mark.value.flatMap((item) =>
    item.type === 'string' && typeof item.value === 'string' ? [item.value] : [],
  );
}

/**
 * The event as a gateway sends it on, with its mark; nothing where it has been here before, or has come through
 * ROUTE_HOPS gateways: that is what ends a loop.
 */
export function passOn(event: ZeekEvent, gateway: string): ZeekEvent | undefined {
  const gateways = gatewaysOf(event);
  if (gateways.includes(gateway) || gateways.length >= ROUTE_HOPS) return undefined;
  const mark: Value = vector([...gateways, gateway].map((id) => string(id)));
  const others = event.metadata.filter(({ id }) => id !== ROUTED);
  return { ...event, metadata: [...others, { id: ROUTED, value: mark }] };
}
