import { toHex } from '#shared/base/bytes.ts';
import type { Clock, RandomBytes } from '#shared/base/clock.ts';

const BYTES = 16;
const TIME_BYTES = 6;

/**
 * A UUID of version 7 (RFC 9562, 5.7), without its hyphens: bytes 0 to 5 the time in milliseconds, big endian, the rest
 * random but for version and variant. Ids that grow with time have the log's indexes grow at their ends: pages all over them
 * are neither read nor written for a new run.
 */
export function runId(clock: Clock, random: RandomBytes): string {
  const id = Uint8Array.from(random(BYTES));
  let rest = clock.now();
  for (let at = TIME_BYTES - 1; at >= 0; at--) {
    id[at] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  id[6] = 0x70 | ((id[6] ?? 0) & 0x0f);
  id[8] = 0x80 | ((id[8] ?? 0) & 0x3f);
  return toHex(id);
}
