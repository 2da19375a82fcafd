import { execFileSync } from 'node:child_process';
import { createHash, createPublicKey, X509Certificate } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { connectorOf } from '#main/app/compose-connector.ts';
import { realClock, realRandom } from '#main/app/real-clock.ts';
import { compressCertificate } from '#main/image/certificate/x509.ts';
import { readMcuboot } from '#main/image/mcuboot.ts';
import { type ConnectRequest, isProgrammer, type OpenedUnit } from '#main/programmer/programmer.ts';
import { type ChipLibrary, loadChips } from '#main/release/chip-library.ts';
import { nodeFiles } from '#main/release/files.ts';
import { openRelease } from '#main/release/open-release.ts';
import { releaseEngine } from '#main/station/release-engine.ts';
import { executeRun } from '#main/station/run.ts';
import type { PlantSession } from '#main/sync/plant-session.ts';
import { signForUnit } from '#main/sync/sign-for-unit.ts';
import { StationRules } from '#main/sync/station-rules.ts';
import type { Sync } from '#main/sync/sync.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { ROOT } from '#test/support/cli.ts';
import { PlantUnderTest } from '#test/support/plant-http.ts';
import { mcubootImage } from '#test/support/power/signing.ts';
import { requirePrograms } from '#test/support/programs.ts';
import { SoftHsm } from '#test/support/softhsm.ts';
import { APPLICATION, manufacturedRecipe, PARTITION_AT } from '#test/support/manufactured.ts';
import { productConfig } from '../bench/atecc-rig.ts';
import { CHIP, FakeBoard, makeRig, type Rig } from '../unit/station/fixtures.ts';
import { makeSyncRig, NEVER, type SyncRig } from '../unit/sync/rig.ts';

const RECIPE = manufacturedRecipe(
  'template',
  256,
  `  fields:
    - { at: 0, type: string, size: 16, from: serial }
    - { at: 16, type: bytes, size: 8, from: uid }
    - { name: proof, at: 128, type: signature, size: 72, encoding: der, over: { at: 0, size: 128 },
        by: { key: unit-data, algorithm: ecdsa-p256-sha256, publicKey: unit-data.pem } }
`,
);
const ELEMENT_RECIPE = `schema: 1
product: { id: sensor, revision: A, name: Sensor }
chip: atecc608b
interface: i2c
images:
  - { role: manufacturing, file: config.bin, version: 1.0.0, address: 0x10 }
keys:
  - { slot: 0 }
locks:
  - { step: atecc-config }
  - { step: atecc-data }
route: { step: element }
serial: { pattern: '^SE[0-9]{6}$' }
`;
const CERTIFIED_RECIPE = `schema: 1
product: { id: sensor, revision: A, name: Sensor }
chip: atecc608b
interface: i2c
images:
  - { role: filesystem, file: signer.bin, version: 1.0.0, address: 0x2000 }
manufacturing:
  kind: template
  version: '1'
  address: 0x2400
  size: 72
  certificate: { key: device-ca, issuer: device-ca.pem, publicKey: element.0, organization: Example, years: 20,
    compressed: { templateId: 3, chainId: 0 } }
  fields:
    - { at: 0, type: bytes, size: 72, from: certificate.compressed }
route: { step: element-data, after: element }
serial: { pattern: '^SE[0-9]{6}$' }
`;
const IMAGE_RECIPE = `schema: 1
product: { id: hello, revision: A, name: Hello board }
chip: nrf51822
interface: swd
partitions: [{ name: slot0, address: 0x8000, size: 0x2000 }]
images:
  - role: application
    file: app.bin
    version: 1.2.0
    partition: slot0
    signedPerUnit:
      kind: mcuboot
      by: { key: unit-image-KIND, algorithm: ALGORITHM, publicKey: app.pem }
      tlv: { tag: 0xa0, size: 8, fields: [{ at: 0, type: bytes, size: 8, from: uid }] }
serial: { pattern: '^HB[0-9]{6}$' }
`;
const Entry = z.object({ action: z.string(), object: z.string(), detail: z.record(z.string(), z.string()) });

