import type { JtagChain } from '#main/bench/jtag/chain.ts';
import type { JtagPort, JtagStretch } from '#main/probe/jtag-port.ts';

/** JTAG pins on a bare chain, without time; or on a TDO that is stuck. */
export function chainPort(chain: JtagChain, stuck?: 0 | 1): JtagPort {
  const play = ({ tms, cycles, tdi, capture }: JtagStretch) => {
    const heard = new Uint8Array(Math.ceil(cycles / 8));
    for (let i = 0; i < cycles; i++) {
      const bit = chain.clock(tms, ((tdi?.[i >> 3] ?? 0) >> (i & 7)) & 1 ? 1 : 0, 0);
      heard[i >> 3] = (heard[i >> 3] ?? 0) | ((stuck ?? bit) << (i & 7));
    }
    return capture ? [heard] : [];
  };
  return {
    connect: async (hz) => hz,
    sequence: async (stretches) => stretches.flatMap(play),
    setClock: async (hz) => hz,
    drive: async () => undefined,
    close: async () => undefined,
  };
}
