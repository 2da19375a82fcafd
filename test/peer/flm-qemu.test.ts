import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readFlm } from '#main/image/flm.ts';
import { createBench } from '#main/bench/bench.ts';
import { openCmsisDap } from '#main/probe/cmsis-dap/cmsis-dap.ts';
import { createFlmDevice, type PlacedFlm } from '#main/programmer/flm-device.ts';
import { describePart, type ImportedPart } from '#main/release/pack/describe-part.ts';
import { openPack } from '#main/release/pack/open-pack.ts';
import { chipLibrary } from '#main/release/chip-library.ts';
import { openRelease } from '#main/release/open-release.ts';
import { openAdiTarget } from '#main/target/open-adi.ts';
import { releaseEngine } from '#main/station/release-engine.ts';
import { toFailure } from '#shared/model/failure.ts';
import { buildFlm } from '#test/support/flm/build.ts';
import { packOf } from '#test/support/flm/pack.ts';
import { openTarget, realIo, repositoryFile } from '#test/support/nrf51.ts';
import { flashUnit } from '#test/support/nrf51-release.ts';
import { requirePrograms } from '#test/support/programs.ts';
import { type Qemu, startQemu } from '#test/support/qemu.ts';
import { debugTarget } from '#test/support/debug-target.ts';
import { memoryFiles } from '../unit/release/memory-files.ts';

const io = realIo();

/** An FLM from a pack runs on a core that nobody here wrote, against a flash controller that nobody here wrote. */
describe.skipIf(!requirePrograms(['qemu-system-arm', 'arm-none-eabi-gcc']))('a CMSIS-Pack’s part on QEMU', () => {
  let folder: string;
  let qemu: Qemu;
  let part: ImportedPart;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'flashline-flm-'));
    const pack = await openPack('Test.pack', await packOf(buildFlm(folder)));
    const device = pack.pack.devices.find(({ name }) => name === 'nRF51822_xxAA');
    if (!device) throw new Error('no such part');
    part = await describePart(pack, device);
    qemu = await startQemu();
  });
  afterEach(async () => {
    await qemu.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const placed = () =>
    (part.chip.algorithms ?? []).map(({ file, start, size, ram }) => ({
      flm: readFlm(file, part.algorithms.get(file) ?? new Uint8Array()),
      start,
      size,
      ram,
    }));

  it('is flashed, read back and started like any chip that we know ourselves', async () => {
    const recipe = [
      'schema: 1',
      'product: { id: packed, revision: A, name: Packed }',
      `chip: ${part.chip.id}`,
      'interface: swd',
      'images: [{ role: application, file: hello.hex, version: 1.0.0 }]',
      "serial: { pattern: '^P[0-9]+$' }",
    ].join('\n');
    const release = await openRelease('/r', {
      chips: chipLibrary([part.chip]),
      files: memoryFiles({
        '/r/recipe.yaml': recipe,
        '/r/hello.hex': readFileSync(repositoryFile('resources/demo/hello-nrf51822/hello.hex')),
      }),
    });
    const engine = releaseEngine(release, async (unit) => createFlmDevice(debugTarget(unit), placed()));
    const { plan, readBack, uid } = await flashUnit(qemu.url, engine);
    expect(readBack).toBe(plan.images[0]?.sha256);
    expect(uid).toBeNull();
    await qemu.waitForUart(/hello from hello-nrf51 1\.0\.0\r\n/u);
  });

  it('is programmed over a debug probe while the next page is on its way', async () => {
    const bench = createBench({ startAt: 0, seed: 1 });
    bench.boardFor('nrf51822', 'FLM1').chip.preload(0x1004, 0);
    const { link, clock } = bench.connect('nrf51822', 'FLM1');
    const onBench = { clock, signal: io.signal };
    const unit = { url: 'bench:nrf51822', chip: part.chip, interface: 'swd' as const, serial: 'FLM1' };
    const target = await openAdiTarget(await openCmsisDap(link, onBench), unit, onBench);
    const [memory] = part.chip.memories;
    if (memory?.kind !== 'flash') throw new Error('no flash');
    const image = Uint8Array.from({ length: 8 * memory.page }, (_, index) => (index * 31) >>> 3);
    const timed = async (given: PlacedFlm[], address: number) => {
      const device = createFlmDevice(target, given);
      await device.erase(memory, address, image.length, onBench);
      const begun = clock.monotonic();
      await device.program(memory, address, image, onBench);
      const took = clock.monotonic() - begun;
      expect(await device.read(address, image.length, onBench)).toEqual(image);
      await device.finish(onBench);
      return took;
    };
    const [first] = placed();
    if (!first) throw new Error('no algorithm');
    const doubled = await timed([first], 0x1000);
    // RAM for the code, the stack and one page only.
    const single = await timed([{ ...first, ram: { ...first.ram, size: 1536 } }], 0x4000);
    expect(doubled).toBeLessThan(single);
    await target.close(onBench);
  });

  it('says what an algorithm that refuses was asked to do', async () => {
    const target = await openTarget(qemu.url, part.chip, io);
    const [first] = placed();
    if (!first) throw new Error('no algorithm');
    // Its data is not where R9 says: Init finds nonsense and returns 1.
    const wrong = { ...first, flm: { ...first.flm, staticBase: 0 } };
    const device = createFlmDevice(target, [wrong]);
    const [memory] = part.chip.memories;
    if (memory?.kind !== 'flash') throw new Error('no flash');
    const failure = await device.erase(memory, 0x1000, 0x400, io).catch(toFailure);
    expect(failure).toMatchObject({ code: 'flash-refused', cause: "the algorithm's Init says 1" });
    await target.close(io);
  });
});
