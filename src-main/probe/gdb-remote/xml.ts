/** Pieces of a document that makes sense; more is an endless one. */
const MAX_PIECES = 256;

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
    if (reply.startsWith('l')) return document;
  }
  return undefined;
}

export function attribute(tag: string, name: string): string | undefined {
  return new RegExp(String.raw`\s${name}\s*=\s*["']([^"']*)["']`, 'u').exec(tag)?.[1];
}
