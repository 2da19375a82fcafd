import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';

/** What a probe that scans for its targets is told to do. */
export interface AttachOptions {
  readonly protocol: 'swd' | 'jtag';
  /** Which of the targets found; 1 is the first. */
  readonly target: number;
  /** The probe supplies the board. */
  readonly power: boolean;
  /** nRESET is held while it scans and attaches. */
  readonly underReset: boolean;
}

/** The commands of a conversation that attaching needs. */
export interface Attaching {
  readonly url: string;
  monitor(command: string, io: IoContext): Promise<string | undefined>;
  ask(request: string, io: IoContext): Promise<string>;
}

/** A supply that has just been switched on, and the chip's own reset behind it. */
const POWER_MS = 100;

/**
 * Black Magic Probe: power, scan, attach (its manual, "GDB commands"). Rejects with `no-target` when the scan finds
 * none, telling what the probe said, and with `probe-unsuited` when it cannot do what is asked.
 */
export async function attach(probe: Attaching, options: AttachOptions, io: IoContext): Promise<void> {
  if (options.power) {
    await order(probe, 'tpwr enable', io);
    await io.clock.sleep(POWER_MS, io.signal);
  }
  if (options.underReset) await order(probe, 'connect_rst enable', io);
  const said = await probe.monitor(options.protocol === 'swd' ? 'swdp_scan' : 'jtag_scan', io);
  if (said === undefined) throw unsuited(probe, `it does not scan for ${options.protocol.toUpperCase()} targets`);
  const found = [...said.matchAll(/^\s*\**\s*(\d+)\s/gmu)].map(([, number]) => Number(number));
  if (!found.includes(options.target)) throw new FlashlineError('no-target', { cause: said.trim() });
  const reply = await probe.ask(`vAttach;${options.target.toString(16)}`, io);
  if (!/^[TS][0-9a-f]{2}/iu.test(reply)) throw new FlashlineError('no-target', { cause: `vAttach: ${reply}` });
}

async function order(probe: Attaching, command: string, io: IoContext): Promise<void> {
  const said = await probe.monitor(command, io);
  if (said === undefined || /failed|unrecogni[sz]ed/iu.test(said)) throw unsuited(probe, `it refuses "${command}"`);
}

function unsuited(probe: Attaching, detail: string): FlashlineError {
  return new FlashlineError('probe-unsuited', { params: { url: probe.url, detail } });
}
