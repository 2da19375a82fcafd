import { createPublicKey, verify } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { equalBytes, fromHex } from '#shared/base/bytes.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Recipe } from '#shared/model/recipe.ts';
import { sha256 } from '@noble/hashes/sha2.js';
import * as commands from '#main/programmer/atecc/commands.ts';
import { slotAddress } from '#main/programmer/atecc/zones.ts';
import { Mcp2221BenchLink } from '#main/bench/mcp2221/mcp2221-bench-link.ts';
import { Mcp2221 } from '#main/probe/mcp2221/mcp2221.ts';
import { ftdiI2cPort } from '#test/unit/probe/ftdi/rig.ts';
import { AteccRig, configImage, image, type MakePort, productConfig } from './atecc-rig.ts';

const FIRST: Pick<Recipe, 'keys' | 'locks'> = {
  keys: [{ slot: 0 }],
  locks: [{ step: 'atecc-data' }, { step: 'atecc-config' }],
};
const SLOT8: Pick<Recipe, 'locks'> = { locks: [{ step: 'atecc-slot', slot: 8 }] };
const certificate = Uint8Array.from({ length: 416 }, (_, index) => (index * 7) & 0xff);

async function failureOf(work: Promise<unknown>) {
  try {
    await work;
  } catch (error) {
    if (error instanceof FlashlineError) return error.failure;
    throw error;
  }
  return undefined;
}

/** Public key as node has it. */
function keyOf(sec1: string) {
  const point = Buffer.from(sec1, 'hex');
  const jwk = {
    kty: 'EC',
    crv: 'P-256',
    x: point.subarray(1, 33).toString('base64url'),
    y: point.subarray(33).toString('base64url'),
  };
  return createPublicKey({ key: jwk, format: 'jwk' });
}

describe('a secure element made for a product', () => {
  test('is written, read back, and only then locked: configuration, key, data zone', async () => {
    const rig = new AteccRig();
    const { plan, states } = await rig.run([configImage()], FIRST);
    expect(rig.journal.at(0)).toBe('program');
    expect(rig.journal.slice(-3)).toEqual(['configuration zone', 'key 0', 'data zone']);
    expect(plan.operations.slice(-3).every(({ op }) => op === 'lock')).toBe(true);
    expect(rig.model.zones.lockedInOrder).toEqual(['config', 'data']);
    expect(rig.model.zones.config.subarray(20, 52)).toEqual(productConfig().subarray(20, 52));
    expect(states?.locks).toEqual({ LockConfig: '0x00', LockValue: '0x00', SlotLocked: '0xFFFF' });
    expect(keyOf(states?.keys['key 0'] ?? '').asymmetricKeyType).toBe('ec');
  });

  test('signs what node’s own crypto verifies with the recorded key, and verifies so itself', async () => {
    const rig = new AteccRig();
    const { states } = await rig.run([configImage()], FIRST);
    const { unit, io } = await rig.open();
    const message = new TextEncoder().encode('a message');
    await unit.session.done(commands.nonce(sha256(message)), io);
    const signature = await unit.session.data(commands.sign(0), io);
    const sec1 = states?.keys['key 0'] ?? '';
    const key = { key: keyOf(sec1), dsaEncoding: 'ieee-p1363' as const };
    expect(verify('sha256', message, key, signature)).toBe(true);
    await unit.session.done(commands.verify(signature, fromHex(sec1).subarray(1)), io);
    signature[5] = (signature[5] ?? 0) ^ 1;
    const no = await unit.session.ask(commands.verify(signature, fromHex(sec1).subarray(1)), io);
    expect(no).toEqual({ kind: 'status', status: 0x01 });
  });

  test('takes a slot’s data behind the data zone’s lock, and the slot’s own lock', async () => {
    const rig = new AteccRig();
    await rig.run([configImage()], FIRST);
    const { states } = await rig.run([image(slotAddress(8), certificate)], SLOT8);
    expect(equalBytes(rig.model.zones.data[8] ?? new Uint8Array(), certificate)).toBe(true);
    expect(states?.locks['SlotLocked']).toBe('0xFEFF');
    expect(rig.journal.at(-1)).toBe('slot 8');
  });

  test('is not touched again by the same run, whose locks and key are observed', async () => {
    const rig = new AteccRig();
    const first = await rig.run([configImage()], FIRST);
    const again = await rig.run([configImage()], FIRST);
    expect(rig.journal).toEqual([]);
    expect(again.states).toEqual(first.states);
    expect(again.outcome.bytesWritten).toBe(0);
    expect(rig.model.zones.lockedInOrder).toEqual(['config', 'data']);
  });

  test('through an adapter of small messages costs the same commands', async () => {
    const rig = new AteccRig();
    const { unit, io } = await rig.open([], { write: 60, read: 7 });
    expect((await unit.identify(io)).uid).toMatch(/^0123[0-9a-f]{12}ee$/);
  });
});

const ADAPTERS: readonly [string, MakePort][] = [
  ['an FT2232H', ftdiI2cPort],
  ['an MCP2221A', async (fixture) => new Mcp2221(new Mcp2221BenchLink(fixture, 'bench'), 'A')],
];

describe.each(ADAPTERS)('through %s', (_, port) => {
  test('the same is done, and pulled out anywhere the next run ends well', async () => {
    for (const after of [5, 60, 200, 350, 500]) {
      const rig = new AteccRig(port);
      const failure = await failureOf(rig.run([configImage()], FIRST, [{ kind: 'unplug', after }]));
      expect(failure?.code ?? 'probe-lost').toBe('probe-lost');
      await rig.run([configImage()], FIRST);
      expect(rig.model.zones.lockedInOrder).toEqual(['config', 'data']);
    }
  });
});

