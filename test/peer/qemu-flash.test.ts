import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { pageDigest } from '#main/plan/page-digest.ts';
import { createRamLoader } from '#main/programmer/ram-loader.ts';
import { writeU32 } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { toFailure } from '#shared/model/failure.ts';
import { requirePrograms } from '#test/support/programs.ts';
import { chipDescription, memoryOf, nvmcAlgorithm, openTarget, realIo, repositoryFile } from '#test/support/nrf51.ts';
import { engineFor, flashUnit } from '#test/support/nrf51-release.ts';
import { type Qemu, startQemu } from '#test/support/qemu.ts';
import { surveyPages } from '#main/programmer/survey.ts';

const HELLO = /hello from hello-nrf51 1\.0\.0\r\n/u;
const demo = (name: string): string => repositoryFile(`resources/demo/hello-nrf51822/${name}`);
const helloHex = (): Uint8Array => readFileSync(demo('hello.hex'));
/** What a customer's bootloader keeps in the UICR from 0x10001080 on. */
const UICR_ADDRESS = 0x1000_1080;
const UICR_BYTES = Uint8Array.from({ length: 16 }, (_, i) => 0xa0 + i);

describe.skipIf(!requirePrograms(['qemu-system-arm', 'arm-none-eabi-gcc', 'arm-none-eabi-objcopy']))(
  'a whole flashing on QEMU’s micro:bit',
  () => {
    let qemu: Qemu;
    beforeEach(async () => {
      qemu = await startQemu();
    });
    afterEach(() => qemu.stop());

    it('flashes a HEX file and the firmware speaks', async () => {
      const { plan, readBack, uid } = await flashUnit(qemu.url, await engineFor({ name: 'a.hex', bytes: helloHex() }));
      expect(readBack).toBe(plan.images[0]?.sha256);
      expect(uid).toMatch(/^[0-9a-f]{16}$/u);
      await qemu.waitForUart(HELLO);
      // Its timer interrupt works too: the core was started as a reset starts it.
      await qemu.waitForUart(/(?:hello from [^\n]*\n){3}/u);
    });

    it('flashes a BIN file at its address', async () => {
      const bin = objcopied('binary');
      await flashUnit(qemu.url, await engineFor({ name: 'a.bin', bytes: bin, address: 0 }));
      await qemu.waitForUart(HELLO);
      expect(await memoryNow(qemu, 0, bin.length)).toEqual(bin);
    });

    it('flashes an ELF file with bytes for the UICR, which hold after the firmware has started', async () => {
      const { plan } = await flashUnit(qemu.url, await engineFor({ name: 'a.elf', bytes: elfWithUicr() }));
      expect(plan.images[0]?.segments.map((segment) => segment.memory)).toEqual(['flash', 'uicr']);
      await qemu.waitForUart(HELLO);
      expect(await memoryNow(qemu, UICR_ADDRESS, 16)).toEqual(UICR_BYTES);
    });

    it('flashes a HEX file with bytes for the UICR over another UICR', async () => {
      await flashUnit(
        qemu.url,
        await engineFor({ name: 'a.hex', bytes: hexWithUicr(UICR_BYTES.map((byte) => ~byte)) }),
      );
      await flashUnit(qemu.url, await engineFor({ name: 'a.hex', bytes: hexWithUicr(UICR_BYTES) }));
      expect(await memoryNow(qemu, UICR_ADDRESS, 16)).toEqual(UICR_BYTES);
    });

    it('keeps what already matches, and rewrites the page that rotted', async () => {
      const engine = await engineFor({ name: 'a.bin', bytes: bigImage(), address: 0 });
      const io = calmIo();
      const first = await flashUnit(qemu.url, engine, {}, io);
      expect(first.plan.bytesToWrite).toBeGreaterThan(200_000);
      const second = await flashUnit(qemu.url, engine, {}, io);
      expect(second.plan).toMatchObject({ bytesToWrite: 0, pagesToErase: 0, bytesSkipped: bigImage().length });
      expect(second.readBack).toBe(first.readBack);
      await writeBehindOurBack(qemu, 0x2345, 0x00);
      const third = await flashUnit(qemu.url, engine, {}, io);
      // The page, and the one that holds the valid flag.
      expect(third.plan.pagesToErase).toBe(2);
      expect(await memoryNow(qemu, 0, bigImage().length)).toEqual(bigImage());
    });

    it('tells the address of a bit that flipped between programming and verification', async () => {
      const image = bigImage();
      const engine = await engineFor({ name: 'a.bin', bytes: image, address: 0 }, (device, target) => ({
        name: device.name,
        erase: device.erase.bind(device),
        read: device.read.bind(device),
        finish: device.finish.bind(device),
        async program(memory, address, bytes, io, progress) {
          await device.program(memory, address, bytes, io, progress);
          const rotten = Uint8Array.of((image[0x1_0003] ?? 0) ^ 0x10);
          if (address <= 0x1_0003 && address + bytes.length > 0x1_0003) await target.memory.write(0x1_0003, rotten, io);
        },
      }));
      const failure = await failureOf(flashUnit(qemu.url, engine));
      expect(failure).toMatchObject({ code: 'verify-mismatch', blame: 'unit', where: { address: 0x1_0003 } });
      // The valid flag was never set.
      expect(await memoryNow(qemu, 0, 8)).toEqual(new Uint8Array(8).fill(0xff));
    });

    it('is refused by flash that was not erased: the writes went through the flash controller', async () => {
      const chip = await chipDescription('nrf51822');
      const target = await openTarget(qemu.url, chip, realIo());
      const device = createRamLoader(target, await nvmcAlgorithm());
      // QEMU's flash powers up as zeros.
      const failure = await failureOf(
        device.program(memoryOf(chip, 'flash'), 0x800, Uint8Array.of(0, 0, 0, 0, 1, 2, 3, 4), realIo()),
      );
      expect(failure).toMatchObject({ code: 'flash-refused', blame: 'unit', where: { address: 0x804 } });
      await device.finish(realIo());
      await target.close(realIo());
    });

    it('surveys pages as they are', async () => {
      const chip = await chipDescription('nrf51822');
      const target = await openTarget(qemu.url, chip, realIo());
      const device = createRamLoader(target, await nvmcAlgorithm());
      const flash = memoryOf(chip, 'flash');
      await device.erase(flash, 0x400, 0x400, realIo());
      const pages = await surveyPages(device, flash, 0, 0x40000, realIo());
      expect(pages).toHaveLength(256);
      const [zeros, ones] = [0x00, 0xff].map((byte) => pageDigest(new Uint8Array(1024).fill(byte)));
      expect(pages[0]).toEqual({ address: 0, blank: false, digest: zeros });
      expect(pages[1]).toEqual({ address: 0x400, blank: true, digest: ones });
      await target.close(realIo());
    });

    it('flashes a unit that sleeps without any interrupt to wake it, and keeps its UICR', async () => {
      await flashUnit(qemu.url, await engineFor({ name: 'a.hex', bytes: hexWithUicr(UICR_BYTES) }));
      await flashUnit(qemu.url, await engineFor({ name: 'a.bin', bytes: sleeper(), address: 0 }));
      await sleep(100);
      await flashUnit(qemu.url, await engineFor({ name: 'a.hex', bytes: helloHex() }));
      await qemu.waitForUart(/(?:hello from [^\n]*\n){2}/u);
      expect(await memoryNow(qemu, UICR_ADDRESS, 16)).toEqual(UICR_BYTES);
    });

    it('leaves a unit that was only looked at running', async () => {
      await flashUnit(qemu.url, await engineFor({ name: 'a.hex', bytes: helloHex() }));
      await qemu.waitForUart(HELLO);
      const target = await openTarget(qemu.url, await chipDescription('nrf51822'), realIo());
      await target.identify(realIo());
      await target.close(realIo());
      const before = qemu.uart().length;
      await expect.poll(() => qemu.uart().length, { timeout: 3000 }).toBeGreaterThan(before);
    });

    it('flashes again after an abort in the middle', async () => {
      const engine = await engineFor({ name: 'a.bin', bytes: bigImage(), address: 0 });
      const aborting = new AbortController();
      const reason = new Error('the operator pressed stop');
      const run = flashUnit(
        qemu.url,
        engine,
        { progress: (step, done) => void (step === 'program' && done > 30_000 && aborting.abort(reason)) },
        realIo(aborting.signal),
      );
      await expect(run).rejects.toBe(reason);
      expect(await memoryNow(qemu, 0, 8)).toEqual(new Uint8Array(8).fill(0xff));
      await flashUnit(qemu.url, engine);
      expect(await memoryNow(qemu, 0, bigImage().length)).toEqual(bigImage());
    });

    it.each(['tcp', 'serial'] as const)('flashes over %s as well', async (over) => {
      const other = await startQemu({ over });
      try {
        await flashUnit(other.url, await engineFor({ name: 'a.hex', bytes: helloHex() }));
        expect(await other.waitForUart(HELLO)).toMatch(HELLO);
      } finally {
        await other.stop();
      }
    });
  },
);

