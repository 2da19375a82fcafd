import { Uf2Bench } from '../../bench/uf2/uf2-bench.ts';
import { usbUf2 } from '../../bench/uf2/usb-uf2.ts';
import type { UsbipDevice } from '../../bench/usbip/server.ts';
import { BENCH_SEED } from '../connect/bench-way.ts';
import { realClock } from '../compose-home.ts';
import { usage, type Wanted } from './offer.ts';

const MOST_UNITS = 32;

/** Units in their UF2 boot loaders: each a drive, and HF2 beside it. */
export function uf2Units({ bench, chip, serial, count }: Wanted): UsbipDevice[] {
  const number = /^\d{1,3}$/u.test(count) ? Number(count) : 0;
  if (number < 1 || number > MOST_UNITS) throw usage(`--count is 1 to ${MOST_UNITS}, not ${count}`);
  const boards = new Uf2Bench({ startAt: () => realClock.now(), seed: BENCH_SEED }, bench);
  return Array.from({ length: number }, (_, index) => {
    const unit = index === 0 ? serial : `${serial}-${index + 1}`;
    const later = (ms: number, work: () => void) => void setTimeout(work, ms);
    return usbUf2({ bench: boards, chip, unit, later, realMs: () => realClock.monotonic() });
  });
}
