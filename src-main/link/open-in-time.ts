import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { inSeconds, within } from './deadline.ts';
import type { Link } from './link.ts';

/** Opening is a handful of control requests; a hub that hangs must not hold a slot. */
const OPEN_MS = 5000;

/** What opens after its deadline, or after an abort, is closed again at once. Rejects with `probe-silent`. */
export async function openInTime(opening: Promise<Link>, url: string, io: IoContext): Promise<Link> {
  let taken = false;
  try {
    const opened = await within(opening, OPEN_MS, io);
    if (!opened) throw new FlashlineError('probe-silent', { params: { url, seconds: inSeconds(OPEN_MS) } });
    taken = true;
    return opened.value;
  } finally {
    if (!taken) void closeWhenOpen(opening);
  }
}

async function closeWhenOpen(opening: Promise<Link>): Promise<void> {
  const link = await opening.catch(() => undefined);
  await link?.close();
}
