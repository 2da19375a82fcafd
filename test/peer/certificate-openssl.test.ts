import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256 } from '@noble/hashes/sha2.js';
import { afterAll, describe, expect, it } from 'vitest';
import { concat, fromHex, toHex } from '#shared/base/bytes.ts';
import { encodedDates, readCompressed } from '#main/image/certificate/compressed.ts';
import { compressCertificate, expandCertificate, publicKeyOf } from '#main/image/certificate/x509.ts';
import { cliHere } from '#test/support/cli-here.ts';
import { requirePrograms } from '#test/support/programs.ts';

const folder = mkdtempSync(join(tmpdir(), 'flashline-certificate-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const path = (name: string) => join(folder, name);

function openssl(...args: readonly string[]): string {
  return execFileSync('openssl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], cwd: folder });
}

const ELEMENT = '0123deadbeefcafeee';
const ISSUED = { year: 2026, month: 2, day: 28, hour: 14 };
const CONFIG = `
[req]
distinguished_name = name
[name]
[ca]
default_ca = plant
[plant]
database = index
new_certs_dir = .
serial = serial
private_key = signer.key
certificate = signer.crt
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
organizationName = optional
[signer]
basicConstraints = critical, CA:TRUE
subjectKeyIdentifier = hash
[device]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
`;

/** A device's certificate as OpenSSL makes it, signed by the signer C0FE; its serial number is what the format says. */
function deviceCertificate(name: string, serialOf: (publicKey: Uint8Array) => Uint8Array): Uint8Array {
  openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', `${name}.key`);
  const spki = execFileSync('openssl', ['ec', '-in', path(`${name}.key`), '-pubout', '-outform', 'DER'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const key = new Uint8Array(spki.subarray(-64));
  openssl(
    'req',
    '-new',
    '-key',
    `${name}.key`,
    '-subj',
    `/O=Example/CN=Device`,
    '-config',
    'ca.cnf',
    '-out',
    `${name}.csr`,
  );
  writeFileSync(path('serial'), toHex(serialOf(key)).toUpperCase());
  writeFileSync(path('index'), '');
  const validity = ['-startdate', '20260228140000Z', '-enddate', '20460228140000Z'];
  const signing = ['ca', '-batch', '-notext', '-config', 'ca.cnf', '-extensions', 'device', '-preserveDN'];
  openssl(...signing, ...validity, '-in', `${name}.csr`, '-out', `${name}.crt`);
  openssl('x509', '-in', `${name}.crt`, '-outform', 'DER', '-out', `${name}.der`);
  return new Uint8Array(readFileSync(path(`${name}.der`)));
}

function hashed(source: Uint8Array): Uint8Array {
  const hash = sha256(concat([source, encodedDates({ issued: ISSUED, expireYears: 20 })])).slice(0, 16);
  hash[0] = ((hash[0] ?? 0) & 0x3f) | 0x40;
  return hash;
}

describe.skipIf(!requirePrograms(['openssl']))('certificates that OpenSSL made', () => {
  const options = { templateId: 3, chainId: 1 };

  function signer(): void {
    writeFileSync(path('ca.cnf'), CONFIG);
    openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', 'signer.key');
    const subject = ['-subj', '/O=Example/CN=Example Signer C0FE', '-config', 'ca.cnf'];
    openssl(
      'req',
      '-x509',
      '-new',
      '-key',
      'signer.key',
      '-days',
      '9999',
      '-sha256',
      '-extensions',
      'signer',
      ...subject,
      '-out',
      'signer.crt',
    );
  }

  it('come back byte by byte from 72 bytes and another device’s certificate, and OpenSSL verifies them', () => {
    signer();
    const element = fromHex(ELEMENT);
    const one = deviceCertificate('one', (key) => hashed(key));
    const two = deviceCertificate('two', (key) => hashed(key));
    const compressed = compressCertificate(one, { ...options, serialSource: 'key-hash' });
    expect(readCompressed(compressed)).toMatchObject({ issued: ISSUED, expireYears: 20, signerId: 0xc0fe, ...options });
    const again = expandCertificate(compressed, two, publicKeyOf(one));
    expect(toHex(again)).toBe(toHex(one));
    writeFileSync(path('again.der'), again);
    openssl('x509', '-inform', 'DER', '-in', 'again.der', '-out', 'again.crt');
    expect(openssl('verify', '-CAfile', 'signer.crt', 'again.crt')).toContain('again.crt: OK');
    // With another device's key it is somebody else's, and OpenSSL sees that.
    const wrong = expandCertificate(compressed, one, publicKeyOf(two));
    writeFileSync(path('wrong.der'), wrong);
    openssl('x509', '-inform', 'DER', '-in', 'wrong.der', '-out', 'wrong.crt');
    expect(() => openssl('verify', '-CAfile', 'signer.crt', 'wrong.crt')).toThrow(/signature failure/u);

    const bySerial = deviceCertificate('three', () => concat([Uint8Array.of(0x40), element]));
    const serialOptions = { ...options, serialSource: 'element-serial', elementSerial: element } as const;
    const three = compressCertificate(bySerial, serialOptions);
    expect(toHex(expandCertificate(three, bySerial, publicKeyOf(bySerial), element))).toBe(toHex(bySerial));
    expect(() => compressCertificate(bySerial, { ...options, serialSource: 'key-hash' })).toThrow(/serial number/u);
  });

  it('are compressed and expanded on the command line, and what cannot be is told', async () => {
    const slot = path('slot10.bin');
    const compress = ['--certificate', path('one.crt'), '--template-id', '3', '--chain-id', '1', '--out', slot];
    const first = await cliHere(['secure-element', 'compress', ...compress, '--serial-source', 'key-hash', '--json'], {
      home: folder,
    });
    expect(first.code).toBe(0);
    const { publicKey } = JSON.parse(first.lines[0] ?? '{}') as { publicKey: string };
    expect(readFileSync(slot)).toHaveLength(72);
    const expand = [
      '--compressed',
      slot,
      '--template',
      path('two.crt'),
      '--public-key',
      publicKey,
      '--out',
      path('out.der'),
    ];
    expect((await cliHere(['secure-element', 'expand', ...expand], { home: folder })).code).toBe(0);
    expect(readFileSync(path('out.der'))).toEqual(readFileSync(path('one.der')));
    const wrong = await cliHere(['secure-element', 'compress', ...compress, '--serial-source', 'signer-id'], {
      home: folder,
    });
    expect(wrong.code).toBe(2);
    expect(wrong.stderr + wrong.stdout).toContain('serial number');
  });
});
