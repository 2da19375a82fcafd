import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { concat, fromHex, toHex, wordsToBytes } from '#shared/base/bytes.ts';
import { crc32 } from '#shared/base/digest.ts';
import type { EspLock } from '#shared/model/esp-locks.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { ESP_PARTS } from '#main/bench/uart/esp/parts.ts';
import { isEspUnit, openEsp } from '#main/programmer/esp/open-esp.ts';
import { burn } from '#test/support/esp-locks.ts';
import { ESP_CHIPS, espImage, EspLine, firmware } from '#test/support/esp-unit.ts';
import { imageOf } from './esp-run.ts';

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const KEY = firmware(776, 5);
const DIGEST = sha256(KEY);
const OTHER = sha256(firmware(776, 6));
const digestStep = (digest = DIGEST, slot = 0, use = 0): EspLock => ({ step: 'esp-key-digest', slot, use, digest });
const NEWER = ESP_CHIPS.filter((chip) => chip !== 'esp32' && chip !== 'esp32-c2');

function efuseOf(line: EspLine) {
  if (line.chip.uart?.kind === 'esp') return line.chip.uart.efuse;
  throw new Error(line.chip.id);
}

function slotOf(line: EspLine, slot = 0) {
  const key = efuseOf(line).keys[slot];
  if (key) return key;
  throw new Error(`no key ${slot}`);
}

/** What the cells of a key's block hold, as the controller decodes them. */
function keyOf(line: EspLine, slot = 0): string {
  const key = slotOf(line, slot);
  return toHex(line.unit.cells.look(key.block).data.subarray(key.bit / 8, (key.bit + key.size) / 8));
}

function codeOf(error: unknown): string {
  return error instanceof FlashlineError ? error.failure.code : String(error);
}

/** A boot loader with a signature block of its own behind it, as espsecure puts it there. */
function signed(chip: string, key: Uint8Array): Uint8Array {
  const image = espImage(ESP_PARTS[chip]?.chipId ?? 0, firmware(0x1800, 1));
  const padded = new Uint8Array(Math.ceil(image.length / 0x1000) * 0x1000).fill(0xff);
  padded.set(image);
  const block = new Uint8Array(1216);
  block.set([0xe7, 2]);
  block.set(fromHex(sha256(padded)), 4);
  block.set(key, 36);
  block.set(wordsToBytes([crc32(block.subarray(0, 1196))]), 1196);
  return concat([padded, block]);
}

