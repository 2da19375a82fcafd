/** What both kinds of DFU units need. */
import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Reach } from '#shared/model/unit-record.ts';
import type { DfuDescription } from './describe-dfu.ts';
import type { DfuPort } from './dfu-port.ts';
import type { OpenedDfu } from './dfu-place.ts';

/** A boot loader that was left is off the bus within this. */
const LEAVE_MS = 2000;
const LOOK_EVERY_MS = 20;

export function dfuReach({ manufacturer, product, serial, release, functional }: DfuDescription): Reach {
  const version = (bcd: number) => `${(bcd >>> 8).toString(16)}.${(bcd & 0xff).toString(16).padStart(2, '0')}`;
  const firmware = `${version(release)}, DFU ${version(functional.version)}`;
  return { vendor: manufacturer, product, serial, firmware, protocol: 'dfu' };
}

/** No PASS without reading back: refused before anything is changed. */
export function mayReadOn({ description }: OpenedDfu, url: string): void {
  const { canDownload, canUpload } = description.functional;
  if (canDownload && canUpload) return;
  const detail = canDownload ? 'what it was given cannot be read back from it' : 'it takes no firmware';
  throw new FlashlineError('probe-unsuited', { params: { url, detail } });
}

/** Rejects with `target-stuck` when the boot loader still answers. */
export async function untilGone(port: DfuPort, io: IoContext): Promise<void> {
  const until = io.clock.monotonic() + LEAVE_MS;
  while ((await port.unlessGone(() => port.getStatus(io, LOOK_EVERY_MS))) !== undefined) {
    if (io.clock.monotonic() >= until)
      throw new FlashlineError('target-stuck', { params: { seconds: LEAVE_MS / 1000 } });
    await io.clock.sleep(LOOK_EVERY_MS, io.signal);
  }
}
