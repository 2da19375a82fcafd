import type { IoContext } from '#shared/base/clock.ts';
import { BenchLink } from '#main/bench/bench-link.ts';
import { CmsisDapDevice } from '#main/bench/cmsis-dap-device.ts';
import { FaultPlan } from '#main/bench/fault-plan.ts';
import type { Faults } from '#main/bench/faults.ts';
import { PROBES, type ProbeName } from '#main/bench/probe-profile.ts';
import { SwdHost } from '#main/bench/swd-host.ts';
import { SwdLine, type Wired } from '#main/bench/swd-line.ts';
import { VirtualClock } from '#main/bench/virtual-clock.ts';
import { JtagChip } from '#test/support/jtag-chip.ts';

export interface Plugged {
  readonly link: BenchLink;
  readonly clock: VirtualClock;
  readonly io: IoContext;
  readonly line: SwdLine;
  readonly chip: JtagChip;
}

export interface PlugOptions {
  readonly faults?: Faults;
  readonly probe?: ProbeName;
  /** What hangs on the wires, where that is not the chip. */
  readonly wired?: Wired;
}

/** A simulated probe on a chip with SWD and two TAPs, without the rest of the bench. */
export function plugIn({ faults = [], probe = 'high-speed', wired }: PlugOptions = {}): Plugged {
  const chip = new JtagChip({ idWords: [1, 2, 3, 4], seed: 1, wrongPart: () => false });
  const clock = new VirtualClock(0);
  const plan = new FaultPlan(faults, 0);
  const line = new SwdLine(wired ?? chip);
  const host = new SwdHost(line, chip, plan);
  const profile = PROBES[probe];
  const device = new CmsisDapDevice(profile, 'T', host, plan);
  const link = new BenchLink({ url: 'bench:test', clock, profile, device, host, faults: plan, pace: undefined });
  return { link, clock, io: { clock, signal: new AbortController().signal }, line, chip };
}
