import { string, type Value } from '../codec/value.js';
import type { ZeekEvent } from './message.js';

/**
 * Zeek's cluster etiquette (zeek/zeek scripts/base/frameworks/cluster): a node publishes
 * `Cluster::hello(name, id)` to each new peer, and `Cluster::node_up` is raised from it there.
 */

const HELLO = 'Cluster::hello';

/** The topic on which one node alone listens (`Cluster::nodeid_topic`). */
export const nodeIdTopic = (endpointId: string): string => `zeek/cluster/nodeid/${endpointId}/`;

/** The topic on which the node with that name listens (`Cluster::node_topic`). */
export const nodeTopic = (name: string): string => `zeek/cluster/node/${name}/`;

/** What every logger subscribes to. */
export const LOG_TOPIC_PREFIX = 'zeek/logs/';

/** Name and arguments of the hello of a node. */
export function clusterHello(nodeName: string, endpointId: string): { name: string; args: Value[] } {
  return { name: HELLO, args: [string(nodeName), string(endpointId)] };
}

/** The node name in a `Cluster::hello` of that endpoint, `undefined` for any other event. */
export function nodeNameFromHello(event: ZeekEvent, endpointId: string): string | undefined {
  if (event.name !== HELLO) return undefined;
  const [name, id] = event.args;
  if (name?.type !== 'string' || id?.type !== 'string' || id.value !== endpointId) return undefined;
  return typeof name.value === 'string' ? name.value : undefined;
}
