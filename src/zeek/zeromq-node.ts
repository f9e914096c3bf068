import { string, type Value } from '../codec/value.js';
import { clusterHello } from './cluster.js';
import type { ZeekEvent } from './message.js';

/**
 * How the nodes of a ZeroMQ cluster find each other (zeek/zeek
 * scripts/policy/frameworks/cluster/backend/zeromq/main.zeek, src/cluster/backend/zeromq/ZeroMQ.cc).
 */

const HELLO = 'Cluster::Backend::ZeroMQ::hello';
const NODE_ID_TOPIC = 'zeek.cluster.nodeid.';

/** The topic on which one node alone listens; to subscribe to one's own announces the node. */
export const zeromqNodeIdTopic = (nodeId: string): string => `${NODE_ID_TOPIC}${nodeId}.`;

/** The topic on which the node with that name listens. */
export const zeromqNodeTopic = (name: string): string => `zeek.cluster.node.${name}.`;

/** @param unique differs each time that the node is started; no underscore. */
export const zeromqNodeId = (name: string, host: string, pid: number, unique: string): string =>
  `zeromq_${name}_${host.replaceAll('_', '-')}_${pid}_${unique}`;

/** The name in a node ID: `worker-1` of `zeromq_worker-1_host_4711_NEtDjq2ZsUu`. */
export const nodeNameFromId = (nodeId: string): string | undefined =>
  /^zeromq_(.+)_[^_]*_\d+_[^_]*$/s.exec(nodeId)?.[1];

/** An event to publish. */
export interface NodeEvent {
  readonly topic: string;
  readonly name: string;
  readonly args: readonly Value[];
}

/** Another node, as it is seen. */
interface SeenNode {
  isSubscribed: boolean;
  hasGreeted: boolean;
  isUp: boolean;
}

/** How many nodes are remembered: a cluster has hundreds, and each restart of a node makes a new one. */
const NODES = 10_000;

/**
 * The hello of a node, so that `Cluster::node_up` is raised for it: whose subscription to its own topic is seen gets a
 * `Cluster::Backend::ZeroMQ::hello` there; whose subscription and hello were both seen gets a `Cluster::hello`.
 * Each function says what is to be published now.
 */
export class ZeromqHello {
  private readonly nodes = new Map<string, SeenNode>();

  constructor(
    private readonly name: string,
    private readonly id: string,
  ) {}

  /** Somebody subscribed to a topic, or did so again. */
  subscribed(topic: string): NodeEvent[] {
    const id = this.otherNode(topic);
    if (id === undefined) return [];
    const node = this.node(id);
    node.isSubscribed = true;
    const hello: NodeEvent = {
      topic,
      name: HELLO,
      args: [string(this.name), string(this.id)],
    };
    return [hello, ...this.up(id, node)];
  }

  /** Nobody is subscribed to a topic any more. */
  cancelled(topic: string): void {
    const id = this.otherNode(topic);
    if (id !== undefined) this.nodes.delete(id);
  }

  /** An event came on the topic of this node. */
  received({ name, args }: ZeekEvent): NodeEvent[] {
    const [, id] = args;
    if (name !== HELLO || id?.type !== 'string' || typeof id.value !== 'string' || id.value === this.id)
      return [];
    const node = this.node(id.value);
    node.hasGreeted = true;
    return this.up(id.value, node);
  }

  /** The connection to the cluster is lost: all is to be seen anew. */
  lost(): void {
    this.nodes.clear();
  }

  private up(id: string, node: SeenNode): NodeEvent[] {
    if (!node.isSubscribed || !node.hasGreeted || node.isUp) return [];
    node.isUp = true;
    return [{ topic: zeromqNodeIdTopic(id), ...clusterHello(this.name, this.id) }];
  }

  private otherNode(topic: string): string | undefined {
    if (!topic.startsWith(NODE_ID_TOPIC) || !topic.endsWith('.')) return undefined;
    const id = topic.slice(NODE_ID_TOPIC.length, -1);
    return id === '' || id === this.id ? undefined : id;
  }

  private node(id: string): SeenNode {
    const known = this.nodes.get(id);
    if (known) return known;
    const node = { isSubscribed: false, hasGreeted: false, isUp: false };
    this.nodes.set(id, node);
    if (this.nodes.size > NODES) this.nodes.delete(this.nodes.keys().next().value ?? '');
    return node;
  }
}
