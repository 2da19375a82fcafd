import { createHash, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { toHex } from '#shared/base/bytes.ts';
import type { IssueAnswer, IssueRequest } from '#shared/contract/plant/signing-api.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { expandCertificate } from '#main/image/certificate/x509.ts';
import { type ChipLibrary, loadChips } from '#main/release/chip-library.ts';
import { nodeFiles } from '#main/release/files.ts';
import { openRelease } from '#main/release/open-release.ts';
import type { PlantRules } from '#main/station/plant-rules.ts';
import { releaseEngine } from '#main/station/release-engine.ts';
import { executeRun } from '#main/station/run.ts';
import { ROOT } from '#test/support/cli.ts';
import { DeviceCa, spkiOf } from '#test/support/device-ca.ts';
import { APPLICATION, manufacturedRecipe, PARTITION_AT } from '#test/support/manufactured.ts';
import { failureOf } from '../release/failure-of.ts';
import { memoryFiles } from '../release/memory-files.ts';
import { CHIP, FakeBoard, makeRig, type Rig } from './fixtures.ts';

const CERTIFICATE = `certificate: { key: device-ca, issuer: ca.pem, publicKey: scan.key, organization: Example, years: 20,
    compressed: { templateId: 3, chainId: 0 } }`;
const recipe = (certificate = CERTIFICATE, fields = '') =>
  manufacturedRecipe(
    'template',
    1024,
    `  ${certificate}
  fields:
    - { at: 0, type: bytes, size: 72, from: certificate.compressed }
    - { at: 72, type: bytes, size: 600, pad: 0xff, from: certificate }
${fields}`,
  );

let chips: ChipLibrary;
let ca: DeviceCa;
let rig: Rig;
let board: FakeBoard;
let asked: Omit<IssueRequest, 'request'>[];
const unit = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey;
const point = toHex(spkiOf(unit).slice(-64));
beforeAll(async () => {
  chips = await loadChips([join(ROOT, 'resources', 'chips')], nodeFiles);
  ca = await DeviceCa.make();
});
beforeEach(() => {
  rig = makeRig();
  board = new FakeBoard();
  asked = [];
});
afterEach(() => rig.remove());

const open = async (text = recipe(), pem = ca.pem) => {
  const files = memoryFiles({ '/r/recipe.yaml': text, '/r/app.bin': APPLICATION, '/r/ca.pem': pem });
  return { ...(await openRelease('/r', { chips, files })), chip: CHIP };
};

function issuing(make = (order: Omit<IssueRequest, 'request'>) => ca.issue(spkiOf(unit), order.serial), change = {}) {
  return {
    async issue(order: Omit<IssueRequest, 'request'>): Promise<IssueAnswer> {
      asked.push(order);
      return {
        request: 'request-0000000000000001',
        key: order.key,
        keyId: createHash('sha256').update(ca.publicKey).digest('hex'),
        algorithm: order.algorithm,
        signedAt: '2026-03-01T08:00:00.000Z',
        store: 'hsm',
        certificate: toHex(await make(order)),
        ...change,
      };
    },
  };
}

async function run(
  plant: Partial<PlantRules>,
  { probe = 'cmsis-dap:1', scans = { key: point } }: { probe?: string; scans?: Record<string, string> } = {},
) {
  const release = await open();
  const engine = releaseEngine(release, () => Promise.resolve(board.device()));
  const rules = { permit: () => undefined, admit: async () => undefined, order: () => null, recorded: () => undefined };
  const services = { ...rig.services(board), plant: { ...rules, ...plant } as unknown as PlantRules };
  const request = { serial: 'HB000001', slot: '1', probe, rework: false, scans };
  const end = await executeRun(request, engine, services, new AbortController().signal, () => undefined);
  const untouched = !board.calls.some((call) => call === 'erase' || call === 'program');
  const made = board.flash.slice(PARTITION_AT, PARTITION_AT + 1024);
  return { end, untouched, compressed: made.subarray(0, 72), der: made.subarray(72, 672) };
}

describe('a unit with a certificate of its own', () => {
  it('has it in both forms, for its key and serial; the record names issuer and fingerprint', async () => {
    const { end, compressed, der } = await run(issuing());
    expect([end.verdict, end.failure]).toEqual(['PASS', null]);
    const whole = der.subarray(0, 4 + ((der[2] ?? 0) << 8) + (der[3] ?? 0));
    expect(der.subarray(whole.length).every((byte) => byte === 0xff)).toBe(true);
    const certificate = new X509Certificate(whole);
    expect(certificate.verify(new X509Certificate(ca.pem).publicKey)).toBe(true);
    const other = await ca.issue(spkiOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey), 'HB000001', 5);
    expect(expandCertificate(compressed, other, spkiOf(unit).slice(-64))).toEqual(new Uint8Array(certificate.raw));
    const fingerprint = certificate.fingerprint256.replaceAll(':', '').toLowerCase();
    const keyId = createHash('sha256').update(ca.publicKey).digest('hex');
    expect(end.record?.signatures).toMatchObject([
      { what: 'certificate', key: 'device-ca', keyId, store: 'hsm', certificate: fingerprint },
    ]);
    expect(asked).toMatchObject([
      {
        key: 'device-ca',
        serial: 'HB000001',
        publicKey: toHex(spkiOf(unit)),
        subject: { organization: 'Example' },
        years: 20,
      },
    ]);
  });

  const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey;
  const CASES: readonly [string, () => Promise<Partial<PlantRules>>, Record<string, string>, string, string][] = [
    [
      'for another key',
      async () => issuing(() => ca.issue(spkiOf(stranger), 'HB000001')),
      { key: point },
      'signing-wrong',
      'plant',
    ],
    [
      'for another serial',
      async () => issuing(() => ca.issue(spkiOf(unit), 'HB000002')),
      { key: point },
      'signing-wrong',
      'plant',
    ],
    [
      'of another issuer',
      async () => {
        const other = await DeviceCa.make();
        return issuing(() => other.issue(spkiOf(unit), 'HB000001'));
      },
      { key: point },
      'signing-wrong',
      'plant',
    ],
    ['that is none', async () => issuing(async () => new Uint8Array(30)), { key: point }, 'signing-wrong', 'plant'],
    [
      'that another key answers for',
      async () => issuing(undefined, { keyId: 'd'.repeat(64) }),
      { key: point },
      'signing-wrong',
      'plant',
    ],
    ['without a plant', async () => ({}), { key: point }, 'signing-unavailable', 'plant'],
    [
      'that is refused',
      async () => ({
        issue: () =>
          Promise.reject(new FlashlineError('signing-refused', { params: { key: 'device-ca', reason: 'x' } })),
      }),
      { key: point },
      'signing-refused',
      'plant',
    ],
    ['of a key that nobody scanned', async () => issuing(), {}, 'value-missing', 'station'],
    ['of what is no key', async () => issuing(), { key: 'abcd' }, 'value-unsuited', 'recipe'],
  ];
  it.each(CASES)('is not touched for one %s', async (_, plant, scans, code, blame) => {
    const { end, untouched } = await run(await plant(), { scans });
    expect([end.verdict, end.failure?.code, end.failure?.blame, untouched]).toEqual(['ERROR', code, blame, true]);
  });

  it('on the bench has one of nobody’s, and says so', async () => {
    const { end, der } = await run(issuing(), { probe: 'bench:nrf51822' });
    expect([end.verdict, asked.length, end.record?.signatures?.[0]?.store]).toEqual(['PASS', 0, 'bench']);
    expect(new X509Certificate(der).issuer).toBe('CN=Bench without a plant 0000');
  });
});

describe('an issuer in a recipe', () => {
  const detailOf = async (text: string, pem?: string) => (await failureOf(() => open(text, pem))).params['detail'];
  it('that is no certificate, may not issue, or has no 72 bytes is refused when the recipe is opened', async () => {
    expect(await detailOf(recipe(), 'nothing')).toContain('holds no certificate in PEM');
    const leaf = new X509Certificate(await ca.issue(spkiOf(unit), 'x')).toString();
    expect(await detailOf(recipe(), leaf)).toContain('may issue no others');
  });

  it('is needed by what comes from a certificate', async () => {
    expect(await detailOf(recipe(''))).toContain('the section has no certificate');
    const uncompressed = CERTIFICATE.replace(/,\s+compressed: .*?\} \}/u, ' }');
    expect(await detailOf(recipe(uncompressed))).toContain('is not compressed');
  });
});