describe.each(ESP_CHIPS)('eFuses of an %s on the bench', (chip) => {
  it('take the digest of a key, what it is for, and what protects both', async () => {
    const line = new EspLine(chip);
    const { journal, states, error } = await burn(line, [digestStep()]);
    expect(error).toBeUndefined();
    expect(journal.map(({ name }) => name)).toEqual(['key digest 0']);
    const { size, purpose, block } = slotOf(line);
    expect(keyOf(line)).toBe(DIGEST.slice(0, size / 4));
    expect(purpose === undefined ? 9 : line.unit.cells.value(purpose)).toBe(9);
    expect((line.unit.cells.value('WR_DIS') >>> (efuseOf(line).blocks[block]?.lock ?? 0)) & 1).toBe(1);
    expect(states?.locks['KEY0']).toBe(
      `${purpose === undefined ? 'SECURE_BOOT_DIGEST' : 'SECURE_BOOT_DIGEST0'} ${DIGEST.slice(0, size / 4)}`,
    );
    // What is done is not done again, and journalled no more.
    const again = await burn(line, [digestStep()]);
    expect(again.error).toBeUndefined();
    expect(again.journal).toEqual([]);
  });

  it('refuse another digest, before anything is burnt', async () => {
    const line = new EspLine(chip);
    await burn(line, [digestStep()]);
    const before = line.unit.cells.raw.map(toHex);
    const { journal, error } = await burn(line, [{ step: 'esp-disable-jtag' }, digestStep(OTHER)]);
    expect(codeOf(error)).toBe('lock-unsuited');
    expect(journal).toEqual([]);
    expect(line.unit.cells.raw.map(toHex)).toEqual(before);
  });

  it('take a MAC address, a field’s protection, no JTAG and no download mode; then no station reaches it', async () => {
    const line = new EspLine(chip);
    const { states, error } = await burn(line, [
      { step: 'esp-disable-download' },
      { step: 'esp-disable-jtag' },
      { step: 'esp-custom-mac', mac: '48:63:92:15:72:16' },
      { step: 'esp-write-protect', field: 'RD_DIS' },
    ]);
    expect(error).toBeUndefined();
    expect(states?.locks).toMatchObject({
      JTAG_DISABLED: 'on',
      DOWNLOAD_DISABLED: 'on',
      CUSTOM_MAC: '48:63:92:15:72:16',
    });
    expect(line.unit.cells.value('CUSTOM_MAC')).toBe(0x15926348);
    const beside = [line.unit.cells.value('CUSTOM_MAC_CRC'), line.unit.cells.value('MAC_VERSION')];
    expect(beside).toEqual(chip === 'esp32' ? [0x75, 1] : [0, 0]);
    expect(codeOf((await burn(line, [])).error)).toBe('no-target');
  });

  it('switch secure boot on for a boot loader that a burnt key signed, and for no other', async () => {
    const images = [imageOf('bootloader', ESP_PARTS[chip]?.bootloader ?? 0, signed(chip, KEY))];
    const line = new EspLine(chip);
    const alone = await burn(line, [{ step: 'esp-secure-boot' }], { images });
    expect(codeOf(alone.error)).toBe('lock-unsuited');
    const foreign = await burn(line, [{ step: 'esp-secure-boot' }, digestStep(OTHER)], { images });
    expect(codeOf(foreign.error)).toBe('lock-unsuited');
    expect(line.unit.cells.value('WR_DIS')).toBe(0);
    const { journal, states, error } = await burn(line, [{ step: 'esp-secure-boot' }, digestStep()], { images });
    expect(error).toBeUndefined();
    expect(journal.map(({ step }) => step)).toEqual(['esp-key-digest', 'esp-secure-boot']);
    expect(states?.locks['SECURE_BOOT']).toBe('0x00000001');
  });
});

describe.each(NEWER)('eFuses of an %s', (chip) => {
  it('hide a block, revoke a digest and shut the ROM loader’s reading', async () => {
    const line = new EspLine(chip);
    const { states, error } = await burn(line, [
      digestStep(DIGEST, 1, 2),
      { step: 'esp-revoke-digest', use: 1 },
      { step: 'esp-read-protect', block: 9 },
      { step: 'esp-secure-download' },
    ]);
    expect(error).toBeUndefined();
    expect(states?.locks).toMatchObject({
      KEY1: `SECURE_BOOT_DIGEST2 ${DIGEST}`,
      SECURE_BOOT_KEY_REVOKE1: 'on',
      SECURE_BOOT_KEY_REVOKE0: 'off',
      RD_DIS: '0x00000020',
      SECURE_DOWNLOAD: 'on',
    });
    expect(codeOf((await burn(line, [])).error)).toBe('secure-download');
  });
});

