import { constants, createHash, generateKeyPairSync, type KeyObject, privateEncrypt, sign } from 'node:crypto';
import { join } from 'node:path';
import { p256 } from '@noble/curves/nist.js';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fromHex } from '#shared/base/bytes.ts';
import type { SignAnswer, SignRequest } from '#shared/contract/plant/signing-api.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { SigningAlgorithm } from '#shared/model/signing.ts';
import { startMcuboot } from '#main/bench/boot/mcuboot-start.ts';
import { readMcuboot } from '#main/image/mcuboot.ts';
import { interruptedDraft } from '#main/log/interrupted.ts';
import type { JournalEntry } from '#main/log/log.ts';
import { type ChipLibrary, loadChips } from '#main/release/chip-library.ts';
import { nodeFiles } from '#main/release/files.ts';
import { openRelease, type Release } from '#main/release/open-release.ts';
import { readPublicKey } from '#main/release/signature/public-key.ts';
import { verifyMcuboot } from '#main/release/signature/verify.ts';
import type { PlantRules } from '#main/station/plant-rules.ts';
import { releaseEngine } from '#main/station/release-engine.ts';
import { executeRun } from '#main/station/run.ts';
import { ROOT } from '#test/support/cli.ts';
import { mcubootImage } from '#test/support/power/signing.ts';
import { memoryFiles } from '../release/memory-files.ts';
import { opening } from '../log/fixtures.ts';
import { CHIP, FakeBoard, makeRig, type Rig, UID } from './fixtures.ts';

const SLOT = { address: 0x8000, size: 0x1000 };
const recipe = (algorithm: string) => `schema: 1
product: { id: hello, revision: A, name: Hello board }
chip: nrf51822
interface: swd
partitions: [{ name: slot0, address: ${SLOT.address}, size: ${SLOT.size} }]
images:
  - role: application
    file: app.bin
    version: 1.2.0
    partition: slot0
    valid: { by: mcuboot-trailer }
    signedPerUnit:
      kind: mcuboot
      by: { key: firmware, algorithm: ${algorithm}, publicKey: keys/app.pem }
      tlv: { tag: 0x01a0, size: 24, fields: [{ at: 0, type: bytes, size: 8, from: uid }, { at: 8, type: string, size: 16, from: serial }] }
manufacturing:
  kind: template
  version: '1'
  address: 0x30000
  size: 16
  fields: [{ at: 0, type: string, size: 16, from: serial }]
serial: { pattern: '^HB[0-9]{6}$' }
`;
const KINDS: readonly [SigningAlgorithm, { readonly privateKey: KeyObject; readonly publicKey: KeyObject }][] = [
  ['ed25519-sha256', generateKeyPairSync('ed25519')],
  ['ecdsa-p256-sha256', generateKeyPairSync('ec', { namedCurve: 'P-256' })],
  ['rsa-pss-sha256', generateKeyPairSync('rsa', { modulusLength: 2048 })],
];
const pemOf = (key: KeyObject) => String(key.export({ type: 'spki', format: 'pem' }));
const firmware = Uint8Array.from({ length: 2100 }, (_, at) => ((at * 7) & 0x7f) + 1);

let chips: ChipLibrary;
let rig: Rig;
let board: FakeBoard;
let asked: Omit<SignRequest, 'request'>[];
beforeAll(async () => {
  chips = await loadChips([join(ROOT, 'resources', 'chips')], nodeFiles);
});
beforeEach(() => {
  rig = makeRig();
  board = new FakeBoard();
  asked = [];
});
afterEach(() => rig.remove());

async function openSigned([algorithm, { publicKey }]: (typeof KINDS)[number]): Promise<Release> {
  const files = memoryFiles({
    '/r/recipe.yaml': recipe(algorithm),
    '/r/app.bin': mcubootImage(firmware, [1, 2]),
    '/r/keys/app.pem': pemOf(publicKey),
  });
  return { ...(await openRelease('/r', { chips, files })), chip: CHIP };
}

/** Signs a digest as tokens do, without the message. */
function signDigest(algorithm: SigningAlgorithm, key: KeyObject, digest: Uint8Array): Uint8Array {
  if (algorithm === 'ed25519-sha256') return new Uint8Array(sign(null, digest, key));
  if (algorithm === 'rsa-pss-sha256') return pss(key, digest);
  const scalar = new Uint8Array(Buffer.from(key.export({ format: 'jwk' }).d ?? '', 'base64url'));
  return p256.sign(digest, scalar, { prehash: false });
}

