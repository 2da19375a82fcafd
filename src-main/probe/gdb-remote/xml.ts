/** Pieces of a document that makes sense; more is an endless one. */
const MAX_PIECES = 256;
/** Characters of one: the largest that we know of has a fifth. */
const MAX_LENGTH = 0x20000;

/**
 * A document that the server hands out in pieces (GDB manual, E.4, qXfer). `name` is the annex; undefined where there
 * is no such document, or it does not end.
 */
export async function readDocument(
  object: 'features' | 'memory-map',
  name: string,
  ask: (request: string) => Promise<string>,
  packetSize: number,
): Promise<string | undefined> {
  const length = Math.max(32, packetSize - 64).toString(16);
  let document = '';
  for (let pieces = 0; pieces < MAX_PIECES; pieces++) {
    const reply = await ask(`qXfer:${object}:read:${name}:${document.length.toString(16)},${length}`);
    // `m`: more follows; `l`: this was the last piece; anything else: there is no such document.
    if (!/^[lm]/u.test(reply)) return undefined;
    document += reply.slice(1);
    if (document.length > MAX_LENGTH) return undefined;
    if (reply.startsWith('l')) return document;
  }
  return undefined;
}

/** What stands between comments; one that does not end hides the rest. In one pass, whatever a server sends. */
export function withoutComments(document: string): string {
  const parts: string[] = [];
  for (let at = 0; at < document.length;) {
    const start = document.indexOf('<!--', at);
    if (start < 0) return parts.join('') + document.slice(at);
    parts.push(document.slice(at, start));
    const end = document.indexOf('-->', start + 4);
    if (end < 0) break;
    at = end + 3;
  }
  return parts.join('');
}

export function attribute(tag: string, name: string): string | undefined {
  return new RegExp(String.raw`\s${name}\s*=\s*["']([^"']*)["']`, 'u').exec(tag)?.[1];
}