describe('what stands in the way is seen before anything is burnt', () => {
  it.each<[string, string, Readonly<Record<string, number | Uint8Array>>, EspLock]>([
    ['a key block that is write-protected', 'esp32-c3', { WR_DIS: 2 ** 23 }, digestStep()],
    ['a purpose that is write-protected', 'esp32-s3', { WR_DIS: 2 ** 8 }, digestStep()],
    ['a key block that is read-protected', 'esp32-c6', { RD_DIS: 1 }, digestStep()],
    ['a purpose that is another', 'esp32-h2', { KEY_PURPOSE_0: 4 }, digestStep()],
    ['JTAG’s field write-protected', 'esp32-s2', { WR_DIS: 4 }, { step: 'esp-disable-jtag' }],
    [
      'a MAC address of its own',
      'esp32-c2',
      { CUSTOM_MAC: Uint8Array.of(1, 2, 3, 4, 5, 6) },
      { step: 'esp-custom-mac', mac: '48:63:92:15:72:16' },
    ],
    ['3/4 coding, which has no room for a digest', 'esp32', { CODING_SCHEME: 1 }, digestStep()],
    ['repeat coding', 'esp32', { CODING_SCHEME: 2 }, digestStep()],
    ['a chip before revision 3', 'esp32', { CHIP_VER_REV2: 0 }, digestStep()],
  ])('%s (%s)', async (_words, chip, efuses, step) => {
    const line = new EspLine(chip, { efuses });
    line.plug();
    const before = line.unit.cells.raw.map(toHex);
    const { journal, error } = await burn(line, [step]);
    expect(codeOf(error)).toBe('lock-unsuited');
    expect(journal).toEqual([]);
    expect(line.unit.cells.raw.map(toHex)).toEqual(before);
  });

  it('3/4 coding has room for a MAC address', async () => {
    const line = new EspLine('esp32', { efuses: { CODING_SCHEME: 1 } });
    const { states, error } = await burn(line, [{ step: 'esp-custom-mac', mac: '48:63:92:15:72:16' }]);
    expect(error).toBeUndefined();
    expect(states?.locks['CUSTOM_MAC']).toBe('48:63:92:15:72:16');
  });
});

describe('cells that do not burn', () => {
  const stuck = (block: number, bits: readonly number[]) => ({
    efuseFaults: { stuck: bits.map((bit) => ({ block, bit })) },
  });

  it('in six bytes of a coded block are put right by its code', async () => {
    const bits = Array.from({ length: 6 * 8 }, (_, bit) => bit);
    const line = new EspLine('esp32-c3', stuck(4, bits));
    expect((await burn(line, [digestStep()])).error).toBeUndefined();
    expect(keyOf(line)).toBe(DIGEST);
    const { link, unit } = line.plug();
    const programmer = await openEsp(link, line.chip, { clock: unit.clock, signal: new AbortController().signal });
    if (!isEspUnit(programmer)) throw new Error('no ESP');
    const view = await programmer.efuses({ clock: unit.clock, signal: new AbortController().signal });
    expect(view.blocks[4]).toMatchObject({ failed: false, corrected: 6 });
  });

  it.each(['esp32-c3', 'esp32-s2', 'esp32-c2'])('in more are told, and the unit fails (%s)', async (chip) => {
    const line = new EspLine(
      chip,
      stuck(
        chip === 'esp32-c2' ? 3 : 4,
        Array.from({ length: 32 * 8 }, (_, bit) => bit),
      ),
    );
    const { error, journal } = await burn(line, [digestStep()]);
    expect(error).toMatchObject({ failure: { code: 'lock-failed', blame: 'unit' } });
    expect(journal).toHaveLength(1);
  });

  it('in block 0 of an ESP32 are seen by reading', async () => {
    const line = new EspLine('esp32', stuck(0, [198]));
    expect((await burn(line, [{ step: 'esp-disable-jtag' }])).error).toMatchObject({
      failure: { code: 'lock-failed' },
    });
  });
});

describe('a line that errs while eFuses are burnt', () => {
  it.each([0.000_2, 0.001])('burns what is wanted, or nothing of it that would be wrong (%d)', async (chance) => {
    const line = new EspLine('esp32-c3');
    const { error } = await burn(line, [digestStep()], { faults: [{ kind: 'noise', aboveHz: 0, chance }] });
    expect(['undefined', 'wire-noise', 'no-target', 'flash-timeout', 'probe-protocol', 'lock-failed']).toContain(
      codeOf(error),
    );
    const wanted = fromHex(DIGEST);
    const found = fromHex(keyOf(line));
    expect(found.every((byte, at) => (byte & ~(wanted[at] ?? 0)) === 0)).toBe(true);
    expect((await burn(line, [digestStep()])).error).toBeUndefined();
    expect(keyOf(line)).toBe(DIGEST);
  });
});

