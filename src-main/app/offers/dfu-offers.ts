import { DfuBench } from '../../bench/dfu/dfu-bench.ts';
import { usbipDfu } from '../../bench/dfu/usbip-dfu.ts';
import type { UsbipDevice } from '../../bench/usbip/server.ts';
import { realClock } from '../compose-home.ts';
import { benchOptions } from '../connect/bench-way.ts';
import { usage, type Wanted } from './offer.ts';

const MOST_DEVICES = 32;

/** Units in their DFU boot loaders, each of its own. */
export function dfuDevices({ bench: boards, chip, serial, count }: Wanted): UsbipDevice[] {
  const number = /^\d{1,3}$/u.test(count) ? Number(count) : 0;
  if (number < 1 || number > MOST_DEVICES) throw usage(`--count is 1 to ${MOST_DEVICES}, not ${count}`);
  const bench = new DfuBench(benchOptions(null), boards);
  const realMs = () => realClock.monotonic();
  return Array.from({ length: number }, (_, index) => {
    const unit = bench.unitFor(chip, index === 0 ? serial : `${serial}-${index + 1}`);
    return usbipDfu({ unit, realMs });
  });
}
