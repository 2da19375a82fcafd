import { execFileSync } from 'node:child_process';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { p256 } from '@noble/curves/nist.js';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SignAnswer, SignRequest } from '#shared/contract/plant/signing-api.ts';
import { loadChips } from '#main/release/chip-library.ts';
import { nodeFiles } from '#main/release/files.ts';
import { openRelease, type Release } from '#main/release/open-release.ts';
import type { PlantRules } from '#main/station/plant-rules.ts';
import { releaseEngine } from '#main/station/release-engine.ts';
import { executeRun } from '#main/station/run.ts';
import { ROOT } from '#test/support/cli.ts';
import { nvsKeys, nvsSignedBytes } from '#test/support/nvs-keys.ts';
import { requirePrograms } from '#test/support/programs.ts';
import { APPLICATION, manufacturedRecipe, PARTITION_AT } from '#test/support/manufactured.ts';
import { memoryFiles } from '../unit/release/memory-files.ts';
import { CHIP, FakeBoard, makeRig, type Rig } from '../unit/station/fixtures.ts';

const SIZE = 0x3000;
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const PEM = String(publicKey.export({ type: 'spki', format: 'pem' }));
const BY = 'by: { key: unit-data, algorithm: ecdsa-p256-sha256, publicKey: keys/unit-data.pem }';

const folder = mkdtempSync(join(tmpdir(), 'flashline-nvs-openssl-'));
writeFileSync(join(folder, 'key.pem'), PEM);
afterAll(() => rmSync(folder, { recursive: true }));

async function open(): Promise<Release> {
  const recipe = manufacturedRecipe(
    'nvs',
    SIZE,
    `  namespaces:
    - namespace: unit
      keys:
        - { key: serial, type: string, from: serial }
        - { key: chip, type: blob, from: uid }
        - { key: hw, type: u16, value: 0x0102 }
        - { key: trim, type: i32, value: -2 }
        - { key: proof, type: signature, encoding: der, over: [trim, serial, chip, hw], ${BY} }
        - { key: whole, type: signature, over: [serial, proof], ${BY} }
    - namespace: other
      keys:
        - { key: serial, type: string, value: somebody else’s }
`,
  );
  const chips = await loadChips([join(ROOT, 'resources', 'chips')], nodeFiles);
  const files = memoryFiles({ '/r/recipe.yaml': recipe, '/r/app.bin': APPLICATION, '/r/keys/unit-data.pem': PEM });
  return { ...(await openRelease('/r', { chips, files })), chip: CHIP };
}

/** By the ASN.1 that OpenSSL wants: r and s as they are become a SEQUENCE of two INTEGERs. */
function der(raw: Uint8Array): Uint8Array {
  return p256.Signature.fromBytes(raw, 'compact').toBytes('der');
}

function opensslSays(message: Uint8Array, signature: Uint8Array): string {
  writeFileSync(join(folder, 'message'), message);
  writeFileSync(join(folder, 'signature'), signature);
  const args = ['dgst', '-sha256', '-verify', 'key.pem', '-signature', 'signature', 'message'];
  try {
    return execFileSync('openssl', args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
  } catch (thrown) {
    return thrown instanceof Error && 'stdout' in thrown ? String(thrown.stdout).trim() : String(thrown);
  }
}

describe.skipIf(!requirePrograms(['openssl']))('an NVS partition that the plant signs', () => {
  let rig: Rig;
  let board: FakeBoard;
  let asked: Omit<SignRequest, 'request'>[];
  beforeEach(() => {
    rig = makeRig();
    board = new FakeBoard();
    asked = [];
  });
  afterEach(() => rig.remove());

  async function run(change: Partial<SignAnswer> = {}) {
    const release = await open();
    const sign: PlantRules['sign'] = async (order) => {
      asked.push(order);
      const scalar = new Uint8Array(Buffer.from(privateKey.export({ format: 'jwk' }).d ?? '', 'base64url'));
      const signature = p256.sign(new Uint8Array(Buffer.from(order.digest, 'hex')), scalar, { prehash: false });
      return {
        request: `request-${asked.length}`.padEnd(16, '0'),
        key: order.key,
        keyId: release.unitKeys.get('keys/unit-data.pem')?.id ?? '',
        algorithm: order.algorithm,
        signedAt: '2026-03-01T08:00:00.000Z',
        store: 'hsm',
        signature: Buffer.from(signature).toString('hex'),
        ...change,
      };
    };
    const engine = releaseEngine(release, () => Promise.resolve(board.device()));
    const rules = {
      permit: () => undefined,
      admit: async () => undefined,
      order: () => null,
      recorded: () => undefined,
    };
    const services = { ...rig.services(board), plant: { ...rules, sign } as unknown as PlantRules };
    const request = { serial: 'HB000001', slot: '1', probe: 'cmsis-dap:1', rework: false };
    return executeRun(request, engine, services, new AbortController().signal, () => undefined);
  }

  it('verifies by OpenSSL, over what a reader of our own finds in the unit’s flash', async () => {
    const end = await run();
    expect([end.verdict, end.failure]).toEqual(['PASS', null]);
    const keys = nvsKeys(board.flash.slice(PARTITION_AT, PARTITION_AT + SIZE));
    expect(Buffer.from(keys.get('unit/serial') ?? []).toString()).toBe('HB000001');
    const proof = keys.get('unit/proof') ?? new Uint8Array();
    const over = ['trim', 'serial', 'chip', 'hw'];
    const message = nvsSignedBytes(keys, 'unit', 'proof', over);
    expect(opensslSays(message, proof)).toBe('Verified OK');
    const whole = keys.get('unit/whole') ?? new Uint8Array();
    expect(opensslSays(nvsSignedBytes(keys, 'unit', 'whole', ['serial', 'proof']), der(whole))).toBe('Verified OK');
    // What the plant signed, and what its audit log has, is the hash of those very bytes.
    expect(asked[0]?.digest).toBe(createHash('sha256').update(message).digest('hex'));
    expect(end.record?.signatures?.map(({ what }) => what)).toEqual(['unit/proof', 'unit/whole']);
    // Another order, another place, one value changed: nothing of it verifies.
    const changed = new Map([...keys, ['unit/hw', Uint8Array.of(2, 2)] as const]);
    for (const wrong of [
      nvsSignedBytes(keys, 'unit', 'proof', over.toReversed()),
      nvsSignedBytes(keys, 'other', 'proof', over),
      nvsSignedBytes(keys, 'unit', 'whole', over),
      nvsSignedBytes(changed, 'unit', 'proof', over),
    ])
      expect(opensslSays(wrong, proof)).toMatch(/Verification failure/i);
  });

  it('is not touched for a signature that does not verify', async () => {
    const end = await run({ signature: 'ab'.repeat(64) });
    expect(end.failure?.code).toBe('signing-wrong');
    expect(board.calls.some((call) => call === 'erase' || call === 'program')).toBe(false);
  });
});
