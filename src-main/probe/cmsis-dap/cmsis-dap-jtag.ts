import type { IoContext } from '#shared/base/clock.ts';
import type { Link } from '../../link/link.ts';
import type { JtagPort, JtagStretch } from '../jtag-port.ts';
import { packSequences, unpackCaptures } from './jtag-sequences.ts';
import { clockLadder } from './noise.ts';
import { STATUS_OK } from './packets.ts';
import { Probe } from './probe.ts';

/** Opens a CMSIS-DAP probe (v1 or v2) for its JTAG pins alone. Closes the link when it fails. */
export async function openCmsisDapJtag(link: Link, io: IoContext): Promise<JtagPort> {
  return new CmsisDapJtag(await Probe.open(link, io));
}

class CmsisDapJtag implements JtagPort {
  readonly #probe: Probe;

  constructor(probe: Probe) {
    this.#probe = probe;
  }

  async connect(clockHz: number, io: IoContext): Promise<number> {
    await this.#probe.takePins('jtag', io);
    return this.setClock(clockHz, io);
  }

  async sequence(stretches: readonly JtagStretch[], io: IoContext): Promise<Uint8Array[]> {
    const captured = stretches.map(({ capture, cycles }) => new Uint8Array(capture ? Math.ceil(cycles / 8) : 0));
    const packets = packSequences(stretches, this.#probe.limits.packetSize);
    await this.#probe.queue.run(packets, io, (packet, reply) => {
      if (reply[1] !== STATUS_OK) throw this.#probe.protocolError('it refuses a JTAG sequence');
      if (!unpackCaptures(packet, reply, captured)) throw this.#probe.protocolError('a reply lacks TDO bits');
      return true;
    });
    return captured.filter((_, index) => stretches[index]?.capture);
  }

  async setClock(clockHz: number, io: IoContext): Promise<number> {
    for (const hz of clockLadder(clockHz)) {
      const usedHz = await this.#probe.setClock(hz, io);
      if (usedHz !== undefined) return usedHz;
    }
    throw this.#probe.unsuited(`it refuses every clock up to ${clockHz} Hz`);
  }

  async drive(pin: 'trst' | 'srst', asserted: boolean, io: IoContext): Promise<void> {
    await this.#probe.drive(pin, asserted, io);
  }

  close(io: IoContext): Promise<void> {
    return this.#probe.close(io);
  }
}
