const LINE_BYTES = 16;
const HALF = LINE_BYTES / 2;

const hexOf = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');

const asciiOf = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => (byte >= 0x20 && byte <= 0x7e ? String.fromCharCode(byte) : '.')).join('');

const placeOf = (offset: number): string => offset.toString(16).padStart(8, '0');

/** The lines of `hexdump -C`. @param offset of the first byte in what it is a part of. */
export function hexDump(bytes: Uint8Array, offset = 0): string[] {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += LINE_BYTES) {
    const line = bytes.subarray(at, at + LINE_BYTES);
    const halves = `${hexOf(line.subarray(0, HALF)).padEnd(23)}  ${hexOf(line.subarray(HALF)).padEnd(23)}`;
    lines.push(`${placeOf(offset + at)}  ${halves}  |${asciiOf(line)}|`);
  }
  return [...lines, placeOf(offset + bytes.length)];
}