describe('what cannot be proven or taken back is refused before anything is locked', () => {
  test('a configuration that was locked otherwise', async () => {
    const rig = new AteccRig();
    rig.model.protect();
    expect(await failureOf(rig.run([configImage()], FIRST))).toMatchObject({
      code: 'memory-locked',
      params: { lock: 'LockConfig' },
    });
  });

  test('data in a slot before the data zone is locked', async () => {
    const rig = new AteccRig();
    const failure = await failureOf(rig.run([image(slotAddress(8), certificate)], SLOT8));
    expect(failure).toMatchObject({ code: 'not-provable' });
    expect(rig.journal).toEqual([]);
  });

  test('data in a slot that nobody can read', async () => {
    const rig = new AteccRig();
    await rig.run([configImage()], FIRST);
    const failure = await failureOf(rig.run([image(slotAddress(0), new Uint8Array(36))]));
    expect(failure).toMatchObject({ code: 'not-provable', blame: 'recipe' });
  });

  test('another I2C address', async () => {
    const config = productConfig();
    config[16] = 0xb0;
    const rig = new AteccRig();
    expect(await failureOf(rig.run([configImage(config)], FIRST))).toMatchObject({ code: 'not-provable' });
    expect(rig.model.zones.lockedInOrder).toEqual([]);
  });

  test('a slot that may not be locked, or not hold a key: before the first step of all', async () => {
    const rig = new AteccRig();
    const steps = { ...FIRST, locks: [{ step: 'atecc-config' as const }, { step: 'atecc-slot' as const, slot: 10 }] };
    expect(await failureOf(rig.run([configImage()], steps))).toMatchObject({
      code: 'lock-unsuited',
      params: { lock: 'slot 10' },
    });
    const keys = { ...FIRST, keys: [{ slot: 8 }] };
    expect(await failureOf(rig.run([configImage()], keys))).toMatchObject({
      code: 'lock-unsuited',
      params: { lock: 'key 8' },
    });
    expect(rig.model.zones.lockedInOrder).toEqual([]);
  });

  test('a chip that is another', async () => {
    const rig = new AteccRig();
    expect(await failureOf(rig.run([configImage()], FIRST, [{ kind: 'wrong-chip' }]))).toMatchObject({
      code: 'wrong-chip',
    });
    expect(rig.journal).toEqual([]);
  });
});

describe('a wire, and a chip, that do wrong', () => {
  test('nobody wakes up', async () => {
    expect(await failureOf(new AteccRig().open([{ kind: 'no-target' }]))).toMatchObject({ code: 'no-target' });
  });

  test('busy for ever ends with a failure of the unit', async () => {
    const failure = await failureOf(new AteccRig().run([configImage()], FIRST, [{ kind: 'never-ready', after: 12 }]));
    expect(failure).toMatchObject({ code: 'target-stuck' });
  });

  test('a spoiled answer is read again, and its command not repeated', async () => {
    for (const after of [0, 3, 20, 60]) {
      const rig = new AteccRig();
      await rig.run([configImage()], FIRST, [{ kind: 'bad-crc', after, times: 1 }]);
      expect(rig.model.zones.lockedInOrder).toEqual(['config', 'data']);
    }
    const failure = await failureOf(new AteccRig().run([configImage()], FIRST, [{ kind: 'bad-crc', after: 3 }]));
    expect(failure).toMatchObject({ code: 'wire-noise', blame: 'fixture' });
  });

  test('a refused lock is the unit’s, and what it is like then is observed', async () => {
    const rig = new AteccRig();
    const failure = await failureOf(rig.run([configImage()], FIRST, [{ kind: 'lock-refused' }]));
    expect(failure).toMatchObject({ code: 'element-refused', blame: 'unit', params: { command: 'Lock' } });
    expect(rig.states?.locks).toMatchObject({ LockConfig: '0x55', LockValue: '0x55' });
  });

  test('the watchdog is never met: work goes on for longer than the chip stays awake', async () => {
    const rig = new AteccRig();
    const { unit, io } = await rig.open();
    const before = io.clock.monotonic();
    const uids = new Set<string | null>();
    while (io.clock.monotonic() - before < 5000) uids.add((await unit.identify(io)).uid);
    expect(uids.size).toBe(1);
  });
});

/** Runs until one is over before its cut comes. */
async function cutEverywhere(work: (rig: AteccRig, after: number) => Promise<boolean>): Promise<number> {
  for (let after = 0; ; after++) if (await work(new AteccRig(), after)) return after;
}

describe('the supply fails before any transfer', () => {
  test('nothing was locked before all was read back, and the next run ends well', async () => {
    const cuts = await cutEverywhere(async (rig, after) => {
      const failure = await failureOf(rig.run([configImage()], FIRST, [{ kind: 'power-cut', after }]));
      const { config, lockedInOrder } = rig.model.zones;
      const proven = equalBytes(config.subarray(20, 52), productConfig().subarray(20, 52));
      const allowed = lockedInOrder.length === 0 || (proven && rig.journal.includes('configuration zone'));
      expect(allowed, `cut before transfer ${after}`).toBe(true);
      const { states } = await rig.run([configImage()], FIRST);
      expect(rig.model.zones.lockedInOrder).toEqual(['config', 'data']);
      expect(states?.keys['key 0']).toMatch(/^04[0-9a-f]{128}$/);
      return failure === undefined;
    });
    expect(cuts).toBeGreaterThan(100);
  });
});
