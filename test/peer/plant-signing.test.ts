import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { realClock } from '#main/app/real-clock.ts';
import { HsmStore } from '#plant/signing/pkcs11/hsm-store.ts';
import { fromHex } from '#shared/base/bytes.ts';
import { SignAnswer, type SigningKey, type SignRequest } from '#shared/contract/plant/signing-api.ts';
import { KeyKind, SIGNING_ALGORITHMS, type SigningAlgorithm } from '#shared/model/signing.ts';
import { ROOT } from '#test/support/cli.ts';
import { cliHere } from '#test/support/cli-here.ts';
import { type Credential, PlantUnderTest } from '#test/support/plant-http.ts';
import { requirePrograms } from '#test/support/programs.ts';
import { SoftHsm } from '#test/support/softhsm.ts';
import { failureOf } from '../unit/release/failure-of.ts';

const RELEASE = 'c'.repeat(64);
const Audit = z.object({
  entries: z.array(z.object({ action: z.string(), detail: z.record(z.string(), z.string()) })),
});

describe.skipIf(!requirePrograms(['softhsm2', 'pkcs11-tool', 'openssl']))('keys in SoftHSM', () => {
  let hsm: SoftHsm;
  let plant: PlantUnderTest;
  let station: Credential;
  let admin: Credential;
  beforeAll(async () => {
    hsm = new SoftHsm();
    plant = await PlantUnderTest.start({ hsm: hsm.settings, folder: join(hsm.folder, 'home', 'plant') });
    station = await plant.station('L1');
    admin = await plant.person('ada', ['admin']);
  });
  afterAll(async () => {
    await plant.close();
    hsm.remove();
  });

  const openssl = (...args: readonly string[]) => execFileSync('openssl', args, { encoding: 'utf8', cwd: hsm.folder });
  const file = (name: string, content: Uint8Array | string) => {
    writeFileSync(join(hsm.folder, name), content);
    return name;
  };
  const makeKey = (name: string, kind: KeyKind): Promise<SigningKey> =>
    plant.plant.desk.call('key.create', {
      name,
      use: 'digest',
      store: 'hsm',
      from: { kind },
      policy: { enabled: true, releases: [RELEASE] },
    });
  const MESSAGE = randomBytes(1000);
  const asked = (key: string, algorithm: SigningAlgorithm, message: Uint8Array = MESSAGE): SignRequest => ({
    request: randomBytes(16).toString('hex'),
    key,
    algorithm,
    digest: createHash(SIGNING_ALGORITHMS[algorithm].hash).update(message).digest('hex'),
    product: 'hello',
    release: RELEASE,
    serial: 'HB000001',
    uid: null,
  });
  const sign = async (body: SignRequest) => plant.call('station.sign', station, { body });
  const signed = async (body: SignRequest) => SignAnswer.parse((await sign(body)).body);

  /** `openssl pkeyutl` knows digests and nothing of us. */
  function opensslVerifies(key: SigningKey, algorithm: SigningAlgorithm, answer: SignAnswer): string {
    file('key.der', fromHex(key.publicKey));
    const digest = createHash(SIGNING_ALGORITHMS[algorithm].hash).update(MESSAGE).digest();
    file('digest.bin', digest);
    const ecdsa = algorithm.startsWith('ecdsa');
    file('signature.bin', ecdsa ? derOf(fromHex(answer.signature)) : fromHex(answer.signature));
    const hash = `digest:${SIGNING_ALGORITHMS[algorithm].hash}`;
    const options = {
      'ed25519-sha256': ['-rawin'],
      'ecdsa-p256-sha256': ['-pkeyopt', hash],
      'ecdsa-p384-sha384': ['-pkeyopt', hash],
      'rsa-pss-sha256': ['-pkeyopt', hash, '-pkeyopt', 'rsa_padding_mode:pss', '-pkeyopt', 'rsa_pss_saltlen:32'],
      'rsa-pkcs1-sha256': ['-pkeyopt', hash],
    }[algorithm];
    const verify = ['pkeyutl', '-verify', '-pubin', '-inkey', 'key.der', '-keyform', 'DER', '-in', 'digest.bin'];
    return openssl(...verify, '-sigfile', 'signature.bin', ...options);
  }

  it.each(KeyKind.options)(
    '%s: made in the token, signs what OpenSSL verifies, and cannot be taken out',
    async (kind) => {
      const key = await makeKey(kind, kind);
      const algorithms = Object.entries(SIGNING_ALGORITHMS).filter(([, { kinds }]) => kinds.includes(kind));
      for (const [algorithm] of algorithms as [SigningAlgorithm, unknown][]) {
        const answer = await signed(asked(kind, algorithm));
        expect(answer).toMatchObject({ store: 'hsm', keyId: key.keyId });
        expect(opensslVerifies(key, algorithm, answer)).toContain('Signature Verified Successfully');
      }
      const listed = hsm.tool('--list-objects', '--type', 'privkey', '--id', key.reference);
      expect(listed).toMatch(/Access: +sensitive, always sensitive, never extractable/);
    },
  );

  it('a key that was made by others is taken into use; one that could be taken out is not', async () => {
    hsm.tool('--keypairgen', '--key-type', 'EC:prime256v1', '--id', '0a01', '--label', 'theirs', '--usage-sign');
    const take = (name: string, reference: string) =>
      plant.plant.desk.call('key.create', {
        name,
        use: 'digest',
        store: 'hsm',
        from: { reference },
        policy: { enabled: true, releases: [RELEASE] },
      });
    const key = await take('theirs', '0a01');
    expect(opensslVerifies(key, 'ecdsa-p256-sha256', await signed(asked('theirs', 'ecdsa-p256-sha256')))).toContain(
      'Verified',
    );
    hsm.tool('--keypairgen', '--key-type', 'EC:prime256v1', '--id', '0a02', '--label', 'loose', '--extractable');
    const refusal = async (name: string, id: string) => (await failureOf(() => take(name, id))).params['reason'];
    expect(await refusal('loose', '0a02')).toContain('could be taken out');
    expect(await refusal('nothing', '0a03')).toBe('the token has no private key with its id');
  });

  it('a key that somebody exchanged in the token signs nothing', async () => {
    hsm.tool('--keypairgen', '--key-type', 'EC:prime256v1', '--id', '0b01', '--label', 'first');
    await plant.plant.desk.call('key.create', {
      name: 'exchanged',
      use: 'digest',
      store: 'hsm',
      from: { reference: '0b01' },
      policy: { enabled: true, releases: [RELEASE] },
    });
    for (const type of ['privkey', 'pubkey']) hsm.tool('--delete-object', '--type', type, '--id', '0b01');
    hsm.tool('--keypairgen', '--key-type', 'EC:prime256v1', '--id', '0b01', '--label', 'second');
    const { status, body } = await sign(asked('exchanged', 'ecdsa-p256-sha256'));
    expect([status, body]).toMatchObject([
      409,
      { failure: { params: { reason: 'the token has another key under its id' } } },
    ]);
  });

  it('a module that hangs is given up after its time, and begun anew; the same request has one signature', async () => {
    await makeKey('slow', 'ecdsa-p256');
    const store = new HsmStore({ settings: hsm.settings, clock: realClock });
    try {
      const key = (await plant.plant.desk.call('key.list', {})).find(({ name }) => name === 'slow');
      if (key === undefined || store.pid !== undefined) throw new Error('not as it should be before');
      const order = {
        reference: key.reference,
        spki: fromHex(key.publicKey),
        algorithm: 'ecdsa-p256-sha256',
        digest: new Uint8Array(32),
      } as const;
      await store.sign(order);
      const pid = store.pid ?? 0;
      process.kill(pid, 'SIGSTOP');
      const { code, params } = await failureOf(() => store.sign(order));
      expect([code, params['detail']]).toEqual([
        'signing-unavailable',
        'no answer within 2000 ms; tried again in 0.3 s',
      ]);
      expect(store.state.is).toBe('gone');
      // Ended, although it heard nothing.
      await expect.poll(() => isAlive(pid)).toBe(false);
      await expect
        .poll(
          () =>
            store.sign(order).then(
              ({ length }) => length,
              () => 0,
            ),
          { interval: 100 },
        )
        .toBe(64);
      expect(store.state.is).toBe('there');
    } finally {
      await store.close();
    }
  });

  it('signs on whatever JavaScript lets go of meanwhile', () => {
    const script = join(ROOT, 'test', 'support', 'sign-and-collect.ts');
    const { module, token, pin } = hsm.settings;
    expect(hsm.run(process.execPath, ['--expose-gc', script, module, token, pin])).toBe('signed\n');
  });

  it('a module that crashes takes no server with it', async () => {
    const store = new HsmStore({ settings: hsm.settings, clock: realClock });
    try {
      const [key] = await plant.plant.desk.call('key.list', {});
      await store.find(key?.reference ?? '');
      process.kill(store.pid ?? 0, 'SIGSEGV');
      expect((await failureOf(() => store.find(key?.reference ?? ''))).code).toBe('signing-unavailable');
      await expect
        .poll(
          () =>
            store.find(key?.reference ?? '').then(
              () => true,
              () => false,
            ),
          { interval: 100 },
        )
        .toBe(true);
    } finally {
      await store.close();
    }
  });

  it('a wrong PIN is tried once, and the token is not locked by it', async () => {
    const store = new HsmStore({ settings: { ...hsm.settings, pin: '0000' }, clock: realClock });
    const details = new Set<string | undefined>();
    for (let times = 0; times < 20; times += 1) {
      const { code, params } = await failureOf(() => store.find('0a01'));
      details.add(`${code} ${params['detail']}`);
    }
    await store.close();
    expect([...details]).toEqual([
      'signing-unavailable the token plant does not take the PIN (C_Login: CKR_PIN_INCORRECT); it is not tried again before the server is restarted',
    ]);
    expect(hsm.run('softhsm2-util', ['--show-slots'])).toContain('plant');
    expect(plant.logs.join('\n')).not.toMatch(/73915|0000/);
  });

  it('says what is missing: no such library, no such token', async () => {
    const detailOf = async (settings: Partial<typeof hsm.settings>) => {
      const store = new HsmStore({ settings: { ...hsm.settings, ...settings }, clock: realClock });
      const { params } = await failureOf(() => store.find('0a01'));
      await store.close();
      return params['detail'];
    };
    expect(await detailOf({ token: 'other' })).toMatch(/^no token other in it, only plant; tried again/);
    expect(await detailOf({ module: '/usr/lib/no-such-library.so' })).toMatch(/no-such-library\.so/);
    expect(await detailOf({ module: '/bin/sh' })).toContain('tried again');
  });

  it('a token that is pulled is refused with the reason, and signs again once it is back', async () => {
    const key = await makeKey('pulled', 'ecdsa-p256');
    const request = asked('pulled', 'ecdsa-p256-sha256');
    await signed(asked('pulled', 'ecdsa-p256-sha256'));
    hsm.pull();
    expect(hsm.isEmpty).toBe(true);
    const { status, body } = await sign(request);
    expect([status, body]).toMatchObject([503, { failure: { code: 'signing-unavailable', blame: 'plant' } }]);
    const health = async () => (await fetch(`${plant.url}/health`)).json();
    expect(await health()).toMatchObject({ signing: { hsm: 'gone' } });
    expect((await fetch(`${plant.url}/ready`)).status).toBe(200);
    hsm.putBack();
    await expect.poll(async () => (await sign(request)).status, { interval: 200 }).toBe(200);
    expect(opensslVerifies(key, 'ecdsa-p256-sha256', await signed(request))).toContain('Verified');
    expect(await health()).toMatchObject({ signing: { hsm: 'there' } });
    const { entries } = Audit.parse((await plant.call('audit.list', admin, { query: { limit: '100' } })).body);
    const mine = entries.filter(({ detail }) => detail['request'] === request.request);
    expect(mine.filter(({ action }) => action === 'signing.sign')).toHaveLength(1);
    expect(mine.filter(({ action }) => action === 'signing.refuse').length).toBeGreaterThan(0);
    const metrics = await (await fetch(`${plant.url}/metrics`)).text();
    expect(metrics).toMatch(/^flashline_signatures_total\{end="signed",store="hsm"\} \d+$/m);
    expect(metrics).toMatch(/^flashline_signing_store_up\{store="hsm"\} 1$/m);
  });

  it('the command line makes, shows and limits keys, and gives out the public part alone', async () => {
    // The desk of the server that runs there answers.
    const home = join(hsm.folder, 'home');
    const settings = hsm.settingsFile();
    const run = (...args: string[]) => cliHere(['plant', 'keys', ...args, '--hsm', settings], { home });
    const made = await run(
      'generate',
      'cli',
      '--kind',
      'ecdsa-p384',
      '--product',
      'hello',
      '--quantity',
      '5',
      '--json',
    );
    expect(made.code).toBe(0);
    const key = JSON.parse(made.stdout) as SigningKey;
    expect(key).toMatchObject({ store: 'hsm', policy: { enabled: false, products: ['hello'], quantity: 5 } });
    expect((await run('policy', 'cli', '--enable', '--quantity', 'all')).stdout).toContain('signed 0');
    const pem = join(hsm.folder, 'cli.pem');
    expect((await run('public', 'cli', '--out', pem)).code).toBe(0);
    const der = execFileSync('openssl', ['pkey', '-pubin', '-in', pem, '-outform', 'DER']);
    expect(der.toString('hex')).toBe(key.publicKey);
    expect(readFileSync(pem, 'utf8')).not.toContain('PRIVATE');
    expect((await run('generate', 'cli', '--kind', 'ed25519')).code).toBe(3);
    expect((await run('policy', 'cli')).code).toBe(2);
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** r and s as OpenSSL reads them: a SEQUENCE of two INTEGERs. */
function derOf(raw: Uint8Array): Uint8Array {
  const half = raw.length / 2;
  const integer = (bytes: Uint8Array) => {
    const first = bytes.findIndex((byte) => byte !== 0);
    const lean = [...bytes.subarray(first)];
    if ((lean[0] ?? 0) >= 0x80) lean.unshift(0);
    return [2, lean.length, ...lean];
  };
  const content = [...integer(raw.subarray(0, half)), ...integer(raw.subarray(half))];
  return Uint8Array.of(0x30, content.length, ...content);
}
