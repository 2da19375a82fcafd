import {
  array,
  assert,
  asyncProperty,
  constantFrom,
  integer,
  oneof,
  property,
  string,
} from '#test/support/fast-check.ts';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Signer } from '#shared/base/signer.ts';
import { MAX_CERTIFICATE_TEXT, readCertificateText } from '#shared/contract/plant/certificate-text.ts';
import { checkCertificate } from '#shared/contract/plant/check-certificate.ts';
import { STATEMENTS } from '#shared/contract/plant/station-api.ts';
import type { Certificate } from '#shared/contract/plant/web-messages.ts';
import { newSigner } from '#test/support/plant-chain.ts';

const RUNS = process.env['FLASHLINE_NIGHTLY'] === undefined ? 2000 : 100_000;
const CERTIFICATE: Certificate = {
  plant: 'Ulm',
  serial: 'HB000001',
  uid: 'u1',
  product: { id: 'hello', revision: 'A', name: 'Hello board' },
  chip: 'nrf52840',
  release: 'a'.repeat(64),
  images: [{ role: 'application', version: '1.0.0', size: 4096, sha256: 'b'.repeat(64) }],
  signingKeys: [],
  locks: {},
  station: 'L1',
  finishedAt: '2026-03-01T00:00:00.000Z',
  record: { sequence: 7, hash: 'c'.repeat(64), chain: 'd'.repeat(64) },
  issuedAt: '2026-03-02T00:00:00.000Z',
};

let signer: Signer;
let other: Signer;
let jws: string;
beforeAll(async () => {
  [signer, other] = await Promise.all([newSigner(), newSigner()]);
  jws = await signer.sign(CERTIFICATE, STATEMENTS.certificate);
});
const check = (text: string) => checkCertificate(text, [other.publicKey, signer.publicKey]);
const base64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('a certificate that somebody holds', () => {
  it('is known again however it was wrapped, quoted or surrounded', async () => {
    const folded = jws.replaceAll(/.{64}/g, '$&\r\n');
    const quoted = jws.replaceAll(/.{60}/g, '$&\n> ');
    for (const text of [
      jws,
      ` \uFEFF${jws}\n`,
      folded,
      `> ${quoted}\n>\n> Regards`,
      `Certificate of HB000001\nKey: abc\n${folded}\nPage 1 of 1`,
      `<pre>${jws}</pre>`,
      `{"certificate":{},"jws":"${jws}"}`,
    ])
      expect(await check(text)).toMatchObject({ verdict: 'authentic', says: CERTIFICATE, jws });
    const { key } = await check(jws);
    expect(key).toEqual({ id: signer.keyId, x: signer.publicKey.x, current: false });
  });

  it('is changed by any other character, and never taken for authentic or for unreadable', async () => {
    const [header = '', payload = ''] = jws.split('.');
    const dot = header.length + 1 + payload.length;
    // The last character of a signature has bits that mean nothing.
    const places = integer({ min: header.length + 1, max: jws.length - 2 }).filter((at) => at !== dot);
    const letter = constantFrom('A', 'B', 'Z', 'a', 'g', 'z', '0', '9', '-', '_');
    await assert(
      asyncProperty(places, letter, async (at, character) => {
        const changed = jws.slice(0, at) + character + jws.slice(at + 1);
        expect((await check(changed)).verdict).toBe(changed === jws ? 'authentic' : 'changed');
      }),
      { numRuns: RUNS / 40 },
    );
  });

  it('is told apart from what it is not', async () => {
    const [head = '', , signature = ''] = jws.split('.');
    const edited = `${head}.${base64({ ...CERTIFICATE, serial: 'HB000002' })}.${signature}`;
    expect(await check(edited)).toMatchObject({ verdict: 'changed', key: null, says: { serial: 'HB000002' } });
    const strange = await newSigner();
    expect(await check(await strange.sign(CERTIFICATE, STATEMENTS.certificate))).toMatchObject({
      verdict: 'other-key',
      namedKey: strange.keyId,
      says: CERTIFICATE,
    });
    const none = `${base64({ alg: 'none', typ: STATEMENTS.certificate })}.${base64(CERTIFICATE)}.${'A'.repeat(86)}`;
    expect((await check(none)).verdict).toBe('other-key');
    expect((await check(await signer.sign(CERTIFICATE, STATEMENTS.numberLease))).verdict).toBe('other-statement');
    expect(await check(await signer.sign({ made: 'later' }, STATEMENTS.certificate))).toMatchObject({
      verdict: 'newer',
      key: { id: signer.keyId },
      says: null,
    });
    expect((await check(`${jws}A`)).verdict).toBe('changed');
  });

  it('that is cut anywhere is said to be cut', () => {
    for (let end = 20; end < jws.length; end++)
      expect([end, readCertificateText(jws.slice(0, end))]).toEqual([end, 'truncated']);
    const [header = '', payload = '', signature = ''] = jws.split('.');
    expect(readCertificateText(`${payload}.${signature}`)).toBe('truncated');
    expect(readCertificateText(`${header}.${payload}`)).toBe('truncated');
  });

  it('is not seen where there is none', () => {
    const web = '<!doctype html><html><body>Certificate</body></html>';
    for (const [text, why] of [
      ['', 'empty'],
      [' \n\t ', 'empty'],
      [web, 'other-file'],
      ['%PDF-1.7\n%âãÏÓ', 'other-file'],
      ['HB000001', 'no-certificate'],
      ['eyJ', 'no-certificate'],
      ['x'.repeat(MAX_CERTIFICATE_TEXT + 1), 'too-large'],
      [`${jws}${' '.repeat(10_000_000)}`, 'too-large'],
    ] as const)
      expect([text.slice(0, 20), readCertificateText(text)]).toEqual([text.slice(0, 20), why]);
  });

  it('bears any text', async () => {
    const piece = oneof(
      string({ unit: 'grapheme' }),
      constantFrom('eyJ', '.', '{"', '\0', '\uFEFF', '<', base64({ alg: 'EdDSA', typ: 'x', kid: 'y' })),
    );
    assert(
      property(array(piece, { maxLength: 8 }), (pieces) => {
        const read = readCertificateText(pieces.join(''));
        expect(typeof read === 'string' || read.jws.split('.').length === 3).toBe(true);
      }),
      { numRuns: RUNS },
    );
    await assert(
      asyncProperty(array(piece, { maxLength: 8 }), async (pieces) => {
        expect((await check(pieces.join(''))).verdict).not.toBe('authentic');
      }),
      { numRuns: RUNS / 40 },
    );
  });
});