/** What the journal says where nothing but it can: nothing was begun, or this step was. */
describe.each(['esp32', 'esp32-c3'])('power that fails between any two packets of a burn (%s)', (chip) => {
  const STEP: EspLock = chip === 'esp32' ? { step: 'esp-custom-mac', mac: '48:63:92:15:72:16' } : digestStep();
  /** Each of them is nightly. */
  const every = process.env['FLASHLINE_NIGHTLY'] ? 1 : 29;

  /** Milliseconds from a command's sending until some of its bits are burnt: latency, 26 bytes, and 10 us a bit. */
  const BITS = process.env['FLASHLINE_NIGHTLY'] ? [3.32, 3.4, 3.5, 3.7, 4.4] : [3.4];

  it('leaves it unburnt, or told by the journal; and the next run ends it', { timeout: 300_000 }, async () => {
    const whole = new EspLine(chip);
    const { writes, first } = await packetsOf(whole, STEP);
    const outcomes = new Set<string>();
    for (let after = first + (chip.length % every); after <= writes; after += every) {
      const line = new EspLine(chip);
      const cut = await burn(line, [STEP], { faults: [{ kind: 'power-cut', after }] });
      const blank = toHex(concat([...new EspLineCells(chip).raw]));
      const isUntouched = toHex(concat([...line.unit.cells.raw])) === blank;
      expect(isUntouched || cut.journal.length === 1, `packet ${after}`).toBe(true);
      const again = await burn(line, [STEP]);
      expect(again.error, `packet ${after}`).toBeUndefined();
      outcomes.add(isUntouched ? 'untouched' : again.journal.length > 0 ? 'ended' : 'was whole');
    }
    expect([...outcomes]).toEqual(expect.arrayContaining(['untouched', 'was whole']));
  });

  it('or in the middle of it, when some bits are burnt and others are not', { timeout: 300_000 }, async () => {
    const { commands } = await packetsOf(new EspLine(chip), STEP);
    expect(commands.length).toBeGreaterThan(0);
    let torn = 0;
    for (const ms of commands.flatMap((at) => BITS.map((later) => at + later))) {
      const line = new EspLine(chip);
      const cut = await burn(line, [STEP], { faults: [{ kind: 'power-cut', ms }] });
      expect(cut.journal).toHaveLength(1);
      const before = toHex(concat([...line.unit.cells.raw]));
      const again = await burn(line, [STEP]);
      expect(again.error, `${ms} ms`).toBeUndefined();
      if (toHex(concat([...line.unit.cells.raw])) !== before) torn++;
    }
    expect(torn).toBeGreaterThan(0);
  });
});

/** A unit as it comes from the factory. */
class EspLineCells {
  readonly raw: readonly Uint8Array[];

  constructor(chip: string) {
    const line = new EspLine(chip);
    line.plug();
    this.raw = line.unit.cells.raw.map((block) => block.slice());
  }
}

/** How many packets a run writes, where the burning begins, and when each of its commands to burn was sent. */
async function packetsOf(line: EspLine, step: EspLock) {
  let writes = 0;
  let first = Infinity;
  const commands: number[] = [];
  const { base, command } = efuseOf(line);
  const isAt = (data: Uint8Array, address: number) => toHex(data).includes(toHex(wordsToBytes([address])));
  const { error } = await burn(line, [step], {
    onLink: (link) => {
      const write = link.write.bind(link);
      const { clock } = line.unit;
      const began = clock.monotonic();
      link.write = (data, io) => {
        // WRITE_REG is command 9.
        if (data[2] === 0x09 && isAt(data, base + command) && isAt(data, base + command)) {
          if (((data[13] ?? 0) & 3) === 2) commands.push(clock.monotonic() - began);
          first = Math.min(first, writes - 60);
        }
        writes++;
        return write(data, io);
      };
    },
  });
  expect(error).toBeUndefined();
  return { writes, first, commands };
}
