import { type ErrorCode, ZeekwayError } from '../core/errors.js';
import type { TlsSettings } from './endpoint-url.js';

/** Codes of Node and OpenSSL that mean: the other side does not speak TLS, or not the same kind of it. */
const MISMATCH =
  /WRONG_VERSION_NUMBER|HTTP_REQUEST|UNKNOWN_PROTOCOL|UNSUPPORTED_PROTOCOL|NO_SHARED_CIPHER|HANDSHAKE_FAILURE|PACKET_LENGTH|RECORD_LAYER|VERSION_TOO_LOW|ALERT_PROTOCOL_VERSION|BAD_RECORD|INSUFFICIENT_SECURITY|UNEXPECTED_MESSAGE/;
const CERTIFICATE = /CERT|SIGNATURE|ISSUER|ALTNAME|UNKNOWN_CA|DEPTH_ZERO|PEER_DID_NOT_RETURN/;

/** The code of the catalogue for an error of a socket. */
function codeOf(code: string, duringTls: boolean): ErrorCode {
  if (code === 'ERR_TLS_HANDSHAKE_TIMEOUT') return 'peer_timeout';
  if (CERTIFICATE.test(code)) return 'peer_certificate';
  if (code.startsWith('ERR_SSL') && MISMATCH.test(code)) return 'peer_tls_mismatch';
  if (duringTls && (code === 'ECONNRESET' || code === 'EPROTO' || code.startsWith('ERR_SSL')))
    return 'peer_tls_mismatch';
  return code === 'ECONNRESET' || code === 'EPIPE' ? 'peer_closed' : 'peer_unreachable';
}

/** @param tlsMode of a connection whose TLS handshake was still going on; `off` where none was. */
export function socketError(error: Error, remote: string, tlsMode: TlsSettings['mode']): ZeekwayError {
  const systemCode = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const code = codeOf(systemCode, tlsMode !== 'off');
  const refused = tlsMode === 'mutual' ? ', or it refused our certificate' : '';
  const what = {
    peer_tls_mismatch: `the TLS handshake with ${remote} failed: it speaks no TLS, or another mode of it${refused}`,
    peer_certificate: `the certificates of ${remote} and of this side do not fit`,
    peer_timeout: `${remote} did not finish the TLS handshake in time`,
    peer_closed: `${remote} closed the connection`,
    peer_unreachable: `${remote} cannot be reached`,
  }[code as 'peer_closed'];
  return new ZeekwayError(code, `${what} (${systemCode || error.message})`, {}, { cause: error });
}
