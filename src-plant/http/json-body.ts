import type { FastifyInstance } from 'fastify';
import { FlashlineError } from '#shared/model/failure.ts';

/** Deeper than any message of ours by far; what walks such data recursively stays on its stack. */
const MAX_DEPTH = 64;

/** An empty body stands for `{}`. Throws `bad-request`, never quoting what was sent. */
export function parseJsonBody(bytes: Uint8Array): unknown {
  if (bytes.length === 0) return {};
  if (depthOf(bytes) > MAX_DEPTH) throw unfit(`it is nested more than ${MAX_DEPTH} deep`);
  let value: unknown;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    value = JSON.parse(text);
    if (/\\u(?:0000|d[89a-f])/i.test(text) && !isKeepable(value))
      throw unfit('it has a NUL or half of a surrogate pair in a text');
  } catch (thrown) {
    throw thrown instanceof FlashlineError ? thrown : unfit('it is no JSON in UTF-8');
  }
  return value;
}

export function acceptBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, async (_request: unknown, body: Buffer) =>
    parseJsonBody(body),
  );
  app.addContentTypeParser(
    'application/octet-stream',
    { parseAs: 'buffer' },
    async (_request: unknown, body: Buffer) => body,
  );
}

/** How deep brackets go, outside of strings; JSON.parse says what else is wrong. */
function depthOf(bytes: Uint8Array): number {
  let [depth, deepest, inString] = [0, 0, false];
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (inString) {
      if (byte === BACKSLASH) at++;
      else if (byte === QUOTE) inString = false;
    } else if (byte === QUOTE) inString = true;
    else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) deepest = Math.max(deepest, ++depth);
    else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) depth--;
  }
  return deepest;
}
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** What PostgreSQL's text can hold: no NUL, and only whole characters. Depth is bounded already. */
function isKeepable(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed() && !value.includes('\0');
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every(([key, member]) => isKeepable(key) && isKeepable(member));
}

function unfit(detail: string): FlashlineError {
  return new FlashlineError('bad-request', { params: { detail: `the body: ${detail}` } });
}