describe.skipIf(!requirePrograms(['qemu-system-arm']))('a QEMU that stops or dies', () => {
  let qemu: Qemu;
  beforeEach(async () => {
    qemu = await startQemu();
  });
  afterEach(() => qemu.stop());

  it('is probe-silent when it is stopped before we come', async () => {
    qemu.freeze();
    const begun = performance.now();
    const failure = await failureOf(flashUnit(qemu.url, await engineFor({ name: 'a.hex', bytes: helloHex() })));
    expect(failure).toMatchObject({ code: 'probe-silent', blame: 'station' });
    expect(performance.now() - begun).toBeLessThan(30_000);
  });

  it.each(['survey', 'program', 'verify'] as const)('is probe-silent when it is stopped during %s', async (step) => {
    const engine = await engineFor({ name: 'a.bin', bytes: bigImage(), address: 0 });
    let begun = 0;
    const freeze = (): void => {
      begun ||= performance.now();
      qemu.freeze();
    };
    const failure = await failureOf(
      step === 'survey'
        ? flashUnit(qemu.url, freezingSurvey(engine, freeze))
        : flashUnit(qemu.url, engine, { progress: (at, done) => void (at === step && done > 20_000 && freeze()) }),
    );
    expect(failure).toMatchObject({ code: 'probe-silent', blame: 'station' });
    expect(performance.now() - begun).toBeLessThan(30_000);
  });

  it.each(['erase', 'program', 'verify'] as const)('is probe-lost when it is killed during %s', async (step) => {
    const engine = await engineFor({ name: 'a.bin', bytes: bigImage(), address: 0 });
    const failure = await failureOf(
      flashUnit(qemu.url, engine, { progress: (at) => void (at === step && qemu.kill()) }),
    );
    expect(failure).toMatchObject({ code: 'probe-lost', blame: 'station' });
  });

  it('is probe-not-found when it is gone before we come', async () => {
    await qemu.kill();
    const failure = await failureOf(flashUnit(qemu.url, await engineFor({ name: 'a.hex', bytes: helloHex() })));
    expect(failure).toMatchObject({ code: 'probe-not-found', blame: 'station' });
  });

  it('is whole again after a pause shorter than our patience', async () => {
    const engine = await engineFor({ name: 'a.bin', bytes: bigImage(), address: 0 });
    let paused = false;
    await flashUnit(qemu.url, engine, {
      progress: (at, done) => {
        if (paused || at !== 'program' || done < 20_000) return;
        paused = true;
        qemu.freeze();
        void sleep(700).then(() => qemu.thaw());
      },
    });
    expect(paused).toBe(true);
  });
});

