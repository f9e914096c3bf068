import test from 'ava';
import { frame } from '../../src/protocol/broker/envelope.js';
import { decodeHandshake } from '../../src/protocol/broker/messages.js';
import type { OracleFrame, OracleStream } from '../support/oracle.js';
import { RECORDINGS, recording } from '../support/recordings.js';
import { Party } from '../support/session-pair.js';

/*
 * Plays one side of each recorded connection of real Zeeks byte for byte against our session, which takes the
 * other side's ID and filter, and compares what it says with what that Zeek said.
 */

const handshakeOf = ({ frames }: OracleStream): OracleFrame[] =>
  frames.filter(({ kind }) => kind === 'handshake');
const envelopesOf = ({ frames }: OracleStream): OracleFrame[] =>
  frames.filter(({ kind }) => kind === 'envelope');
const tagOf = (envelope: OracleFrame): number => envelope.bytes[32] as number;

/** The ID and filter that a side said, and whether it dialled. */
function factsOf(stream: OracleStream): { id: string; filter: readonly string[]; dialled: boolean } {
  const messages = handshakeOf(stream).map(({ bytes }) => decodeHandshake(bytes));
  const id = messages.flatMap((message) => ('sender' in message ? [message.sender] : []))[0] as string;
  const filter = messages.flatMap((message) => ('filter' in message ? [message.filter] : []))[0] ?? [];
  return { id, filter, dialled: messages[0]?.type === 'hello' };
}

const isPeering = ({ frames }: OracleStream): boolean => frames.some(({ kind }) => kind === 'envelope');

/** Pairs of directions, "a>b" with "b>a", of the connections that came to a peering. */
function connections(streams: readonly OracleStream[]): [OracleStream, OracleStream][] {
  return streams.flatMap((stream, index) => {
    const [, from, to] = /(\d+)>(\d+)$/.exec(stream.source) ?? [];
    const back = streams.slice(index + 1).find(({ source }) => source.endsWith(` ${to}>${from}`));
    return back && isPeering(stream) && isPeering(back)
      ? [[stream, back] as [OracleStream, OracleStream]]
      : [];
  });
}

test('the recordings hold both ID orders and the peerings of a whole cluster', (t) => {
  t.deepEqual(
    RECORDINGS.map((name) => connections(recording(name)).length),
    [1, 1, 1, 1, 6],
  );
});

for (const name of RECORDINGS) {
  for (const [first, second] of connections(recording(name))) {
    for (const [ours, theirs] of [
      [first, second],
      [second, first],
    ] as const) {
      const { id, filter, dialled } = factsOf(ours);
      const role = handshakeOf(ours).some(({ bytes }) => bytes[0] === 10) ? 'originator' : 'responder';
      test(`${ours.source}: our session as ${dialled ? 'dialling' : 'accepting'} ${role} says what Zeek said`, (t) => {
        const party = new Party({ id, filter, side: dialled ? 'dialled' : 'accepted' });
        party.take(party.session.start(0));
        for (const { bytes } of handshakeOf(theirs)) party.take(party.session.receive(frame(bytes)));
        t.is(party.session.state, 'peered');
        const said = Buffer.concat(handshakeOf(ours).map(({ bytes }) => frame(bytes)));
        t.is(party.sent.toString('hex'), said.toString('hex'));

        const handshakeBytes = party.sent.length;
        for (const { bytes } of envelopesOf(theirs)) party.take(party.session.receive(frame(bytes)));
        const theirTags = envelopesOf(theirs).map(tagOf);
        t.is(party.messages.length, theirTags.filter((tag) => tag === 1 || tag === 2).length);
        t.false(party.outputs.some(({ type }) => type === 'ignored'));
        const pongs = Buffer.concat(
          envelopesOf(ours).flatMap((one) => (tagOf(one) === 5 ? [frame(one.bytes)] : [])),
        );
        t.is(
          party.sent.subarray(handshakeBytes, handshakeBytes + pongs.length).toString('hex'),
          pongs.toString('hex'),
        );
      });
    }
  }
}