describe.skipIf(!requirePrograms(['softhsm2', 'openssl']))('a unit signed by a plant with an HSM', () => {
  let hsm: SoftHsm;
  let plant: PlantUnderTest;
  let line: SyncRig;
  let rig: Rig;
  let sync: Sync;
  let rules: StationRules;
  let folder: string;
  let chips: ChipLibrary;
  beforeAll(async () => {
    hsm = new SoftHsm();
    plant = await PlantUnderTest.start({ hsm: hsm.settings, clock: realClock });
    chips = await loadChips([join(ROOT, 'resources', 'chips')], nodeFiles);
    rig = makeRig();
    line = await makeSyncRig();
    sync = await line.open({ product: 'hello' });
    const { code } = await plant.plant.desk.call('station.invite', { name: 'L1' });
    await sync.enrol({ url: plant.url, code }, NEVER);
    // Pauses between attempts cost nothing; the plant itself is as slow as it is.
    const clock = { ...realClock, sleep: (ms: number, signal?: AbortSignal) => realClock.sleep(ms / 4, signal) };
    rules = await StationRules.open({
      sync,
      store: line.store,
      clock,
      random: realRandom,
      fromPlant: false,
      changed: () => undefined,
    });
    folder = join(hsm.folder, 'release');
    mkdirSync(folder);
    const key = await plant.plant.desk.call('key.create', {
      name: 'unit-data',
      use: 'digest',
      store: 'hsm',
      from: { kind: 'ecdsa-p256' },
      policy: { enabled: true, products: ['hello'], stations: ['L1'] },
    });
    writeFileSync(join(folder, 'unit-data.pem'), pemOf(key.publicKey));
    writeFileSync(join(folder, 'recipe.yaml'), RECIPE);
    writeFileSync(join(folder, 'app.bin'), APPLICATION);
  });
  afterAll(async () => {
    rules.close();
    await line.close();
    await rig.remove();
    await plant.close();
    hsm.remove();
  });

  const open = async (path = folder) => {
    return { ...(await openRelease(path, { chips, files: nodeFiles })), chip: CHIP };
  };
  const pemOf = (publicKey: string) =>
    execFileSync('openssl', ['pkey', '-pubin', '-inform', 'DER'], { input: Buffer.from(publicKey, 'hex') });
  const permit = async (change: object) =>
    plant.plant.desk.call('key.policy', { name: 'unit-data', change: { enabled: true, ...change } });

  async function flash(serial: string, path = folder) {
    const board = new FakeBoard();
    board.uid = serial.padEnd(16, '0').replaceAll(/[^0-9a-f]/gu, 'a');
    const engine = releaseEngine(await open(path), () => Promise.resolve(board.device()));
    const request = { serial, slot: '1', probe: 'cmsis-dap:1', rework: false };
    // Whether a release may run, and its record, are other tests' matters.
    const sign = rules.sign.bind(rules);
    const quiet = {
      permit: () => undefined,
      admit: async () => undefined,
      order: () => null,
      recorded: () => undefined,
    };
    const services = { ...rig.services(board), plant: { ...quiet, sign } as unknown as StationRules };
    const end = await executeRun(request, engine, services, NEVER, () => undefined);
    return { end, board, untouched: !board.calls.some((call) => call === 'erase' || call === 'program') };
  }

  it('passes, and OpenSSL finds the signature on its flash to be right', async () => {
    const { digest } = await open();
    await permit({ releases: [digest] });
    const { end, board } = await flash('HB000001');
    expect([end.verdict, end.failure]).toEqual(['PASS', null]);
    const made = board.flash.subarray(PARTITION_AT, PARTITION_AT + 256);
    writeFileSync(join(folder, 'data.bin'), made.subarray(0, 128));
    const length = 2 + (made[129] ?? 0);
    writeFileSync(join(folder, 'signature.der'), made.subarray(128, 128 + length));
    const args = ['dgst', '-sha256', '-verify', 'unit-data.pem', '-signature', 'signature.der', 'data.bin'];
    expect(execFileSync('openssl', args, { cwd: folder, encoding: 'utf8' })).toBe('Verified OK\n');
    expect(new TextDecoder().decode(made.subarray(0, 8))).toBe('HB000001');
    const [signature] = end.record?.signatures ?? [];
    const [key] = await plant.plant.desk.call('key.list', {});
    expect(signature).toMatchObject({ what: 'proof', store: 'hsm', keyId: key?.keyId });
    expect(end.record?.signingKeys).toEqual([key?.keyId]);
    // The audit log has it by the record's request, for this unit.
    const admin = await plant.person('ada', ['admin']);
    const { body } = await plant.call('audit.list', admin, {});
    const entries = z.object({ entries: z.array(Entry) }).parse(body).entries;
    expect(entries.filter(({ action }) => action === 'signing.sign')).toMatchObject([
      { object: 'unit-data', detail: { request: signature?.request, serial: 'HB000001', release: digest } },
    ]);
  });

  /** OpenSSL is given what MCUboot signs, and the signature, as they lie on the flash. */
  it.each([
    ['ecdsa-p256', 'ecdsa-p256-sha256', 0x22, []],
    ['rsa-2048', 'rsa-pss-sha256', 0x20, ['rsa_padding_mode:pss', 'rsa_pss_saltlen:32']],
  ] as const)(
    'passes with an application that is its own, signed by %s: OpenSSL verifies it',
    async (kind, algorithm, type, options) => {
      const name = `unit-image-${kind}`;
      const policy = { enabled: true, products: ['hello'] };
      const key = await plant.plant.desk.call('key.create', {
        name,
        use: 'digest',
        store: 'hsm',
        from: { kind },
        policy,
      });
      const own = join(hsm.folder, name);
      mkdirSync(own);
      writeFileSync(join(own, 'app.pem'), pemOf(key.publicKey));
      writeFileSync(join(own, 'app.bin'), mcubootImage(new Uint8Array(3000).fill(7), [1, 2]));
      writeFileSync(join(own, 'recipe.yaml'), IMAGE_RECIPE.replace('KIND', kind).replace('ALGORITHM', algorithm));
      const { digest } = await open(own);
      await plant.plant.desk.call('key.policy', { name, change: { releases: [digest] } });
      const { end, board } = await flash(kind === 'rsa-2048' ? 'HB000011' : 'HB000012', own);
      expect([end.verdict, end.failure]).toEqual(['PASS', null]);
      const image = readMcuboot(board.flash.subarray(0x8000, 0xa000));
      if (typeof image === 'string') throw new Error(image);
      expect(image.protectedTlvs.map((tlv) => [tlv.type, Buffer.from(tlv.value).toString('hex')])).toEqual([
        [0xa0, board.uid],
      ]);
      writeFileSync(join(own, 'signed.bin'), image.signed);
      writeFileSync(join(own, 'signature'), image.tlvs.find((tlv) => tlv.type === type)?.value ?? '');
      const args = ['dgst', '-sha256', '-verify', 'app.pem', ...options.flatMap((each) => ['-sigopt', each])];
      const said = execFileSync('openssl', [...args, '-signature', 'signature', 'signed.bin'], {
        cwd: own,
        encoding: 'utf8',
      });
      expect(said).toBe('Verified OK\n');
      expect(end.record?.signatures).toMatchObject([{ what: 'application', store: 'hsm', keyId: key.keyId }]);
    },
  );

  const REFUSED: readonly [string, object, string][] = [
    ['switched off', { enabled: false }, 'it is switched off'],
    ['over', { until: '2020-01-01T00:00:00Z' }, 'its policy ended 2020-01-01T00:00:00.000Z'],
    ['of another station', { until: null, stations: ['L2'] }, 'it does not sign for station L1'],
    ['of another release', { stations: null, releases: ['d'.repeat(64)] }, 'it does not sign for release'],
    ['used up', { releases: null, quantity: 1 }, ''],
  ];
  it.each(REFUSED)('is not touched where the key is %s, and the plant says why', async (_, change, reason) => {
    await permit(change);
    const { end, untouched } = await flash('HB000002');
    expect([end.verdict, end.failure?.code, end.failure?.blame, untouched]).toEqual([
      'ERROR',
      'signing-refused',
      'plant',
      true,
    ]);
    expect(end.failure?.params['reason']).toContain(reason);
  });

  it('is not touched while the token is out, and passes once it is back', async () => {
    const { digest } = await open();
    await permit({ releases: [digest], stations: null, products: null, quantity: null, until: null });
    hsm.pull();
    const away = await flash('HB000003');
    expect([away.end.verdict, away.end.failure?.code, away.untouched]).toEqual(['ERROR', 'signing-unavailable', true]);
    hsm.putBack();
    await expect.poll(async () => (await flash('HB000003')).end.verdict, { interval: 200 }).toBe('PASS');
  });

  it('has one signature, where the plant signed and its answer was lost', async () => {
    const { digest } = await open();
    await permit({ releases: [digest], quantity: null });
    const before = (await plant.plant.desk.call('key.list', {}))[0]?.signed ?? 0;
    const heard: string[] = [];
    const session = {
      async call(...args: Parameters<PlantSession['call']>) {
        const answer = await sync.session().call(...args);
        heard.push('signature' in answer ? String(answer.signature) : '');
        if (heard.length < 3) throw new FlashlineError('plant-unreachable', { params: { url: plant.url } });
        return answer;
      },
    } as unknown as PlantSession;
    const order = {
      key: 'unit-data',
      algorithm: 'ecdsa-p256-sha256',
      digest: 'ab'.repeat(32),
      product: 'hello',
      release: digest,
      serial: 'HB000009',
      uid: null,
    } as const;
    const { signature } = await signForUnit(order, { session, clock: realClock, random: realRandom, signal: NEVER });
    expect(heard).toEqual([signature, signature, signature]);
    expect((await plant.plant.desk.call('key.list', {}))[0]?.signed).toBe(before + 1);
  });

  it('gets a certificate for the key in its secure element, in 72 bytes, that OpenSSL verifies by the plant’s issuer', async () => {
    const { desk } = plant.plant;
    const policy = { enabled: true, products: ['sensor'] };
    await desk.call('key.create', {
      name: 'device-ca',
      use: 'certificate',
      store: 'hsm',
      from: { kind: 'ecdsa-p256' },
      policy,
    });
    const subject = { commonName: 'Example Signer C0FE', organization: 'Example' };
    const { certificate } = await desk.call('key.certify', { name: 'device-ca', subject, years: 0 });
    const ca = Buffer.from(certificate ?? '', 'hex');
    const element = join(hsm.folder, 'element');
    mkdirSync(element);
    writeFileSync(join(element, 'device-ca.pem'), new X509Certificate(ca).toString());
    writeFileSync(join(element, 'config.bin'), productConfig().subarray(0x10));
    writeFileSync(join(element, 'signer.bin'), new Uint8Array(36).fill(7));
    const connector = connectorOf({ pace: null });
    const issued: string[] = [];
    const issue: StationRules['issue'] = async (...args) => {
      const answer = await rules.issue(...args);
      issued.push(answer.certificate);
      return answer;
    };
    const flashElement = async (name: string) => {
      const release = await openRelease(join(element, name), { chips, files: nodeFiles });
      await desk.call('key.policy', { name: 'device-ca', change: { releases: [release.digest] } });
      const openFlash = (unit: OpenedUnit, io: IoContext) =>
        isProgrammer(unit) ? unit.openFlash(io) : Promise.reject(new Error('no element'));
      const engine = releaseEngine(release, openFlash);
      const quiet = {
        permit: () => undefined,
        admit: async () => undefined,
        order: () => null,
        recorded: () => undefined,
      };
      const services = {
        ...rig.services(new FakeBoard()),
        connect: (request: ConnectRequest) => connector({ ...request, url: 'bench:atecc608b' }),
        plant: { ...quiet, issue } as unknown as StationRules,
      };
      const request = { serial: 'SE000001', slot: '1', probe: 'i2c:somewhere', rework: false };
      const end = await executeRun(request, engine, services, NEVER, () => undefined);
      expect([end.verdict, end.failure]).toEqual(['PASS', null]);
      return end;
    };
    writeFileSync(join(element, 'make.yaml'), ELEMENT_RECIPE);
    writeFileSync(join(element, 'certify.yaml'), CERTIFIED_RECIPE);
    const made = await flashElement('make.yaml');
    const key = made.record?.keys?.['key 0'] ?? '';
    const end = await flashElement('certify.yaml');
    const [der = ''] = issued;
    writeFileSync(join(element, 'device.der'), Buffer.from(der, 'hex'));
    const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: element, encoding: 'utf8' });
    const pem = openssl('x509', '-inform', 'DER', '-in', 'device.der');
    writeFileSync(join(element, 'device.pem'), pem);
    expect(openssl('verify', '-x509_strict', '-CAfile', 'device-ca.pem', 'device.pem')).toBe('device.pem: OK\n');
    expect(openssl('x509', '-in', 'device.pem', '-noout', '-subject')).toBe('subject=O = Example, CN = SE000001\n');
    expect(openssl('x509', '-in', 'device.pem', '-noout', '-pubkey')).toContain(pemBodyOf(key).slice(0, 60));
    const fingerprint = createHash('sha256').update(Buffer.from(der, 'hex')).digest('hex');
    expect(end.record?.signatures).toMatchObject([{ what: 'certificate', store: 'hsm', certificate: fingerprint }]);
    // The record's image is the 72 bytes; with the key they are the certificate again.
    const compressed = compressCertificate(Uint8Array.from(Buffer.from(der, 'hex')), {
      templateId: 3,
      chainId: 0,
      serialSource: 'key-hash',
    });
    const image = end.record?.images.find(({ role }) => role === 'manufacturing');
    expect(image?.sha256.readBack).toBe(createHash('sha256').update(compressed).digest('hex'));
  });

  it('is not touched where the release has another key than the plant', async () => {
    const other = execFileSync('openssl', ['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    writeFileSync(join(folder, 'unit-data.pem'), execFileSync('openssl', ['pkey', '-pubout'], { input: other }));
    const { digest } = await open();
    await permit({ releases: [digest] });
    const { end, untouched } = await flash('HB000004');
    expect([end.verdict, end.failure?.code, end.failure?.blame, untouched]).toEqual([
      'ERROR',
      'signing-wrong',
      'plant',
      true,
    ]);
  });
});

/** Of the point that a record has, as OpenSSL writes it. */
function pemBodyOf(point: string): string {
  const der = Buffer.from(`3059301306072a8648ce3d020106082a8648ce3d030107034200${point}`, 'hex');
  const key = createPublicKey({ key: der, format: 'der', type: 'spki' });
  return String(key.export({ type: 'spki', format: 'pem' })).split('\n')[1] ?? '';
}