function freezingSurvey(engine: Awaited<ReturnType<typeof engineFor>>, freeze: () => void): typeof engine {
  return {
    ...engine,
    survey: (device, io, progress) => engine.survey(device, io, (done) => (freeze(), progress(done))),
  };
}

async function failureOf(work: Promise<unknown>): Promise<ReturnType<typeof toFailure>> {
  return work.then(
    () => {
      throw new Error('it passed');
    },
    (error: unknown) => toFailure(error),
  );
}

/** Reads by a connection of its own. */
async function memoryNow(qemu: Qemu, address: number, length: number): Promise<Uint8Array> {
  const target = await openTarget(qemu.url, await chipDescription('nrf51822'), realIo());
  try {
    return new Uint8Array(await target.memory.read(address, length, realIo()));
  } finally {
    await target.close(realIo());
  }
}

/** A debugger's write goes past QEMU's flash controller: that is what rot looks like. */
async function writeBehindOurBack(qemu: Qemu, address: number, value: number): Promise<void> {
  const target = await openTarget(qemu.url, await chipDescription('nrf51822'), realIo());
  await target.memory.write(address, Uint8Array.of(value), realIo());
  await target.close(realIo());
}

/** Nearly the whole flash: the demo firmware, and noise that never is 0x00 behind it. */
function bigImage(): Uint8Array {
  const bin = objcopied('binary');
  const image = Uint8Array.from({ length: 231_124 }, (_, i) => 1 + (((i * 2_654_435_761) >>> 8) % 254));
  image.set(bin);
  return image;
}

