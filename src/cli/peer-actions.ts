import { ZeekwayError } from '../core/errors.js';
import type { Door } from '../door/door.js';
import type { PeerActions } from '../http/server.js';
import type { Endpoint } from '../peer/endpoint.js';
import { systemClock } from '../peer/system.js';
import { RESERVED_TOPIC } from '../protocol/broker/filter.js';
import { eventMessage, identifierUpdateMessage } from '../zeek/message.js';
import { parseNotation } from '../zeek/notation/parse.js';
import { peerUrlType } from './config/value-types.js';
import { parseArguments } from './event-arguments.js';

/** What the HTTP API can do with the peers of an endpoint. Events go to the clients of the door, too. */
export function peerActions(endpoint: Endpoint, door: Pick<Door, 'publish'>): PeerActions {
  return {
    publish: ({ topic, name, args }) => {
      checkPublishable(topic, name);
      return door.publish(topic, eventMessage(name, parseArguments(args), systemClock.wallNanos()));
    },
    publishIdentifier: ({ topic, name, value }) => {
      checkPublishable(topic, name);
      return door.publish(topic, identifierUpdateMessage(name, parseNotation(value)));
    },
    add: (url) => {
      endpoint.peer(url);
      return peerUrlType.print(url);
    },
    remove: async (idOrUrl) => {
      // Those over other transports than Broker's are known to the endpoint by their URLs only.
      const other = endpoint
        .peers()
        .find(({ id, transport, url }) => id === idOrUrl && transport !== 'broker' && url !== undefined);
      return endpoint.unpeer(other?.url ?? idOrUrl);
    },
  };
}

/** Throws `request_invalid`. */
function checkPublishable(topic: string, name: string): void {
  if (topic.startsWith(RESERVED_TOPIC)) {
    throw new ZeekwayError('request_invalid', `topics that begin with ${RESERVED_TOPIC} are Broker's own`);
  }
  if (!topic.isWellFormed() || !name.isWellFormed()) {
    throw new ZeekwayError('request_invalid', 'topic and name have to be text, without half characters');
  }
}
