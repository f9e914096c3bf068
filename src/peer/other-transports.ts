import { schemeOf } from '../transport/endpoint-url.js';
import { parseWebsocketUrl } from '../transport/websocket-url.js';
import { parseZeromqUrl } from '../transport/zeromq-url.js';
import type { Peer, PeerHost } from './peer.js';
import { WebsocketPeer } from './websocket-peer.js';
import { ZeromqPeer } from './zeromq-peer.js';

/** A peer over another transport than Broker's: its URL in its one spelling, and how it is made. */
export interface OtherPeer {
  readonly url: string;
  readonly make: (host: PeerHost) => Peer;
}

/** @returns `undefined` for a URL of Broker's. Throws `endpoint_url_invalid`. */
export function otherPeer(url: string): OtherPeer | undefined {
  switch (schemeOf(url)) {
    case 'zeromq': {
      const address = parseZeromqUrl(url);
      return { url: address.url, make: (host) => new ZeromqPeer(address, host) };
    }
    case 'ws':
    case 'wss': {
      const address = parseWebsocketUrl(url);
      return { url: address.url, make: (host) => new WebsocketPeer(address, host) };
    }
    default:
      return undefined;
  }
}
