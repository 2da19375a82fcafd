import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Target } from '../target/target.ts';
import type { FlashDevice } from './flash-device.ts';
import { createNvmcDirect } from './nvmc-direct.ts';
import type { FlashAlgorithm } from './ram-loader-algorithm.ts';
import { createRamLoader } from './ram-loader.ts';
import { createServerFlashDevice } from './server-flash-device.ts';
import { type Surveyor, surveyedByLoader } from './surveyed-by-loader.ts';

/** The one controller whose registers take words at the flash's own speed, so that nothing has to run on the unit. */
const DIRECT = 'nrf-nvmc';

/**
 * The best way to write this target's flash: by the controller's registers where that is as fast as the flash and
 * writes reach them (code in RAM tells what it held before), else by code in RAM where the core runs it and there is an
 * algorithm for the chip's controller, else by the debug server's own driver. Rejects with `probe-unsuited`, naming the
 * controller.
 *
 * Before the registers first change anything the core is reset and halted, so that the old firmware neither runs on
 * while its pages vanish nor leaves behind the write protection that it had set up (nRF52840 PS v1.1, 4.7 ACL).
 */
export async function openFlashDevice(target: Target, io: IoContext, algorithm?: FlashAlgorithm): Promise<FlashDevice> {
  const { chip, can, core, memory } = target;
  const { kind, base } = chip.controller;
  if (kind === DIRECT && can.writePeripherals) {
    const direct = createNvmcDirect(memory, base, (context) => core.reset('halt', context));
    const loader = algorithm?.controller === kind && can.executeCode ? surveyorOf(target, algorithm) : undefined;
    return loader ? surveyedByLoader(direct, loader) : direct;
  }
  if (can.executeCode && algorithm?.controller === kind) return createRamLoader(target, algorithm);
  const server = await target.serverFlash?.(io);
  if (server) return createServerFlashDevice(server, chip, memory);
  const detail = algorithm
    ? `it runs no code on the chip, and reaches no other way to the flash controller ${kind}`
    : `there is no flash algorithm for the flash controller ${kind}`;
  throw new FlashlineError('probe-unsuited', { params: { url: chip.id, detail } });
}

/** Only where a call is a few round trips. */
function surveyorOf(target: Target, algorithm: FlashAlgorithm): Surveyor | undefined {
  if (!target.can.accessWhileRunning || !target.core.launch) return undefined;
  const loader = createRamLoader(target, algorithm);
  return isSurveyor(loader) ? loader : undefined;
}

function isSurveyor(device: FlashDevice): device is FlashDevice & Surveyor {
  return device.survey !== undefined;
}
