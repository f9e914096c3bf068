import { ZeekwayError } from '../core/errors.js';
import type { CurveMode } from './zeromq-url.js';

/** Z85 texts of 40 characters. */
interface CurvePair {
  readonly publicKey: string;
  readonly secretKey: string;
}

/** What encrypts a connection. The secret key of the other side is empty. */
export interface CurveKeys {
  /** The one pair that all nodes of a cluster connect with. */
  readonly client: CurvePair;
  /** The pair of those who are connected to. */
  readonly server: CurvePair;
}

const VARIABLE = 'ZEEK_CLUSTER_BACKEND_ZEROMQ_CURVE_';

/** rfc.zeromq.org 32. */
const Z85_KEY = /^[0-9a-zA-Z.\-:+=^!/*?&<>()[\]{}@%$#]{40}$/;

/**
 * The keys in Zeek's own variables, as one side needs them (since Zeek 8.2). Throws `curve_keys_invalid` where some are
 * missing or are none. @returns nothing where the connection is not to be encrypted.
 */
export function curveKeys(
  mode: CurveMode,
  side: 'connect' | 'bind',
  env: NodeJS.ProcessEnv,
): CurveKeys | undefined {
  const names = [
    'CLIENT_PUBLICKEY',
    'SERVER_PUBLICKEY',
    side === 'connect' ? 'CLIENT_SECRETKEY' : 'SERVER_SECRETKEY',
  ];
  const key = (name: string): string => env[`${VARIABLE}${name}`] ?? '';
  if (mode === 'off' || (mode === 'auto' && names.every((name) => key(name) === ''))) return undefined;
  const wrong = names.find((name) => !Z85_KEY.test(key(name)));
  if (wrong !== undefined) {
    const why = key(wrong) === '' ? 'is not set' : 'is no key: 40 characters of Z85';
    throw new ZeekwayError('curve_keys_invalid', `${VARIABLE}${wrong} ${why}`);
  }
  return {
    client: { publicKey: key('CLIENT_PUBLICKEY'), secretKey: key('CLIENT_SECRETKEY') },
    server: { publicKey: key('SERVER_PUBLICKEY'), secretKey: key('SERVER_SECRETKEY') },
  };
}
