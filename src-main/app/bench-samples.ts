import type { Sample } from '#shared/contract/station.ts';
import type { UnitLog } from '../log/log.ts';
import type { Connector } from '../programmer/programmer.ts';

/** The demo's bad boards: the fault goes with the barcode, whatever slot it is put into. */
const BAD_BOARDS: readonly (Sample & { readonly fault: string })[] = [
  { serial: 'HB900001', shows: 'fail', fault: 'stuck-bit@0x2000.2' },
  { serial: 'HB900002', shows: 'no-target', fault: 'no-target' },
];
const WRONG: Sample = { serial: 'XX000001', shows: 'wrong-serial' };

const GOOD_BOARDS = 2;
const LAST_SERIAL = 899_999;

/** Barcodes to try on the bench. The good ones are the first serials that have not passed: a sample shows what it says. */
export async function benchSamples(log: UnitLog, product: string): Promise<readonly Sample[]> {
  const good: Sample[] = [];
  for (let number = 1; good.length < GOOD_BOARDS && number <= LAST_SERIAL; number++) {
    const serial = `HB${String(number).padStart(6, '0')}`;
    const passed = await log.lastPass({ product, serial, uid: null, simulated: true });
    if (!passed) good.push({ serial, shows: 'pass' });
  }
  return [...good, ...BAD_BOARDS.map(({ serial, shows }) => ({ serial, shows })), WRONG];
}

export function withFaults(connect: Connector): Connector {
  return (request) => {
    const fault = BAD_BOARDS.find((board) => board.serial === request.serial)?.fault;
    return connect(fault === undefined ? request : { ...request, url: `${request.url}?fault=${fault}` });
  };
}