/** Vectors, then `cpsid i; wfi; b .-2`: nothing ever wakes it. */
function sleeper(): Uint8Array {
  const bytes = new Uint8Array(0x46);
  const words = [0x2000_4000, 0x41];
  words.forEach((word, index) => writeU32(bytes, index * 4, word));
  bytes.set([0x72, 0xb6, 0x30, 0xbf, 0xfd, 0xe7], 0x40);
  return bytes;
}

function inTemporaryFolder<T>(work: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'flashline-peer-'));
  try {
    return work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function objcopied(format: string): Uint8Array {
  return inTemporaryFolder((folder) => {
    const out = join(folder, 'out');
    execFileSync('arm-none-eabi-objcopy', ['-I', 'ihex', '-O', format, demo('hello.hex'), out]);
    return new Uint8Array(readFileSync(out));
  });
}

function elfWithUicr(): Uint8Array {
  return inTemporaryFolder((folder) => {
    const out = join(folder, 'out.elf');
    const extra = join(folder, 'uicr.c');
    writeFileSync(
      extra,
      `__attribute__((section(".uicr"), used)) const unsigned char uicr[16] = {${UICR_BYTES.join(',')}};`,
    );
    const flags = '-mcpu=cortex-m0 -mthumb -Os -ffreestanding -nostdlib -Wl,--no-warn-rwx-segments';
    const place = `-Wl,--section-start=.uicr=0x${UICR_ADDRESS.toString(16)}`;
    const defines = ['-DPRODUCT="hello-nrf51"', '-DVERSION="1.0.0"'];
    const sources = ['-T', demo('hello.ld'), '-o', out, demo('hello.c'), extra];
    execFileSync('arm-none-eabi-gcc', [...flags.split(' '), place, ...defines, ...sources]);
    return readFileSync(out);
  });
}

/** The demo's HEX with records for the UICR before its end (Intel HEX: type 4, then type 0). */
function hexWithUicr(bytes: Uint8Array): Uint8Array {
  const upper = record(0, 4, Uint8Array.of(UICR_ADDRESS >>> 24, (UICR_ADDRESS >>> 16) & 0xff));
  const data = record(UICR_ADDRESS & 0xffff, 0, bytes);
  const text = Buffer.from(helloHex()).toString('latin1');
  return Buffer.from(text.replace(':00000001FF', `${upper}\n${data}\n:00000001FF`), 'latin1');
}

function record(address: number, type: number, bytes: Uint8Array): string {
  const body = Buffer.from([bytes.length, address >>> 8, address & 0xff, type, ...bytes]);
  const sum = body.reduce((total, byte) => total + byte, 0);
  return `:${body.toString('hex')}${(-sum & 0xff).toString(16).padStart(2, '0')}`.toUpperCase();
}

/** Looking is worth it by what it takes, and a busy machine makes an emulator slow to read: here a millisecond takes a hundred. */
function calmIo(): IoContext {
  const { clock, signal } = realIo();
  return {
    signal,
    clock: {
      now: () => clock.now(),
      monotonic: () => clock.monotonic() / 100,
      sleep: (ms, aborted) => clock.sleep(ms, aborted),
    },
  };
}
