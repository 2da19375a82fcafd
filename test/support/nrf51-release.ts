import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CarryOutHooks } from '#main/programmer/carry-out-input.ts';
import type { FlashDevice } from '#main/programmer/flash-device.ts';
import { createRamLoader } from '#main/programmer/ram-loader.ts';
import { chipLibrary } from '#main/release/chip-library.ts';
import { nodeFiles } from '#main/release/files.ts';
import { openRelease } from '#main/release/open-release.ts';
import { releaseEngine } from '#main/station/release-engine.ts';
import type { Engine } from '#main/station/engine.ts';
import type { Target } from '#main/target/target.ts';
import type { IoContext } from '#shared/base/clock.ts';
import type { Plan } from '#shared/model/plan.ts';
import { debugTarget } from '#test/support/debug-target.ts';
import { chipDescription, nvmcAlgorithm, openTarget, realIo } from './nrf51.ts';

type Wrap = (device: FlashDevice, target: Target) => FlashDevice;

/** A release for the nRF51822 made of one application file, as an engine. */
export async function engineFor(
  file: { name: string; bytes: Uint8Array; address?: number },
  wrap?: Wrap,
): Promise<Engine> {
  const folder = await mkdtemp(join(tmpdir(), 'flashline-release-'));
  try {
    await writeFile(join(folder, file.name), file.bytes);
    const address = file.address === undefined ? '' : `, address: ${file.address}`;
    await writeFile(
      join(folder, 'recipe.yaml'),
      `schema: 1
product: { id: test, revision: A, name: Test }
chip: nrf51822
interface: swd
images: [{ role: application, file: ${file.name}, version: 1.0.0${address} }]
serial: { pattern: '^HB[0-9]{6}$' }
`,
    );
    const chips = chipLibrary([await chipDescription('nrf51822')]);
    const release = await openRelease(folder, { chips, files: nodeFiles });
    const algorithm = await nvmcAlgorithm();
    return releaseEngine(release, async (unit) => {
      const target = debugTarget(unit);
      const device = createRamLoader(target, algorithm);
      return wrap ? wrap(device, target) : device;
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const SILENT_HOOKS: CarryOutHooks = {
  beforeChange: async () => undefined,
  stepStarted: () => undefined,
  progress: () => undefined,
  stepFinished: () => undefined,
};

/** Connect, identify, survey, plan, carry out, start: what a run does, without station and log. */
export async function flashUnit(
  url: string,
  engine: Engine,
  hooks: Partial<CarryOutHooks> = {},
  io: IoContext = realIo(),
): Promise<{ plan: Plan; readBack: string | undefined; uid: string | null }> {
  const target = await openTarget(url, engine.release.chip, io);
  try {
    const { uid } = await target.identify(io);
    const device = await engine.openFlash(target, io);
    const plan = engine.plan(await engine.survey(device, io, () => undefined));
    const outcome = await engine.carryOut(plan, device, { ...SILENT_HOOKS, ...hooks }, io);
    await target.start(io);
    return { plan, readBack: outcome.readBack.application, uid };
  } finally {
    await target.close(realIo());
  }
}
