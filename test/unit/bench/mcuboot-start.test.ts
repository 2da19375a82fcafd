import { createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { startMcuboot } from '#main/bench/boot/mcuboot-start.ts';

/** Images that imgtool 2.4.0 signed. */
const Vectors = z.object({ keys: z.record(z.string(), z.string()), mcuboot: z.record(z.string(), z.base64()) });
const file = new URL('../release/signed-images.json', import.meta.url);
const { keys, mcuboot } = Vectors.parse(JSON.parse(readFileSync(file, 'utf8')));
const SLOT = 8192;

const keyNamed = (name: string): string =>
  createPublicKey(keys[name] ?? '')
    .export({ type: 'spki', format: 'der' })
    .toString('base64');

function slotWith(name: string): Uint8Array {
  const slot = new Uint8Array(SLOT).fill(0xff);
  slot.set(Buffer.from(mcuboot[name] ?? '', 'base64'));
  return slot;
}

describe.each(['ed25519', 'ecdsa-p256'] as const)('an image that imgtool signed by %s', (kind) => {
  const other = kind === 'ed25519' ? 'ecdsa-p256' : 'ed25519';

  it('starts under its key', () => {
    expect(startMcuboot(slotWith(kind), keyNamed(kind))).toMatchObject({ end: 'boots', version: '1.2.3' });
  });

  it('starts neither under another nor with a bit changed', () => {
    expect(startMcuboot(slotWith(kind), keyNamed(other))).toMatchObject({ end: 'refuses', by: 'bootloader' });
    const slot = slotWith(kind);
    slot[40] = (slot[40] ?? 0) ^ 1;
    expect(startMcuboot(slot, keyNamed(kind))).toMatchObject({ end: 'refuses' });
  });

  it.each(['unsigned', 'encrypted'])('is not what is %s', (name) => {
    expect(startMcuboot(slotWith(name), keyNamed(kind))).toMatchObject({ end: 'refuses' });
  });
});