/** EMSA-PSS (RFC 8017, 9.1.1), 2048 bits. */
function pss(key: KeyObject, digest: Uint8Array): Uint8Array {
  const sha256 = (...parts: readonly Uint8Array[]) => createHash('sha256').update(Buffer.concat(parts)).digest();
  const salt = new Uint8Array(32).fill(9);
  const hash = sha256(new Uint8Array(8), digest, salt);
  const data = Buffer.alloc(223);
  data[190] = 1;
  data.set(salt, 191);
  for (let at = 0; at < data.length; at += 32) {
    const mask = sha256(hash, Uint8Array.of(0, 0, 0, at / 32));
    for (let i = 0; i < 32 && at + i < data.length; i++) data[at + i] = (data[at + i] ?? 0) ^ (mask[i] ?? 0);
  }
  data[0] = (data[0] ?? 0) & 0x7f;
  const encoded = Buffer.concat([data, hash, Uint8Array.of(0xbc)]);
  return new Uint8Array(privateEncrypt({ key, padding: constants.RSA_NO_PADDING }, encoded));
}

function signer(
  kind: (typeof KINDS)[number],
  change: Partial<SignAnswer> = {},
  digestOf = (digest: string) => digest,
): Pick<PlantRules, 'sign'> {
  const [algorithm, { privateKey, publicKey }] = kind;
  return {
    async sign(order) {
      asked.push(order);
      const key = readPublicKey('app.pem', new TextEncoder().encode(pemOf(publicKey)));
      if (typeof key === 'string') throw new Error(key);
      const signature = signDigest(algorithm, privateKey, fromHex(digestOf(order.digest)));
      return {
        request: 'request-1'.padEnd(16, '0'),
        key: order.key,
        keyId: key.id,
        algorithm,
        signedAt: '2026-03-01T08:00:00.000Z',
        store: 'hsm',
        signature: Buffer.from(signature).toString('hex'),
        ...change,
      };
    },
  };
}

async function run(kind: (typeof KINDS)[number], plant: Partial<PlantRules>, probe = 'cmsis-dap:1') {
  const release = await openSigned(kind);
  const engine = releaseEngine(release, () => Promise.resolve(board.device()));
  const rules = { permit: () => undefined, admit: async () => undefined, order: () => null, recorded: () => undefined };
  const services = { ...rig.services(board), plant: { ...rules, ...plant } as unknown as PlantRules };
  const journal: JournalEntry[] = [];
  const log = new Proxy(services.log, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]) => {
        if (name === 'journal') journal.push(...(args[1] as JournalEntry[]));
        return member.apply(target, args) as unknown;
      };
    },
  });
  const request = { serial: 'HB000001', slot: '1', probe, rework: false };
  const end = await executeRun(request, engine, { ...services, log }, new AbortController().signal, () => undefined);
  const untouched = !board.calls.some((call) => call === 'erase' || call === 'program');
  return { end, release, untouched, journal };
}

