import { FlashlineError } from '#shared/model/failure.ts';
import type { Bench } from '../../bench.ts';
import type { UartBench } from '../uart-bench.ts';
import { romFaults } from './rom-faults.ts';
import { ROM_KINDS } from './rom-kinds.ts';
import { Stm32Rom } from './stm32-rom.ts';

/** The bench's STM32 boards by their serial ports: the same that debug probes reach. */
export function stm32UartBench(bench: Bench): UartBench {
  return {
    plugIn({ id }, serial, { faults, strapped }) {
      const kind = Object.hasOwn(ROM_KINDS, id) ? ROM_KINDS[id] : undefined;
      const { board, faults: plan } = bench.insert(id, serial, faults, strapped);
      const { chip, clock } = board;
      const { system } = chip;
      if (!kind || !system)
        throw new FlashlineError('chip-unknown', { params: { chip: id, known: Object.keys(ROM_KINDS).join(', ') } });
      const device = new Stm32Rom({
        kind,
        chip,
        system,
        strapped,
        faults: romFaults(faults),
        supplyFailsAt: plan.powerCutNs,
        at: clock.elapsedNs,
      });
      return { clock, device, faults: plan, listens: () => device.listens() };
    },
  };
}
