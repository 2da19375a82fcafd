import { readU32, wordsToBytes } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import type { EfuseField, EspEfuse } from '#shared/model/interfaces/esp-efuse.ts';
import type { Registers } from './registers.ts';
import { type Scheme, schemeOf } from './coding.ts';
import { bitsOf, EfuseReader, fieldOf } from './reader.ts';

/** What the codes of a block made of its last reading. */
export interface BlockErrors {
  /** Bytes put right; in block 0, bits in which its copies differ. */
  readonly corrected: number;
  /** More than can be put right. */
  readonly failed: boolean;
}

/** All of a unit's eFuses as it shows them. */
export interface EfuseState {
  readonly efuse: EspEfuse;
  readonly blocks: readonly Uint8Array[];
  readonly errors: readonly BlockErrors[];
  /** Of blocks 1 to 3 of an ESP32; the later chips have one code. */
  readonly scheme: Scheme | 'reed-solomon';
}

/** Blocks that are not asked for count as empty. */
export async function readEfuses(
  efuse: EspEfuse,
  loader: Registers,
  io: IoContext,
  asked: readonly number[] = [...efuse.blocks.keys()],
): Promise<EfuseState> {
  const reader = new EfuseReader(loader, efuse);
  const blocks: Uint8Array[] = [];
  for (const [block, { words }] of efuse.blocks.entries()) {
    blocks.push(asked.includes(block) ? wordsToBytes(await reader.block(block, io)) : new Uint8Array(words * 4));
  }
  const register = (offset: number) => loader.readRegister(efuse.base + offset, io);
  const errors: BlockErrors[] = efuse.blocks.map(() => ({ corrected: 0, failed: false }));
  if (efuse.decodeStatus !== undefined && (await register(efuse.decodeStatus)) !== 0) {
    for (let block = 1; block < errors.length; block++) errors[block] = { corrected: 0, failed: true };
  }
  let differing = 0;
  for (const offset of efuse.repeatErrors) differing += onesIn(await register(offset));
  errors[0] = { corrected: differing, failed: false };
  const counts: number[] = [];
  for (const offset of efuse.codeErrors) {
    const word = await register(offset);
    for (let at = 0; at < 32; at += 4) counts.push((word >>> at) & 0xf);
  }
  for (let block = 1; block < errors.length && counts.length > 0; block++) {
    const failed = ((counts[block - 1 + efuse.failBlocksLater] ?? 0) & 8) !== 0;
    errors[block] = { corrected: (counts[block - 1] ?? 0) & 7, failed };
  }
  const state: EfuseState = { efuse, blocks, errors, scheme: 'reed-solomon' };
  return efuse.kind === 'rs' ? state : { ...state, scheme: schemeOf(valueOf(state, 'CODING_SCHEME')) };
}

/** Of up to 32 bits. */
export function valueOf(state: EfuseState, name: string): number {
  const { block, bit, size } = fieldOf(state.efuse, name);
  return bitsOf(wordsOf(state.blocks[block] ?? new Uint8Array()), bit, size);
}

export function hasField({ efuse }: EfuseState, name: string): boolean {
  return efuse.fields.some((field) => field.name === name);
}

/** A field of whole bytes, the lowest first. */
export function fieldBytes(state: EfuseState, name: string): Uint8Array {
  const { block, bit, size } = fieldOf(state.efuse, name);
  const words = wordsOf(state.blocks[block] ?? new Uint8Array());
  return Uint8Array.from({ length: size / 8 }, (_, index) => bitsOf(words, bit + index * 8, 8));
}

export function isWriteProtected(state: EfuseState, lock: number | undefined): boolean {
  return lock !== undefined && bitsOf([valueOf(state, 'WR_DIS')], lock, 1) === 1;
}

/** Whether the block, or a part of it, shows zeros whatever it holds. */
export function isHidden(state: EfuseState, block: number): boolean {
  const hidden = valueOf(state, 'RD_DIS');
  return (state.efuse.blocks[block]?.hide ?? []).some((bit) => bitsOf([hidden], bit, 1) === 1);
}

/** The bit of WR_DIS that keeps a field, or a whole block named `BLOCK` and its number. */
export function lockOf({ fields, blocks }: EspEfuse, name: string): number | undefined {
  const [, block] = /^BLOCK(\d+)$/u.exec(name) ?? [];
  if (block !== undefined) return blocks[Number(block)]?.lock;
  return fields.find((field: EfuseField) => field.name === name)?.lock;
}

function wordsOf(bytes: Uint8Array): number[] {
  return Array.from({ length: bytes.length >>> 2 }, (_, index) => readU32(bytes, index * 4));
}

function onesIn(word: number): number {
  return bitsOf([word], 0, 32) === 0
    ? 0
    : Array.from({ length: 32 }, (_, bit) => (word >>> bit) & 1).reduce((a, b) => a + b, 0);
}