/** What is on the board's flash, from the slot's beginning to the end of its TLVs. */
function flashed() {
  const slot = board.flash.slice(SLOT.address, SLOT.address + SLOT.size);
  const image = readMcuboot(slot);
  if (typeof image === 'string') throw new Error(image);
  return { slot, image, bytes: slot.subarray(0, image.size) };
}
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe('a unit whose application the plant signs', () => {
  it.each(KINDS)(
    'passes by %s: its flash has its own image, signed by the release’s key, with its uid and serial',
    async (...kind) => {
      const [algorithm, { publicKey }] = kind;
      const { end, release, journal } = await run(kind, signer(kind));
      expect([end.verdict, end.failure]).toEqual(['PASS', null]);
      const { slot, image } = flashed();
      const own = Buffer.concat([Buffer.from(UID, 'hex'), Buffer.from('HB000001'), new Uint8Array(8)]);
      expect(image.protectedTlvs).toEqual([{ type: 0x1a0, value: new Uint8Array(own) }]);
      expect(image.trailer).toEqual({ confirmed: true });
      const key = readPublicKey('app.pem', new TextEncoder().encode(pemOf(publicKey)));
      if (typeof key === 'string') throw new Error(key);
      const verified = verifyMcuboot(slot, [key]);
      expect(verified).toHaveProperty('by');
      expect(asked).toMatchObject([
        { key: 'firmware', algorithm, digest: sha256(image.signed), release: release.digest, uid: UID },
      ]);
      const { record } = end;
      const made = record?.images.find(({ role }) => role === 'application');
      expect(record?.images.map(({ role }) => role)).toEqual(['application', 'manufacturing']);
      // Over the image's own bytes and the trailer: what is read back of the unit.
      const trailer = slot.subarray(-24);
      expect(made?.sha256.readBack).toBe(sha256(Buffer.concat([flashed().bytes, trailer])));
      expect(made).toMatchObject({
        signedBy: 'by' in verified ? verified.by : null,
        sha256: { expected: made?.sha256.readBack },
      });
      expect(record?.signatures).toMatchObject([
        { what: 'application', key: 'firmware', keyId: key.id, algorithm, store: 'hsm' },
      ]);
      expect(record?.signingKeys).toEqual([key.id]);
      // Were the process gone at the end, it would be known as well.
      const lost = interruptedDraft(
        JSON.stringify(opening('lost')),
        journal.map((entry) => JSON.stringify(entry)),
        record?.finishedAt ?? '',
      );
      expect(lost.images.map(({ sha256: { expected } }) => expected)).toEqual(
        record?.images.map(({ sha256: { expected } }) => expected),
      );
      expect([lost.signatures, lost.signingKeys]).toEqual([
        record?.signatures,
        [...opening('lost').signingKeys, key.id],
      ]);
    },
  );

  it('is started by the bench’s MCUboot, and not with a bit of what is its own changed', async () => {
    const [kind] = KINDS;
    if (!kind) throw new Error('no key');
    await run(kind, signer(kind));
    const { slot, image } = flashed();
    const key = kind[1].publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
    expect(startMcuboot(slot, key)).toMatchObject({ end: 'boots', image: sha256(image.signed), confirmed: true });
    const at = image.headerSize + image.firmwareSize + 8;
    slot[at] = (slot[at] ?? 0) ^ 1;
    expect(startMcuboot(slot, key)).toMatchObject({ end: 'refuses' });
  });

  const [ED] = KINDS;
  if (!ED) throw new Error('no key');
  const other = generateKeyPairSync('ed25519');
  const refusing = (failure: FlashlineError): Pick<PlantRules, 'sign'> => ({ sign: () => Promise.reject(failure) });
  it.each<[string, () => Pick<PlantRules, 'sign'>, string]>([
    ['another key’s signature', () => signer([ED[0], { ...ED[1], privateKey: other.privateKey }]), 'signing-wrong'],
    ['a signature over another digest', () => signer(ED, {}, () => 'ab'.repeat(32)), 'signing-wrong'],
    ['a plant that says it signed by another key', () => signer(ED, { keyId: 'd'.repeat(64) }), 'signing-wrong'],
    ['a signature that is too short', () => signer(ED, { signature: 'abcd' }), 'signing-wrong'],
    [
      'a policy that says no',
      () =>
        refusing(new FlashlineError('signing-refused', { params: { key: 'firmware', reason: 'it is switched off' } })),
      'signing-refused',
    ],
    [
      'a plant that cannot be reached',
      () => refusing(new FlashlineError('plant-unreachable', { params: { url: 'https://plant' } })),
      'plant-unreachable',
    ],
    ['a station without a plant', () => ({}), 'signing-unavailable'],
  ])('is not touched for %s, and it is the plant’s ERROR', async (_, plant, code) => {
    const before = board.flash.slice();
    const { end, untouched } = await run(ED, plant());
    expect([end.verdict, end.failure?.code, end.failure?.blame, untouched]).toEqual(['ERROR', code, 'plant', true]);
    expect(board.flash).toEqual(before);
    expect(end.record?.images[0]?.sha256.readBack).toBeNull();
  });

  it.each(KINDS)('on the bench is signed by nobody’s key, by %s, and says so', async (...kind) => {
    const { end } = await run(kind, signer(kind), 'bench:nrf51822');
    expect([end.verdict, end.failure, asked.length]).toEqual(['PASS', null, 0]);
    expect(end.record?.signatures).toMatchObject([{ what: 'application', store: 'bench' }]);
    const { slot, image } = flashed();
    expect(image.hash).toEqual({ kind: 'sha256', is: 'right' });
    const key = readPublicKey('app.pem', new TextEncoder().encode(pemOf(kind[1].publicKey)));
    if (typeof key === 'string') throw new Error(key);
    expect(verifyMcuboot(slot, [key])).toHaveProperty('wrong');
  });
});
