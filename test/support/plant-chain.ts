import { generateKeyPairSync } from 'node:crypto';
import { z } from 'zod';
import type { Signer } from '#shared/base/signer.ts';
import { type BatchItem, type RecordBatch, STATEMENTS } from '#shared/contract/plant/station-api.ts';
import { canonicalJson, sealRecord } from '#shared/model/record-chain.ts';
import type { RecordDraft, UnitRecord } from '#shared/model/unit-record.ts';
import { jwsSigner } from '#plant/keyring/jws.ts';

const PrivateJwk = z.object({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: z.string(), d: z.string() });

/** An Ed25519 key pair, as a station keeps one. */
export function newSigner(): Promise<Signer> {
  const { privateKey } = generateKeyPairSync('ed25519');
  return jwsSigner(PrivateJwk.parse(privateKey.export({ format: 'jwk' })));
}

const Raw = z.record(z.string(), z.unknown());

const hex = (character: string) => character.repeat(64);

/** A PASS as stations write it, of about the size that they have; `over` tells what is special about it. */
export function plantDraft(over: Partial<RecordDraft> = {}): RecordDraft {
  const image = (role: 'bootloader' | 'application', character: string, size: number) => {
    const sha256 = { expected: hex(character), readBack: hex(character) };
    return { role, version: '1.4.2', address: role === 'bootloader' ? 0 : 0x26000, size, sha256 };
  };
  const steps = ['connect', 'identify', 'survey', 'invalidate', 'erase', 'program', 'verify', 'validate', 'start'];
  return {
    schema: 1,
    run: '019a2b4c-6c1e-7d40-9d21-6f2b8a0e4c11',
    serial: 'HB000001',
    uid: '3f2a9c0d1e4b5a68',
    product: { id: 'hello-nrf52', revision: 'B', name: 'Hello board' },
    chip: 'nrf52840',
    release: hex('a'),
    images: [image('bootloader', 'b', 24_576), image('application', 'c', 198_656)],
    signingKeys: ['plant-2026:firmware'],
    probe: 'cmsis-dap:E6614103E7452A2F',
    slot: '1-1.4',
    operator: 'wei.zhang',
    station: 'line-1',
    appVersion: '0.1.0',
    rework: false,
    startedAt: '2026-11-02T08:00:00.000Z',
    finishedAt: '2026-11-02T08:00:21.000Z',
    bytesWritten: 223_232,
    bytesSkipped: 0,
    steps: steps.map((step, index) => ({ step, ms: 12.5 * (index + 1) })),
    verdict: 'PASS',
    failure: null,
    locks: { APPROTECT: '0xffffff00' },
    ...over,
  };
}

export const FAILED: Partial<RecordDraft> = {
  verdict: 'FAIL',
  failure: {
    code: 'verify-mismatch',
    blame: 'unit',
    where: { address: 0x26000 },
    params: { address: '0x00026000', expected: '0x01', found: '0xff' },
  },
};

/** A station's chain, and the batches that it makes of it. */
export class PlantChain {
  readonly station: string;
  readonly signer: Signer;
  readonly records: UnitRecord[] = [];

  constructor(station: string, signer: Signer) {
    this.station = station;
    this.signer = signer;
  }

  get genesis(): string {
    return this.records[0]?.hash ?? '';
  }

  add(over: Partial<RecordDraft> = {}): UnitRecord {
    const record = sealRecord(plantDraft({ station: this.station, ...over }), this.records.at(-1) ?? null);
    this.records.push(record);
    return record;
  }

  /** From `first` (counted from 1) through `last`; simulated records as links. */
  items(first = 1, last = this.records.length): BatchItem[] {
    return this.records.slice(first - 1, last).map((record) => {
      const { sequence, previousHash, hash } = record;
      if (record.probe.startsWith('bench:')) return { link: { sequence, previousHash, hash } };
      // As a log gives it back: its members in order.
      return { record: Raw.parse(JSON.parse(canonicalJson(record))) };
    });
  }

  /** Signed as it ends, unless told otherwise. */
  async batch(first = 1, last = this.records.length, by: Signer = this.signer): Promise<RecordBatch> {
    const { sequence, hash } = this.records[last - 1] ?? { sequence: 0, hash: '' };
    const head = await by.sign({ chain: this.genesis, sequence, hash }, STATEMENTS.chainHead);
    return { chain: this.genesis, head, items: this.items(first, last) };
  }
}
