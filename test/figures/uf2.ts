import { image, noise } from '../bench/releases.ts';
import { runUf2, uf2Bench, type Uf2Run, type Way } from '../bench/uf2-run.ts';
import { writeU32 } from '#shared/base/bytes.ts';

const APP = 0x2000;
const SIZE = 0x3e000;
const CHANGED = 4096;
/** SHA-256 by the unit's core: 65.5 cycles a byte (resources/unit-digests, 4.2 thousand a block of 64) at 48 MHz. */
const DIGEST_KB_PER_S = 48_000 / 65.5;
/** A row's erase and four pages (SAM D21 data sheet, NVM characteristics), for 256 bytes. */
const FLASH_KB_PER_S = 256 / 16;

/** All that a SAM D21 has for firmware, written, read back, and written again with 4 KiB changed; virtual time. */
export async function measureUf2() {
  return { hf2: await measure('hf2'), drive: await measure('uf2') };
}

async function measure(way: Way) {
  const bench = uf2Bench();
  const data = noise(SIZE, 7);
  writeU32(data, 4, APP + 0x101);
  const whole = await runUf2(bench, way, [image('application', { address: APP, data })]);
  const next = data.slice();
  for (let at = 0x20000; at < 0x20000 + CHANGED; at++) next[at] = (next[at] ?? 0) ^ 0x5a;
  const again = await runUf2(bench, way, [image('application', { address: APP, data: next })]);
  const writeKbPerS = SIZE / whole.ms.write;
  const verifyKbPerS = SIZE / whole.ms.verify;
  return {
    wholeSeconds: whole.ms.all / 1000,
    writeKbPerS,
    writeOfFlashLimit: writeKbPerS / FLASH_KB_PER_S,
    verifyKbPerS,
    ...(way === 'hf2' ? { provenBy: whole.outcome.provenBy, verifyOfDigestLimit: verifyKbPerS / DIGEST_KB_PER_S } : {}),
    reflashSeconds: again.ms.all / 1000,
    reflashOfWhole: again.ms.all / whole.ms.all,
    reflashOfWholeWithoutReadBack: withoutReadBack(again) / withoutReadBack(whole),
    reflashBytesOfWhole: again.plan.bytesToWrite / whole.plan.bytesToWrite,
  };
}

function withoutReadBack({ ms }: Uf2Run): number {
  return ms.all - ms.verify;
}
